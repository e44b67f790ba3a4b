"""Finds what an earlier process, or a call with an unknown outcome, has shown of an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatune_adapters.discord.errors import Refused
from chatune_adapters.discord.ids import custom_id, nonce_of, since_in
from chatune_adapters.discord.outlets import Body, says
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.via import Via
from chatune_core.fitting import STOP
from chatune_core.messages import EventKey

_PAGE, _PAGES, _PARTS, _AGAIN = 100, 5, 40, 4
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is there after an event: `parts` of its answer, in order, and unfinished others."""

    parts: list[str]
    unfinished: list[str]


@dataclass(frozen=True, slots=True)
class Sought:
    """How the messages of one reply are known: by the nonce of a part, as long as that is told.

    Else by the interaction that led to them, by the message that they refer to, or, where
    nothing was asked and nothing is referred to, by what they say: `bodies`.
    """

    answers: EventKey
    reference: str = ""
    via: Via | None = None
    bodies: Sequence[Body] = ()


async def shown_earlier(rest: Rest, me: str, channel: str, sought: Sought) -> Earlier:
    """Return the messages that show parts of the reply already, and those that still grow.

    Own messages after the event count. What one person alone sees cannot be listed.
    """
    answers, since = sought.answers, since_in(sought.answers)
    nonces = {nonce_of(answers, part, again) for part in range(_PARTS) for again in range(_AGAIN)}
    read = _newest if sought.bodies else _oldest
    said = await read(rest, channel, int(since or 0))
    mine = [message for message in said if message["author"]["id"] == me]
    parts = [message["id"] for message in mine if _belongs(message, nonces, sought)]
    grow = [message["id"] for message in mine if _grows(message) and message["id"] not in parts]
    return Earlier(parts, grow)


async def _oldest(rest: Rest, channel: str, since: int) -> list[Payload]:
    """Return what was said first after `since`, in order: there an answer stands."""
    said: list[Payload] = []
    for _ in range(_PAGES):
        page = await _page(rest, channel, {"after": str(said[-1]["id"] if said else since)})
        said += page
        if len(page) < _PAGE:
            break
    return said


async def _newest(rest: Rest, channel: str, since: int) -> list[Payload]:
    """Return what was said last after `since`, in order: what is announced may come much later."""
    said: list[Payload] = []
    for _ in range(_PAGES):
        page = await _page(rest, channel, {"before": str(said[0]["id"])} if said else {})
        said = page + said
        if len(page) < _PAGE or int(page[0]["id"]) <= since:
            break
    return [message for message in said if int(message["id"]) > since]


async def _page(rest: Rest, channel: str, where: Mapping[str, str]) -> list[Payload]:
    try:
        page: list[Payload] = await rest.call(
            "GET",
            "/channels/{channel}/messages",
            query={**where, "limit": str(_PAGE)},
            channel=channel,
        )
    except Refused:
        return []  # Without the permission to read the history the nonce must do.
    return sorted(page, key=lambda message: int(message["id"]))


def _grows(message: Payload) -> bool:
    if "interaction_metadata" in message:
        return False  # Its place is under the command, whenever that was given.
    stop = custom_id(STOP)
    shown = (row.get("components", ()) for row in message.get("components", ()))
    return any(each.get("custom_id") == stop for row in shown for each in row)


def _belongs(message: Payload, nonces: set[str], sought: Sought) -> bool:
    if "nonce" in message:
        return message["nonce"] in nonces
    if sought.bodies:
        return any(says(message, body) for body in sought.bodies)
    if sought.via is not None:
        led_here = message.get("interaction_metadata") or {}
        return led_here.get("id") == sought.via.interaction
    referred = (message.get("message_reference") or {}).get("message_id")
    return bool(sought.reference) and referred == sought.reference
