"""Finds what an earlier process, or a call with an unknown outcome, has shown of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatune_adapters.discord.errors import Refused
from chatune_adapters.discord.ids import custom_id, nonce_of, snowflake_in
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.via import Via
from chatune_core.fitting import STOP
from chatune_core.messages import EventKey

_PAGE, _PAGES, _PARTS, _AGAIN = 100, 5, 40, 4


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is there after an event: `parts` of its answer, in order, and unfinished others."""

    parts: list[str]
    unfinished: list[str]


async def shown_earlier(
    rest: Rest, me: str, channel: str, answers: EventKey, reference: str, via: Via | None
) -> Earlier:
    """Return the messages that show parts of the answer already, and those that still grow.

    Own messages after the event count if they carry the nonce of a part, belong to the same
    interaction, or refer to the message that the event is. What one person alone sees cannot be
    listed.
    """
    after = snowflake_in(answers)
    if not after:
        return Earlier([], [])
    nonces = {nonce_of(answers, part, again) for part in range(_PARTS) for again in range(_AGAIN)}
    found = Earlier([], [])
    for _ in range(_PAGES):
        try:
            page: list[Mapping[str, Any]] = await rest.call(
                "GET",
                "/channels/{channel}/messages",
                query={"after": after, "limit": str(_PAGE)},
                channel=channel,
            )
        except Refused:
            return found  # Without the permission to read the history the nonce must do.
        page.sort(key=lambda message: int(message["id"]))
        mine = [message for message in page if message["author"]["id"] == me]
        parts = [message["id"] for message in mine if _belongs(message, nonces, reference, via)]
        found.parts.extend(parts)
        found.unfinished.extend(
            message["id"] for message in mine if _grows(message) and message["id"] not in parts
        )
        if len(page) < _PAGE:
            break
        after = page[-1]["id"]
    return found


def _grows(message: Mapping[str, Any]) -> bool:
    if "interaction_metadata" in message:
        return False  # Its place is under the command, whenever that was given.
    stop = custom_id(STOP)
    shown = (row.get("components", ()) for row in message.get("components", ()))
    return any(each.get("custom_id") == stop for row in shown for each in row)


def _belongs(message: Mapping[str, Any], nonces: set[str], reference: str, via: Via | None) -> bool:
    if "nonce" in message:
        return message["nonce"] in nonces
    if via is not None:
        led_here = message.get("interaction_metadata") or {}
        return led_here.get("id") == via.interaction
    referred = (message.get("message_reference") or {}).get("message_id")
    return bool(reference) and referred == reference
