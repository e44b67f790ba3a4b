"""`chatune init discord|slack`: what to click, the invite link, the app manifest."""

import base64
import binascii
from dataclasses import replace
from pathlib import Path

import typer

from chatune_adapters.discord.install import invite_link, permissions_of
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.slack.manifest import manifest_text
from chatune_adapters.slack.settings import APPS_PAGE
from chatune_bots.compose import Parts, stores_in_memory
from chatune_bots.home import Home
from chatune_bots.moderation_watching import watched_platforms
from chatune_bots.platforms import slack_options
from chatune_bots.settings import Settings
from chatune_bots.start import Start, start
from chatune_core.commands import Command
from chatune_core.errors import InvalidInput

MANIFEST = "slack-manifest.json"


def run_init_platform(platform: str, home: Home, folder: Path, bot_file: Path | None) -> None:
    """Lead through the set-up of `platform`.

    Raises:
        InvalidInput: for a platform that there is not, or a manifest in the way.
    """
    match platform:
        case "discord":
            _init_discord(home, folder)
        case "slack":
            _init_slack(home, folder, bot_file)
        case _:
            raise InvalidInput(f"There is no platform {platform[:40]!r}. Known: discord, slack.")


def _init_discord(home: Home, folder: Path) -> None:
    """Print the way to a bot on Discord; the link too, once the token is known."""
    settings = start(home, folder, None).settings
    token = settings.discord.token
    adapter = DiscordSettings(
        token.get_secret_value() if token else "",
        message_content=settings.discord.message_content,
        moderates="discord" in watched_platforms(settings.moderation),
    )
    lines = [
        f"1. Open {adapter.portal_url}, New Application; then Bot, Reset Token, and copy it.",
        "2. Set it where the bot runs:  export CHATUNE_DISCORD__TOKEN=...",
        f"3. {_platforms_line(settings, 'discord')}",
    ]
    application = _application_of(adapter.token)
    if application is None:
        lines.append(
            "4. Run `chatune init discord` again: it prints the link that invites the bot."
        )
    else:
        lines += [
            f"4. Invite the bot:  {invite_link(adapter, application)}",
            f"   It asks for: {', '.join(permissions_of(adapter))}. {_intent_line(adapter)}",
            "5. chatune doctor, then chatune serve.",
        ]
    typer.echo("\n".join(lines))


def _intent_line(adapter: DiscordSettings) -> str:
    if adapter.reads_content:
        return "Switch on Message Content Intent too: Bot, Privileged Gateway Intents."
    return "No privileged intent is needed."


def _init_slack(home: Home, folder: Path, bot_file: Path | None) -> None:
    """Write the manifest of the Slack app into the current folder and print the way to its tokens.

    Raises:
        InvalidInput: a manifest that is different lies there already.
    """
    begun = start(home, folder, bot_file)
    adapter = slack_options(begun.settings)
    if not adapter.listen and not adapter.app_token:
        # Socket Mode needs no address, so that is what a newcomer gets.
        adapter = replace(adapter, app_token="xapp-")
    text = manifest_text(adapter, _commands(begun), begun.settings.bot.name)
    file = folder / MANIFEST
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise InvalidInput(f"{file} is another manifest and was left as it is; move it away first.")
    file.write_text(text, encoding="utf-8")
    tokens = (
        "3. Basic Information, App-Level Tokens, Generate with connections:write:\n"
        "   export CHATUNE_SLACK__APP_TOKEN=xapp-..."
        if adapter.socket_mode
        else "3. Basic Information, App Credentials:  export CHATUNE_SLACK__SIGNING_SECRET=..."
    )
    bot_token = "2. Install App:  export CHATUNE_SLACK__BOT_TOKEN=xoxb-..."
    if adapter.removes or adapter.moderator_token:
        bot_token += (
            "\n   As an administrator, so that messages can be removed; then User OAuth Token:"
            "\n   export CHATUNE_SLACK__MODERATOR_TOKEN=xoxp-..."
        )
    typer.echo(
        "\n".join(
            [
                f"Wrote {file}.",
                f"1. Open {APPS_PAGE}, Create New App, From a manifest, and paste it.",
                bot_token,
                tokens,
                f"4. {_platforms_line(begun.settings, 'slack')}",
                "5. chatune doctor, then chatune serve. Invite the bot to a channel: /invite @name",
            ]
        )
    )


def _platforms_line(settings: Settings, platform: str) -> str:
    if platform in settings.serve.platforms:
        return f"chatune.toml serves {platform} already."
    wanted = [name for name in settings.serve.platforms if name != "console"] + [platform]
    listed = ", ".join(f'"{name}"' for name in wanted)
    return f"In chatune.toml, under [serve]:  platforms = [{listed}]"


def _application_of(token: str) -> str | None:
    """Return the application's id, which is the first part of a token in base64."""
    first = token.partition(".")[0]
    try:
        decoded = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return decoded if decoded.isdecimal() else None


def _commands(begun: Start) -> list[Command]:
    parts = Parts(begun.settings, stores_in_memory(begun.settings), {}, begun.bot)
    return list(parts.runtime(begun.settings.default_model, {}).commands)
