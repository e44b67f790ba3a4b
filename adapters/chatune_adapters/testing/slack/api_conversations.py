"""Methods that read conversations."""

import base64
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from chatune_adapters.testing.slack.calls import ApiError, Call, Method, Methods
from chatune_adapters.testing.slack.payloads import channel_json
from chatune_adapters.testing.slack.world import Channel, Json, Message

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_PREFIX = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


async def _info(call: Call) -> Json:
    channel = call.channel()
    _need(call, channel, "read")
    return {"channel": channel_json(channel)}


async def _list(call: Call) -> Json:
    kinds = {
        {"public_channel": "channel", "private_channel": "group"}.get(one, one)
        for one in (call.maybe("types") or "public_channel").split(",")
    }
    bot = call.workspace.bot.id
    found = [
        one
        for one in call.world.channels.values()
        if one.team is call.workspace
        and one.kind in kinds
        and (one.kind == "channel" or bot in one.members)
    ]
    return {
        "channels": [channel_json(one) for one in found],
        "response_metadata": {"next_cursor": ""},
    }


async def _open(call: Call) -> Json:
    if call.maybe("channel"):
        channel = call.channel()
    else:
        users = call.text("users").split(",")
        if len(users) > 1:
            raise ApiError("invalid_user_combination")
        user = call.world.users.get(users[0])
        if user is None or user.team_id != call.workspace.id:
            raise ApiError("user_not_found")
        channel = call.world.dm_between(user)
    return {"channel": channel_json(channel) if call.flag("return_im") else {"id": channel.id}}


async def _members(call: Call) -> Json:
    channel = call.channel()
    _need(call, channel, "read")
    return {"members": sorted(channel.members), "response_metadata": {"next_cursor": ""}}


async def _join(call: Call) -> Json:
    channel = call.channel()
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    channel.members.add(call.workspace.bot.id)
    return {"channel": channel_json(channel)}


async def _history(call: Call) -> Json:
    channel = _readable(call)
    top = [one for one in channel.listed() if not one.is_reply or one.broadcast]
    found = list(reversed(_between(call, top)))
    return _page(call, channel, found)


async def _replies(call: Call) -> Json:
    channel = _readable(call)
    parent = channel.visible(call.text("ts"))
    if parent is None:
        raise ApiError("thread_not_found")
    root = channel.visible(parent.thread_ts) if parent.is_reply else parent
    if root is None:
        raise ApiError("thread_not_found")
    replies = _between(call, channel.replies_to(root.ts))
    return _page(call, channel, [root, *replies])


def _readable(call: Call) -> Channel:
    channel = call.channel()
    _need(call, channel, "history")
    if call.workspace.bot.id not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def _need(call: Call, channel: Channel, what: str) -> None:
    scope = f"{_PREFIX[channel.kind]}:{what}"
    if scope not in call.workspace.scopes:
        provided = ",".join(sorted(call.workspace.scopes))
        raise ApiError("missing_scope", needed=scope, provided=provided)


def _between(call: Call, messages: Sequence[Message]) -> list[Message]:
    oldest, latest, edge = _ts(call, "oldest"), _ts(call, "latest"), call.flag("inclusive")
    return [
        one
        for one in messages
        if (oldest is None or Decimal(one.ts) > oldest or (edge and Decimal(one.ts) == oldest))
        and (latest is None or Decimal(one.ts) < latest or (edge and Decimal(one.ts) == latest))
    ]


def _ts(call: Call, name: str) -> Decimal | None:
    given = call.maybe(name)
    try:
        return Decimal(given) if given and given != "now" else None
    except InvalidOperation as error:
        raise ApiError(f"invalid_ts_{name}") from error


def _page(call: Call, channel: Channel, found: list[Message]) -> Json:
    limit = call.number("limit", 100)
    if not 0 < limit <= 999:
        raise ApiError("invalid_limit")
    start = _start(call.maybe("cursor"), found)
    page, rest = found[start : start + limit], found[start + limit :]
    answer: Json = {
        "messages": [
            call.site.messaging.json(channel, one, metadata=call.flag("include_all_metadata"))
            for one in page
        ],
        "has_more": bool(rest),
    }
    if rest:
        cursor = base64.b64encode(f"next_ts:{rest[0].ts}".encode()).decode()
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def _start(cursor: str | None, found: Sequence[Message]) -> int:
    if not cursor:
        return 0
    try:
        ts = base64.b64decode(cursor, validate=True).decode().removeprefix("next_ts:")
    except ValueError as error:
        raise ApiError("invalid_cursor") from error
    places = [place for place, one in enumerate(found) if one.ts == ts]
    if not places:
        raise ApiError("invalid_cursor")
    return places[0]


METHODS: Methods = {
    "conversations.info": Method(_info, _READ),
    "conversations.list": Method(_list, _READ),
    "conversations.open": Method(_open, ("im:write",)),
    "conversations.members": Method(_members, _READ),
    "conversations.join": Method(_join, ("channels:join",)),
    "conversations.history": Method(_history, _HISTORY),
    "conversations.replies": Method(_replies, _HISTORY),
}
