"""Finds what an earlier process, or a call with an unknown outcome, has shown of an answer."""

from collections.abc import Mapping
from typing import Any

from chatune_adapters.discord.errors import Refused
from chatune_adapters.discord.ids import nonce_of, snowflake_in
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.via import Via
from chatune_core.messages import EventKey

_PAGE, _PAGES, _PARTS = 100, 5, 40


async def shown_earlier(
    rest: Rest, me: str, channel: str, answers: EventKey, reference: str, via: Via | None
) -> list[str]:
    """Return the messages that show parts of the answer already, in order.

    Own messages after the event count if they carry the nonce of a part, belong to the same
    interaction, or refer to the message that the event is. What one person alone sees cannot be
    listed.
    """
    after = snowflake_in(answers)
    if not after:
        return []
    nonces = {nonce_of(answers, part, again) for part in range(_PARTS) for again in (0, 1)}
    found: list[str] = []
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
        mine = (message for message in page if message["author"]["id"] == me)
        found += [each["id"] for each in mine if _belongs(each, nonces, reference, via)]
        if len(page) < _PAGE:
            break
        after = page[-1]["id"]
    return found


def _belongs(message: Mapping[str, Any], nonces: set[str], reference: str, via: Via | None) -> bool:
    if "nonce" in message:
        return message["nonce"] in nonces
    if via is not None:
        led_here = message.get("interaction_metadata") or {}
        return led_here.get("id") == via.interaction
    referred = (message.get("message_reference") or {}).get("message_id")
    return bool(reference) and referred == reference
