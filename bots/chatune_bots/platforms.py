"""The configured chat platforms; the only module that names them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from chatune_adapters.platform import Platform
from chatune_bots.compose import stores_in_memory, utc_now
from chatune_bots.settings import DiscordSection, Settings, SlackSection
from chatune_core.errors import ConfigurationError
from chatune_core.ports import KeyValues

if TYPE_CHECKING:
    from chatune_adapters.discord.install import Finding
    from chatune_adapters.discord.settings import DiscordSettings
    from chatune_adapters.slack.install import Checked
    from chatune_adapters.slack.settings import SlackSettings


def open_platforms(settings: Settings, store: KeyValues) -> Sequence[Platform]:
    """Return the configured platforms but for the console, not yet connected.

    Raises:
        ConfigurationError: one of them lacks a token.
    """
    platforms: list[Platform] = []
    # Each library takes half a second to import; whoever does not use it does not wait for it.
    if "discord" in settings.serve.platforms:
        from chatune_adapters.discord.platform import DiscordPlatform

        platforms.append(DiscordPlatform(discord_settings(settings.discord), store, utc_now))
    if "slack" in settings.serve.platforms:
        from chatune_adapters.slack.platform import SlackPlatform

        platforms.append(SlackPlatform(slack_settings(settings.slack), store, utc_now))
    return platforms


async def examine_platform(name: str, settings: Settings) -> "Sequence[Finding | Checked]":
    """Return what the platform says about the bot's tokens and rights.

    Raises:
        ConfigurationError: a token is missing.
    """
    if name == "discord":
        from chatune_adapters.discord.install import check

        return await check(discord_settings(settings.discord))
    from chatune_adapters.slack.install import checks

    return await checks(slack_settings(settings.slack), stores_in_memory(settings).key_values)


def discord_settings(section: DiscordSection) -> "DiscordSettings":
    """Return what the Discord adapter takes.

    Raises:
        ConfigurationError: there is no token.
    """
    from chatune_adapters.discord.settings import DiscordSettings

    if section.token is None:
        raise ConfigurationError(
            "There is no Discord token.",
            "Run `chatune init discord`, then set CHATUNE_DISCORD__TOKEN.",
        )
    usual = DiscordSettings(section.token.get_secret_value())
    return replace(
        usual,
        message_content=section.message_content,
        shards=section.shards,
        api_url=section.api_base or usual.api_url,
        gateway_url=section.gateway_url or usual.gateway_url,
    )


def slack_settings(section: SlackSection) -> "SlackSettings":
    """Return what the Slack adapter takes.

    Raises:
        ConfigurationError: a token or a secret is missing.
    """
    from chatune_adapters.slack.settings import check

    settings = slack_options(section)
    check(settings)
    return settings


def slack_options(section: SlackSection) -> "SlackSettings":
    """Return the same, whether or not it is enough to run."""
    from chatune_adapters.slack.settings import SlackSettings

    usual = SlackSettings()
    return replace(
        usual,
        app_token=_revealed(section.app_token),
        bot_token=_revealed(section.bot_token),
        moderator_token=_revealed(section.moderator_token),
        signing_secret=_revealed(section.signing_secret),
        client_secret=_revealed(section.client_secret),
        client_id=section.client_id or "",
        listen=section.listen or "",
        public_url=section.public_url or "",
        rotates_tokens=section.rotates_tokens,
        command=section.command,
        api_base=section.api_base or usual.api_base,
    )


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
