"""Routes of threads."""

from chatune_adapters.testing.discord import wire
from chatune_adapters.testing.discord.entities import THREADS, Channel, ChannelType, Json, Message
from chatune_adapters.testing.discord.errors import invalid_form, refusal
from chatune_adapters.testing.discord.rest import Call, Route
from chatune_adapters.testing.discord.shapes import channel_name
from chatune_adapters.testing.discord.world import World


def thread_routes(world: World) -> list[Route]:
    """Return the routes that start, join and leave threads."""
    threads = _Threads(world)
    here = "/channels/{channel_id}"
    return [
        Route("POST", here + "/threads", threads.start),
        Route("POST", here + "/messages/{message_id}/threads", threads.start_under),
        Route("PUT", here + "/thread-members/@me", threads.join),
        Route("DELETE", here + "/thread-members/@me", threads.leave),
        Route("GET", here + "/thread-members", threads.members),
    ]


class _Threads:
    def __init__(self, world: World) -> None:
        self._world = world

    def start(self, call: Call) -> Json:
        kind = call.form.fields.get("type", ChannelType.PRIVATE_THREAD)
        if not isinstance(kind, int) or kind not in THREADS:
            raise invalid_form(
                "type", code="BASE_TYPE_CHOICES", message=f"Value must be one of {THREADS}."
            )
        return self._start(call, None, ChannelType(kind))

    def start_under(self, call: Call) -> Json:
        channel = self._world.channel(call.id("channel_id"))
        starter = self._world.message(channel, call.id("message_id"))
        return self._start(call, starter, ChannelType.PUBLIC_THREAD)

    def _start(self, call: Call, starter: Message | None, kind: ChannelType) -> Json:
        parent = self._world.channel(call.id("channel_id"))
        if parent.guild is None or parent.is_thread:
            raise refusal(50003)
        if parent.read_only:
            raise refusal(50013)
        name = channel_name(call.form.fields.get("name"))
        bot = self._world.bot
        thread = self._world.add_thread(parent, name, bot, starter=starter, type=kind)
        return wire.channel_json(thread) | {"member": wire.thread_member_json(thread, bot)}

    def _thread(self, call: Call) -> Channel:
        thread = self._world.channel(call.id("channel_id"))
        if not thread.is_thread:
            raise refusal(50003)
        return thread

    def join(self, call: Call) -> None:
        self._world.join_thread(self._thread(call), self._world.bot)

    def leave(self, call: Call) -> None:
        self._world.leave_thread(self._thread(call), self._world.bot)

    def members(self, call: Call) -> list[Json]:
        thread = self._thread(call)
        return [wire.thread_member_json(thread, user) for user in thread.people]
