"""The app manifest: exactly what this adapter uses, for api.slack.com, Create New App."""

import json
from collections.abc import Iterable
from typing import Any

from chatune_adapters.slack.settings import SlackSettings
from chatune_core.commands import Command

SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "im:history",
    "im:write",
    "mpim:history",
    "reactions:read",
    "users:read",
)
"""What the bot token must allow."""
FLAGS = "reactions:write"
"""What the bot token must allow besides, where channels are watched."""
REMOVES = "chat:write"
"""What the token of a moderator must allow, where messages are removed."""
NEEDED = frozenset(("app_mentions:read", "chat:write", "im:history"))
"""Without these nothing works; without another only what it stands for."""
EVENTS = (
    "app_mention",
    "app_uninstalled",
    "assistant_thread_started",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "reaction_removed",
    "tokens_revoked",
)
USES = {
    "app_mentions:read": "hear mentions",
    "assistant:write": "status and prompts of assistant threads",
    "channels:history": "follow threads in public channels",
    "chat:write": "answer",
    "commands": "slash command and shortcuts",
    "files:read": "read what people attach",
    "files:write": "send files",
    "groups:history": "follow threads in private channels",
    "im:history": "hear direct messages",
    "im:write": "open direct messages",
    "mpim:history": "follow group messages",
    "reactions:read": "take reactions as ratings",
    "reactions:write": "flag messages in channels that are watched",
    "users:read": "show names of people who are mentioned",
}
"""What each scope is for, in words for people."""


def scopes_of(settings: SlackSettings) -> tuple[str, ...]:
    """Return what the bot token must allow with these settings, and no more."""
    return tuple(sorted((*SCOPES, FLAGS))) if settings.moderates else SCOPES


def manifest(
    settings: SlackSettings, commands: Iterable[Command], name: str = "Chatune"
) -> dict[str, Any]:
    """Return the manifest of an app called `name` that offers `commands`."""
    url = settings.public_url.rstrip("/")
    request_url = {} if settings.socket_mode else {"request_url": f"{url}{settings.path}"}
    listed = sorted(commands, key=lambda command: command.name)
    return {
        "display_information": {"name": name[:35]},
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "assistant_view": {
                "assistant_description": "Ask anything.",
                "suggested_prompts": [
                    {"title": title, "message": text} for title, text in settings.prompts[:4]
                ],
            },
            "bot_user": {"display_name": name[:80], "always_online": True},
            "shortcuts": _shortcuts(listed),
            "slash_commands": [
                {
                    "command": settings.command,
                    "description": f"Talk to {name}; without a word it lists what it can do."[:100],
                    "usage_hint": "help | command arguments",
                    "should_escape": True,
                    **({"url": request_url["request_url"]} if request_url else {}),
                }
            ],
        },
        "oauth_config": _oauth(settings, url),
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS), **request_url},
            "interactivity": {"is_enabled": True, **request_url},
            "org_deploy_enabled": settings.many_workspaces,
            "socket_mode_enabled": settings.socket_mode,
            "token_rotation_enabled": settings.rotates_tokens and settings.many_workspaces,
        },
    }


def manifest_text(
    settings: SlackSettings, commands: Iterable[Command], name: str = "Chatune"
) -> str:
    """Return the manifest as JSON, to be pasted."""
    return json.dumps(manifest(settings, commands, name), indent=2) + "\n"


def _shortcuts(commands: Iterable[Command]) -> list[dict[str, str]]:
    found = []
    for command in commands:
        described = {"callback_id": command.name, "description": command.help[:150]}
        if command.on_message:
            found.append({"name": command.on_message[:24], "type": "message", **described})
        elif command.name == "help":
            found.append({"name": "Help", "type": "global", **described})
    return found


def _oauth(settings: SlackSettings, url: str) -> dict[str, Any]:
    redirects = {"redirect_urls": [f"{url}/slack/oauth_redirect"]} if url else {}
    scopes = {"bot": list(scopes_of(settings))}
    if settings.removes or settings.moderator_token:
        scopes["user"] = [REMOVES]
    return {"scopes": scopes, **(redirects if settings.many_workspaces else {})}
