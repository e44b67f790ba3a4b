"""The configured chat platforms; the only module that names them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from chatune_adapters.platform import Platform
from chatune_bots.compose import stores_in_memory, utc_now
from chatune_bots.moderation_watching import watched_platforms, watching
from chatune_bots.settings import Settings
from chatune_core.errors import ConfigurationError
from chatune_core.moderation.cases import Measure
from chatune_core.moderation.watching import Watching
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

        platforms.append(DiscordPlatform(discord_settings(settings), store, utc_now))
    if "slack" in settings.serve.platforms:
        from chatune_adapters.slack.platform import SlackPlatform

        platforms.append(SlackPlatform(slack_settings(settings), store, utc_now))
    return platforms


async def examine_platform(name: str, settings: Settings) -> "Sequence[Finding | Checked]":
    """Return what the platform says about the bot's tokens and rights.

    Raises:
        ConfigurationError: a token is missing.
    """
    if name == "discord":
        from chatune_adapters.discord.install import check

        return await check(discord_settings(settings))
    from chatune_adapters.slack.install import checks

    return await checks(slack_settings(settings), stores_in_memory(settings).key_values)


def discord_settings(settings: Settings) -> "DiscordSettings":
    """Return what the Discord adapter takes.

    Raises:
        ConfigurationError: there is no token.
    """
    from chatune_adapters.discord.settings import DiscordSettings

    section = settings.discord
    if section.token is None:
        raise ConfigurationError(
            "There is no Discord token.",
            "Run `chatune init discord`, then set CHATUNE_DISCORD__TOKEN.",
        )
    usual = DiscordSettings(section.token.get_secret_value())
    return replace(
        usual,
        message_content=section.message_content,
        moderates="discord" in watched_platforms(settings.moderation),
        shards=section.shards,
        api_url=section.api_base or usual.api_url,
        gateway_url=section.gateway_url or usual.gateway_url,
    )


def slack_settings(settings: Settings) -> "SlackSettings":
    """Return what the Slack adapter takes.

    Raises:
        ConfigurationError: a token or a secret is missing.
    """
    from chatune_adapters.slack.settings import check

    options = slack_options(settings)
    check(options)
    return options


def slack_options(settings: Settings) -> "SlackSettings":
    """Return the same, whether or not it is enough to run."""
    from chatune_adapters.slack.settings import SlackSettings

    section = settings.slack
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
        moderates="slack" in watched_platforms(settings.moderation),
        channels=_slack_channels(watching(settings.moderation)),
        removes=_removes(watching(settings.moderation)),
    )


def _slack_channels(watched: Watching) -> tuple[str, ...]:
    """Return the channels that are named, by Slack's own ids: watched ones and moderators'."""
    named = [name for name, watch in watched.places.items() if watch is not None]
    parts = (name.split(":") for name in [*named, *watched.review_channels()])
    return tuple(sorted({each[2] for each in parts if each[0] == "slack" and len(each) > 2}))


def _removes(watched: Watching) -> bool:
    """Return whether some measure in a watched place of Slack takes a message away."""
    return any(
        Measure.REMOVE in measures
        for name, watch in watched.places.items()
        if watch is not None and name.startswith("slack")
        for measures in watch.measures.values()
    )


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
