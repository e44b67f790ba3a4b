"""What an operator needs to set the bot up: the link that invites it, and what is amiss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from chatune_adapters.discord.errors import Refused, bad_token, missing_intent
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.settings import DiscordSettings
from chatune_core.errors import RetryLater

PERMISSIONS: Mapping[str, int] = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Send Messages in Threads": 1 << 38,
}
"""Exactly what the bot uses, by the names of Discord's own settings."""
MEASURES: Mapping[str, int] = {
    "Manage Channels": 1 << 4,
    "Add Reactions": 1 << 6,
    "Manage Messages": 1 << 13,
    "Timeout Members": 1 << 40,
}
"""What it uses besides where it watches channels: slow mode, marks, removal, time-outs."""
_ADMINISTRATOR = 1 << 3
_CONTENT_FLAGS = 1 << 18 | 1 << 19
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; where not `ok`, `remedy` says what to click."""

    ok: bool
    problem: str
    remedy: str = ""


def permissions_of(settings: DiscordSettings) -> Mapping[str, int]:
    """Return exactly what the bot uses as it is set up, by the names of Discord's own settings."""
    return {**PERMISSIONS, **MEASURES} if settings.moderates else PERMISSIONS


def invite_link(settings: DiscordSettings, application: str) -> str:
    """Return the link that adds the bot to a server, with exactly the permissions it uses."""
    asked = {
        "client_id": application,
        "scope": "bot applications.commands",
        "permissions": sum(permissions_of(settings).values()),
    }
    return f"{settings.invite_url}?{urlencode(asked)}"


async def check(settings: DiscordSettings) -> Sequence[Finding]:
    """Return what was found about the token, the intents and the permissions in each server."""
    rest = Rest(settings)
    async with rest.opened():
        try:
            me = await rest.call("GET", "/users/@me")
            application = await rest.call("GET", "/applications/@me")
            guilds = await rest.call("GET", "/users/@me/guilds")
        except Refused as error:
            return [_refusal(settings, error)]
        except RetryLater as error:
            told = f"Discord cannot be reached: {error}."
            return [Finding(False, told, f"Check that this machine reaches {settings.api_url}.")]
    link = invite_link(settings, application["id"])
    return [
        Finding(True, f"The token is that of {me['username']!r}."),
        *_content(settings, application),
        *_endpoint(settings, application),
        *_guilds(guilds, link, permissions_of(settings)),
    ]


def has_content_intent(application: Mapping[str, Any]) -> bool:
    """Return whether the message content intent is switched on for the application."""
    return bool(int(application.get("flags") or 0) & _CONTENT_FLAGS)


def _refusal(settings: DiscordSettings, error: Refused) -> Finding:
    if error.status == 401:
        token = bad_token(settings)
        return Finding(False, token.problem, token.remedy)
    return Finding(False, str(error), f"Look at the application under {settings.portal_url}.")


def _content(settings: DiscordSettings, application: Mapping[str, Any]) -> list[Finding]:
    if not settings.reads_content:
        told = "The message content intent is not asked for; mentions and direct messages suffice."
        return [Finding(True, told)]
    if has_content_intent(application):
        return [Finding(True, "The message content intent is switched on.")]
    intent = missing_intent(settings)
    return [Finding(False, intent.problem, intent.remedy)]


def _endpoint(settings: DiscordSettings, application: Mapping[str, Any]) -> list[Finding]:
    if not application.get("interactions_endpoint_url"):
        return []
    return [
        Finding(
            False,
            "Discord sends commands and buttons to a URL instead of this bot.",
            f"Open {settings.portal_url}, choose the application, General Information, and empty "
            "Interactions Endpoint URL.",
        )
    ]


def _guilds(
    guilds: Sequence[Mapping[str, Any]], link: str, needed: Mapping[str, int]
) -> list[Finding]:
    if not guilds:
        return [Finding(False, "The bot is in no server.", f"Open {link} and add it to one.")]
    findings = []
    for guild in guilds:
        missing = _missing(int(guild.get("permissions") or 0), needed)
        if missing:
            told = f"In {guild['name']!r} the bot may not: {', '.join(missing)}."
            remedy = f"Open {link} again, or allow it under Server Settings, Roles."
            findings.append(Finding(False, told, remedy))
    names = ", ".join(repr(guild["name"]) for guild in guilds[:_NAMED])
    return findings or [Finding(True, f"The bot may do what it needs in {names}.")]


def _missing(granted: int, needed: Mapping[str, int]) -> list[str]:
    if granted & _ADMINISTRATOR:
        return []
    return [name for name, bit in needed.items() if not granted & bit]
