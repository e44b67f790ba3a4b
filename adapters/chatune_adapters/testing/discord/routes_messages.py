"""Routes of channels, messages and reactions."""

from chatune_adapters.testing.discord import events, wire
from chatune_adapters.testing.discord.composing import compose, revise
from chatune_adapters.testing.discord.entities import (
    Channel,
    ChannelType,
    Json,
    Message,
    MessageFlag,
)
from chatune_adapters.testing.discord.errors import invalid_form, refusal
from chatune_adapters.testing.discord.permissions import Permission
from chatune_adapters.testing.discord.rest import Call, Route
from chatune_adapters.testing.discord.settings import Intent
from chatune_adapters.testing.discord.world import World

PAGE, PAGE_MOST = 50, 100


def message_routes(world: World) -> list[Route]:
    """Return the routes that read and change what is said."""
    messages = _Messages(world)
    one = "/channels/{channel_id}/messages/{message_id}"
    return [
        Route("GET", "/channels/{channel_id}", messages.channel),
        Route("POST", "/channels/{channel_id}/typing", messages.typing),
        Route("GET", "/channels/{channel_id}/messages", messages.listed),
        Route("POST", "/channels/{channel_id}/messages", messages.post),
        Route("GET", one, messages.one),
        Route("PATCH", one, messages.edit),
        Route("DELETE", one, messages.delete),
        Route("PUT", one + "/reactions/{emoji}/@me", messages.react),
        Route("DELETE", one + "/reactions/{emoji}/@me", messages.unreact),
        Route("DELETE", one + "/reactions/{emoji}/{user_id}", messages.unreact_other),
        Route("GET", one + "/reactions/{emoji}", messages.reactions),
    ]


class _Messages:
    def __init__(self, world: World) -> None:
        self._world = world

    def _channel(self, call: Call) -> Channel:
        return self._world.channel(call.id("channel_id"))

    def _writable(self, call: Call) -> Channel:
        channel = self._channel(call)
        if channel.read_only:
            raise refusal(50013)
        in_thread, outside = Permission.SEND_MESSAGES_IN_THREADS, Permission.SEND_MESSAGES
        self._world.check_may(channel, in_thread if channel.is_thread else outside)
        if channel.type is ChannelType.DM and not all(user.takes_dms for user in channel.people):
            raise refusal(50007)
        return channel

    def _message(self, call: Call, channel: Channel) -> Message:
        message = self._world.message(channel, call.id("message_id"))
        if message.ephemeral:
            raise refusal(10008)
        return message

    def _shown(self, message: Message) -> Json:
        bot = self._world.bot
        body = wire.message_json(message, bot)
        granted = Intent.MESSAGE_CONTENT in self._world.settings.privileged
        in_guild = message.channel.guild is not None
        placed = body | {"guild_id": ""} if in_guild else body
        exempt = events.content_is_exempt(placed, bot)
        return body if granted or exempt else wire.without_content(body)

    def _listed(self, message: Message) -> Json:
        body = self._shown(message)
        if not self._world.settings.nonces_in_history:
            body.pop("nonce", None)
        return body

    def channel(self, call: Call) -> Json:
        return wire.channel_json(self._channel(call))

    def typing(self, call: Call) -> None:
        self._writable(call).typing.append(self._world.now())

    def listed(self, call: Call) -> list[Json]:
        channel = self._channel(call)
        if not channel.bot_may(Permission.READ_MESSAGE_HISTORY):
            return []
        asked = call.query_id("limit")
        limit = PAGE if asked is None else asked
        if not 1 <= limit <= PAGE_MOST:
            raise invalid_form(
                "limit",
                code="NUMBER_TYPE_MAX",
                message=f"int value should be between 1 and {PAGE_MOST}.",
            )
        there = [
            message
            for id, message in sorted(channel.messages.items())
            if message.deleted_at is None and not message.ephemeral
        ]
        chosen = _page(there, limit, call)
        return [self._listed(message) for message in reversed(chosen)]

    def post(self, call: Call) -> Json:
        channel, body = self._writable(call), call.form.fields
        nonce = body.get("nonce")
        if nonce is not None and body.get("enforce_nonce"):
            earlier = self._world.sent_before(channel, str(nonce))
            if earlier is not None:
                return wire.message_json(earlier, self._world.bot)
        if call.form.files:
            self._world.check_may(channel, Permission.ATTACH_FILES)
        message = compose(self._world, call.cdn, channel, call.form)
        message.flags &= ~MessageFlag.EPHEMERAL
        self._world.post(message)
        return wire.message_json(message, self._world.bot)

    def one(self, call: Call) -> Json:
        return self._shown(self._message(call, self._channel(call)))

    def edit(self, call: Call) -> Json:
        message = self._message(call, self._channel(call))
        if message.author is not self._world.bot:
            raise refusal(50005)
        revise(self._world, call.cdn, message, call.form)
        return wire.message_json(message, self._world.bot)

    def delete(self, call: Call) -> None:
        channel = self._channel(call)
        message = self._message(call, channel)
        if message.author is not self._world.bot:
            if channel.type is ChannelType.DM:
                raise refusal(50003)
            self._world.check_may(channel, Permission.MANAGE_MESSAGES)
        self._world.remove(message)

    def react(self, call: Call) -> None:
        channel = self._writable(call)
        message, emoji = self._message(call, channel), call.params["emoji"]
        self._world.check_may(channel, Permission.READ_MESSAGE_HISTORY)
        if emoji not in message.reactions:
            self._world.check_may(channel, Permission.ADD_REACTIONS)
        if message.author.blocks_bot:
            raise refusal(90001)
        self._world.react(message, self._world.bot, emoji)

    def unreact(self, call: Call) -> None:
        message = self._message(call, self._channel(call))
        self._world.unreact(message, self._world.bot, call.params["emoji"])

    def unreact_other(self, call: Call) -> None:
        channel = self._channel(call)
        message = self._message(call, channel)
        self._world.check_may(channel, Permission.MANAGE_MESSAGES)
        user = self._world.users.get(call.id("user_id"))
        if user is None:
            raise refusal(10013)
        self._world.unreact(message, user, call.params["emoji"])

    def reactions(self, call: Call) -> list[Json]:
        message = self._message(call, self._channel(call))
        return [wire.user_json(user) for user in message.reactions.get(call.params["emoji"], [])]


def _page(there: list[Message], limit: int, call: Call) -> list[Message]:
    """Return the part of `there` (oldest first) that the query asks for, oldest first."""
    before, after = call.query_id("before"), call.query_id("after")
    around = call.query_id("around")
    if around is not None:
        older = [m for m in there if m.id < around][-(limit // 2) :]
        return (older + [m for m in there if m.id >= around])[:limit]
    if after is not None:
        return [m for m in there if m.id > after][:limit]
    if before is not None:
        there = [m for m in there if m.id < before]
    return there[-limit:]
