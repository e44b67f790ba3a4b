"""What a call says a message shall contain, checked as Slack checks it."""

import json
from dataclasses import dataclass, field

from chatune_adapters.testing.slack.blocks import BlocksRefused, check_blocks
from chatune_adapters.testing.slack.calls import ApiError, Call
from chatune_adapters.testing.slack.world import Channel, Json, Message

TEXT_AT_MOST = 40_000
UPDATED_TEXT_AT_MOST = 4_000
MARKDOWN_AT_MOST = 12_000
METADATA_AT_MOST = 8_192


@dataclass(slots=True)
class Contents:
    """Text, blocks and the rest, and the warnings that Slack would answer."""

    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def contents(call: Call) -> Contents:
    """Return what a posting call carries.

    Raises:
        ApiError: `no_text`, `invalid_blocks`, `markdown_text_conflict`, `too_many_attachments`...
    """
    found = Contents(markdown(call) or call.maybe("text") or "", blocks(call))
    attachments = call.structure("attachments", "invalid_attachments") or []
    if not isinstance(attachments, list):
        raise ApiError("invalid_attachments")
    if len(attachments) > 100:
        raise ApiError("too_many_attachments")
    found.attachments = attachments
    if not (found.text or found.blocks or found.attachments):
        raise ApiError("no_text")
    if len(found.text) > TEXT_AT_MOST:
        found.text = found.text[:TEXT_AT_MOST]
        found.warnings.append("message_truncated")
    return found


def markdown(call: Call) -> str | None:
    """Return the markdown_text of a call.

    Raises:
        ApiError: `msg_too_long`, `markdown_text_conflict`.
    """
    text = call.maybe("markdown_text")
    if text is None:
        return None
    if call.maybe("text") or call.arguments.get("blocks"):
        raise ApiError("markdown_text_conflict")
    if len(text) > MARKDOWN_AT_MOST:
        raise ApiError("msg_too_long")
    return text


def blocks(call: Call) -> list[Json]:
    """Return the blocks of a call, checked; an id is given to those without."""
    found = call.structure("blocks", "invalid_blocks_format")
    if found is None:
        return []
    return checked(call, found)


def checked(call: Call, found: object) -> list[Json]:
    """Return blocks if Slack would take them, each with a block_id."""
    try:
        good = check_blocks(found)
    except BlocksRefused as error:
        messages = [f"[ERROR] {reason}" for reason in error.reasons]
        raise ApiError(
            error.code, errors=error.reasons, response_metadata={"messages": messages}
        ) from error
    return [{"block_id": call.world.new_id("b")} | one for one in good]


def metadata(call: Call) -> Json | None:
    """Return the metadata of a call; {} is what an empty object says.

    Raises:
        ApiError: `invalid_metadata_format`, `metadata_too_large`.
    """
    found = call.structure("metadata", "invalid_metadata_format")
    if found is None:
        return {} if call.arguments.get("metadata") in ({}, "{}") else None
    if not isinstance(found, dict) or not isinstance(found.get("event_type"), str):
        raise ApiError("invalid_metadata_format")
    # Bolt's assistant sends null where it knows no context, so Slack must take it.
    payload = {} if found.get("event_payload", ()) is None else found.get("event_payload")
    if not isinstance(payload, dict):
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(found)) > METADATA_AT_MOST:
        raise ApiError("metadata_too_large")
    return {"event_type": found["event_type"], "event_payload": payload}


def thread(call: Call, channel: Channel, name: str = "thread_ts") -> str | None:
    """Return the thread a call writes to.

    Slack's lists of errors do not say what an unknown or a reply's ts gets; this refuses both.

    Raises:
        ApiError: `thread_not_found`, `cannot_reply_to_message`.
    """
    ts = call.maybe(name)
    if not ts:
        return None
    parent = channel.visible(ts)
    if parent is None:
        raise ApiError("thread_not_found")
    if parent.is_reply:
        raise ApiError("cannot_reply_to_message")
    return ts


def own_message(call: Call, channel: Channel, error: str) -> Message:
    """Return the message a call names, if whoever acts wrote it.

    Raises:
        ApiError: `message_not_found`, or the given error.
    """
    message = call.message(channel)
    if message.user != call.actor.id:
        raise ApiError(error)
    return message
