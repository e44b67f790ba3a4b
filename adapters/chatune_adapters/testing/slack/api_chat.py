"""Methods that post, edit and delete messages."""

from chatune_adapters.testing.slack.calls import ApiError, Call, Method, Methods
from chatune_adapters.testing.slack.contents import (
    UPDATED_TEXT_AT_MOST,
    blocks,
    contents,
    markdown,
    metadata,
    own_message,
    thread,
)
from chatune_adapters.testing.slack.world import Channel, Json, Message


def bot_message(call: Call, channel: str, text: str, **more: object) -> Message:
    """Return a new message of the bot, not posted yet."""
    team = call.workspace
    message = Message(channel, call.world.now_ts(), team.bot.id, text, bot_id=team.bot_id)
    for name, value in more.items():
        setattr(message, name, value)
    return message


def clear_status(call: Call, message: Message) -> None:
    """Take the assistant's status away, as a message of the bot in the thread does."""
    shown = call.site.assistants.get((message.channel, message.thread_ts or ""))
    if shown is not None and shown.status:
        shown.statuses.append("")


async def _post(call: Call) -> Json:
    channel = call.channel_to_post()
    found = contents(call)
    thread_ts = thread(call, channel)
    broadcast = thread_ts is not None and call.flag("reply_broadcast")
    message = bot_message(
        call,
        channel.id,
        found.text,
        blocks=found.blocks,
        attachments=found.attachments,
        metadata=metadata(call) or None,
        thread_ts=thread_ts,
        broadcast=broadcast,
        subtype="thread_broadcast" if broadcast else None,
    )
    call.site.messaging.post(channel, message)
    clear_status(call, message)
    answer = {
        "channel": channel.id,
        "ts": message.ts,
        "message": call.site.messaging.json(channel, message, metadata=True),
    }
    if found.warnings:
        answer |= {
            "warning": ",".join(found.warnings),
            "response_metadata": {"warnings": found.warnings},
        }
    return answer


async def _ephemeral(call: Call) -> Json:
    channel = call.channel_to_post()
    user = call.user()
    if user.id not in channel.members:
        raise ApiError("user_not_in_channel")
    found = contents(call)
    message = bot_message(
        call,
        channel.id,
        found.text,
        blocks=found.blocks,
        attachments=found.attachments,
        thread_ts=thread(call, channel),
        ephemeral_for=user.id,
    )
    call.site.messaging.post(channel, message)
    return {"message_ts": message.ts}


async def _update(call: Call) -> Json:
    channel = call.channel()
    message = own_message(call, channel, "cant_update_message")
    if message.stream == "open":
        raise ApiError("streaming_state_conflict")
    now = _new_content(call)
    given = metadata(call)
    if given is not None:
        now["metadata"] = given or None
    call.site.messaging.change(channel, message, **now)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": call.site.messaging.json(channel, message, metadata=True),
    }


def _new_content(call: Call) -> Json:
    text = markdown(call)
    if text is None:
        text = call.maybe("text")
        if text is not None and len(text) > UPDATED_TEXT_AT_MOST:
            raise ApiError("msg_too_long")
    now: Json = {}
    if text is not None:
        now |= {"text": text, "blocks": []}
    if "blocks" in call.arguments:
        now["blocks"] = blocks(call)
    if "attachments" in call.arguments:
        now["attachments"] = call.structure("attachments", "invalid_attachments") or []
    if not any(now.values()):
        raise ApiError("no_text")
    return now


async def _delete(call: Call) -> Json:
    channel = call.channel()
    message = _deletable(call, channel)
    call.site.messaging.delete(channel, message)
    return {"channel": channel.id, "ts": message.ts}


def _deletable(call: Call, channel: Channel) -> Message:
    """Return the message, if whoever acts may delete it: its author, or an administrator."""
    if call.person is not None and (call.actor.is_admin or call.actor.is_owner):
        return call.message(channel)
    return own_message(call, channel, "cant_delete_message")


async def _permalink(call: Call) -> Json:
    channel = call.channel()
    message = call.message(channel, "message_ts")
    link = f"{call.site.origin}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


METHODS: Methods = {
    "chat.delete": Method(_delete, ("chat:write",), token="bot or person"),
    "chat.getPermalink": Method(_permalink),
    "chat.postEphemeral": Method(_ephemeral, ("chat:write",)),
    "chat.postMessage": Method(_post, ("chat:write",)),
    "chat.update": Method(_update, ("chat:write",)),
}
