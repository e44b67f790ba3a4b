"""Methods of streamed messages: start, append, stop.

Slack ends a streamed message some five minutes after its start, also while text still flows
(slackapi/python-slack-sdk issue 1859); then both append and stop answer
`message_not_in_streaming_state`, and only chat.update helps.
"""

from chatune_adapters.testing.slack.api_chat import bot_message, clear_status
from chatune_adapters.testing.slack.calls import ApiError, Call, Method, Methods
from chatune_adapters.testing.slack.contents import (
    MARKDOWN_AT_MOST,
    blocks,
    checked,
    metadata,
    own_message,
    thread,
)
from chatune_adapters.testing.slack.world import Channel, Json, Message

_CHUNKS = frozenset(("markdown_text", "plan_update", "task_update", "blocks"))


def expire(message: Message) -> None:
    """End a streamed message as Slack does, without a word to the app."""
    if message.stream == "open":
        message.stream = "expired"


async def _start(call: Call) -> Json:
    channel = call.channel_to_post()
    thread_ts = thread(call, channel)
    if channel.kind != "im":
        _recipient(call)
    text, shown = _streamed(call)
    message = bot_message(
        call,
        channel.id,
        text,
        blocks=shown,
        thread_ts=thread_ts,
        stream="open",
        stream_started=call.world.clock(),
    )
    call.site.messaging.post(channel, message)
    clear_status(call, message)
    return {"channel": channel.id, "ts": message.ts}


async def _append(call: Call) -> Json:
    channel, message = _open_stream(call)
    text, shown = _streamed(call)
    if not text and not shown and not call.structure("chunks"):
        raise ApiError("no_text")
    _grow(message, text, shown)
    return {"channel": channel.id, "ts": message.ts}


async def _stop(call: Call) -> Json:
    channel, message = _open_stream(call)
    text, shown = _streamed(call)
    shown = shown + blocks(call)
    _grow(message, text, shown)
    message.stream = "done"
    given = metadata(call)
    call.site.messaging.change(channel, message, edited=False, metadata=given or message.metadata)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": call.site.messaging.json(channel, message, metadata=True),
    }


def _grow(message: Message, text: str, shown: list[Json]) -> None:
    if text:
        message.earlier.append(message.text)
        message.text += text
    message.blocks = [*message.blocks, *shown]


def _open_stream(call: Call) -> tuple[Channel, Message]:
    channel = call.channel()
    message = own_message(call, channel, "message_not_owned_by_app")
    age = call.world.clock() - message.stream_started
    if message.stream == "open" and age > call.site.timing.stream_lives:
        expire(message)
    if message.stream != "open":
        raise ApiError("message_not_in_streaming_state")
    return channel, message


def _recipient(call: Call) -> None:
    if not call.maybe("recipient_team_id"):
        raise ApiError("missing_recipient_team_id")
    if not call.maybe("recipient_user_id"):
        raise ApiError("missing_recipient_user_id")
    if call.maybe("recipient_team_id") != call.workspace.id:
        raise ApiError("team_not_found")
    call.user("recipient_user_id")


def _streamed(call: Call) -> tuple[str, list[Json]]:
    text, shown = call.maybe("markdown_text") or "", list[Json]()
    chunks = call.structure("chunks", "invalid_chunks") or []
    if not isinstance(chunks, list):
        raise ApiError("invalid_chunks")
    for chunk in chunks:
        if not isinstance(chunk, dict) or chunk.get("type") not in _CHUNKS:
            raise ApiError("invalid_chunks")
        if chunk["type"] == "markdown_text":
            text += str(chunk.get("text", ""))
        elif chunk["type"] == "blocks":
            shown += checked(call, chunk.get("blocks"))
    if len(text) > MARKDOWN_AT_MOST:
        raise ApiError("msg_too_long")
    return text, shown


METHODS: Methods = {
    "chat.startStream": Method(_start, ("chat:write",)),
    "chat.appendStream": Method(_append, ("chat:write",)),
    "chat.stopStream": Method(_stop, ("chat:write",)),
}
