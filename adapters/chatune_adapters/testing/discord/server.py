"""A Discord on loopback: the whole of it, behind one object."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import anyio
from aiohttp import web

from chatune_adapters.testing.discord.commands import Commands
from chatune_adapters.testing.discord.entities import (
    Channel,
    ChannelType,
    Guild,
    Json,
    Member,
    Message,
    Role,
    User,
)
from chatune_adapters.testing.discord.faults import Faults
from chatune_adapters.testing.discord.gateway import RESUME_PATH, Gateway
from chatune_adapters.testing.discord.interactions import Interaction, Interactions
from chatune_adapters.testing.discord.limits import Limits, shape
from chatune_adapters.testing.discord.people import People
from chatune_adapters.testing.discord.record import Connection, Request
from chatune_adapters.testing.discord.rest import API, Rest, Route
from chatune_adapters.testing.discord.routes_account import account_routes
from chatune_adapters.testing.discord.routes_commands import command_routes, interaction_routes
from chatune_adapters.testing.discord.routes_messages import message_routes
from chatune_adapters.testing.discord.routes_moderation import moderation_routes
from chatune_adapters.testing.discord.routes_threads import thread_routes
from chatune_adapters.testing.discord.settings import Settings
from chatune_adapters.testing.discord.world import World

CDN_PATH = "/cdn"
BODY_BYTES = 64 * 1024 * 1024


class DiscordServer(People):
    """Discord's REST interface, gateway and file store, with the record of all that happened.

    Point discord.py at it before the client is made: `discord.http.Route.BASE` is `api_base`,
    `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY` is `yarl.URL(gateway_url)` and
    `discord.asset.Asset.BASE` is `cdn`. Nothing else of discord.py knows an address.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.faults = Faults(lambda fault: self._gateway.strike_all(fault))
        """What goes wrong, and how often it did."""
        self.limits = Limits(clock, settings.invalid_requests_per_10_min)
        """How many requests are let through."""
        self._changed = anyio.Event()
        self._gateway = Gateway(clock, self.faults, self._note_change)
        self._world = World(settings, clock, self._gateway.happened)
        self._gateway.serve(self._world)
        self._commands = Commands(self._world)
        self._interactions = Interactions(self._world, self._gateway)
        self._rest = Rest(clock, self.faults, self.limits, self._gateway.tokens, self._note_change)
        super().__init__(self._world, self._commands, self._interactions)
        self.api_base = ""
        """What discord.py calls `Route.BASE`."""
        self.gateway_url = ""
        """What discord.py calls `DEFAULT_GATEWAY`."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings | None = None,
        *,
        clock: Callable[[], float] = time.time,
        port: int = 0,
    ) -> AsyncIterator["DiscordServer"]:
        """Serve on 127.0.0.1 until the block ends; `clock` gives seconds since 1970."""
        server = cls(settings or Settings(), clock)
        runner = web.AppRunner(server._app(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            server._bind(runner.addresses[0][1])
            yield server
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(5):
                await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_get("/", self._gateway.accept)
        app.router.add_get(RESUME_PATH, self._gateway.accept)
        app.router.add_get(
            CDN_PATH + "/attachments/{channel_id}/{attachment_id}/{name}", self._download
        )
        self._rest.serve(app, self._routes())
        return app

    def _routes(self) -> list[Route]:
        return [
            *account_routes(self._world, lambda: self.gateway_url),
            *message_routes(self._world),
            *thread_routes(self._world),
            *moderation_routes(self._world),
            *command_routes(self._world, self._commands),
            *interaction_routes(self._world, self._interactions),
        ]

    def _bind(self, port: int) -> None:
        self.api_base = f"http://127.0.0.1:{port}{API}"
        self.gateway_url = self._gateway.url = f"ws://127.0.0.1:{port}/"
        self.cdn = self._rest.cdn = f"http://127.0.0.1:{port}{CDN_PATH}"

    async def _download(self, request: web.Request) -> web.Response:
        id = request.match_info["attachment_id"]
        attachment = self._world.attachments.get(int(id)) if id.isdecimal() else None
        if attachment is None or attachment.name != request.match_info["name"]:
            return web.Response(status=404, text="This content is no longer available.")
        headers = {"Content-Type": attachment.media_type}
        return web.Response(body=attachment.content, headers=headers)

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()`; it is asked again after every request, event and change."""
        while not holds():
            await self._changed.wait()

    # the world

    @property
    def bot(self) -> User:
        """The bot's own account; its id is the application's too."""
        return self._world.bot

    def add_guild(self, name: str, id: int | None = None) -> Guild:
        """Add a guild that the bot and everyone belong to; `id` chooses its shard."""
        return self._world.add_guild(name, id)

    def remove_bot(self, guild: Guild) -> None:
        """Remove the bot from the guild; its messages stay in the record."""
        self._world.remove_bot(guild)

    def add_channel(self, guild: Guild, name: str, *, nsfw: bool = False) -> Channel:
        """Add a text channel; one that is `nsfw` lets adults alone in."""
        return self._world.add_channel(guild, name, nsfw=nsfw)

    def change_channel(
        self,
        channel: Channel,
        *,
        name: str | None = None,
        nsfw: bool | None = None,
        slow_mode_s: int | None = None,
    ) -> None:
        """Let an administrator change what is given of a channel."""
        self._world.change_channel(channel, name=name, nsfw=nsfw, slow_mode_s=slow_mode_s)

    def add_user(self, name: str, *, bot: bool = False) -> User:
        """Add a person (or another bot), a member of every guild."""
        return self._world.add_user(name, bot=bot)

    def add_role(
        self, guild: Guild, name: str, permissions: int = 0, *, above_bot: bool = False
    ) -> Role:
        """Add a role, below the bot's own or above it."""
        return self._world.add_role(guild, name, permissions, above_bot=above_bot)

    def change_member(
        self,
        guild: Guild,
        user: User,
        *,
        nick: str | None = None,
        roles: Sequence[Role] | None = None,
        silenced_until: datetime | None = None,
    ) -> Member:
        """Let an administrator change what is given of a member; return the member."""
        member = self._world.member(guild, user.id)
        member.nick = member.nick if nick is None else nick
        member.roles = member.roles if roles is None else list(roles)
        member.silenced_until = silenced_until or member.silenced_until
        self._world.change_member(guild, member)
        return member

    def remove_member(self, guild: Guild, user: User) -> None:
        """Let a person leave the guild."""
        self._world.remove_member(guild, self._world.member(guild, user.id))

    def add_thread(
        self,
        parent: Channel,
        name: str,
        owner: User,
        *,
        starter: Message | None = None,
        private: bool = False,
    ) -> Channel:
        """Let a person start a thread, under a message if `starter` is given."""
        kind = ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD
        return self._world.add_thread(parent, name, owner, starter=starter, type=kind)

    def dm_with(self, user: User) -> Channel:
        """Return the direct messages of the bot and `user`."""
        return self._world.dm_with(user)

    def join_thread(self, thread: Channel, user: User) -> None:
        """Make `user` (or the bot) a member of a thread."""
        self._world.join_thread(thread, user)

    def revoke_token(self) -> None:
        """Refuse the bot's token from now on, on both sides; open sockets stay until they end."""
        self._gateway.tokens.clear()

    # the record

    def messages(self, channel: Channel) -> list[Message]:
        """Return everything that anyone sees in the channel, oldest first, ephemeral included."""
        return [m for _, m in sorted(channel.messages.items()) if m.deleted_at is None]

    def everything(self, channel: Channel) -> list[Message]:
        """Return what was ever posted in the channel, oldest first, deleted messages included."""
        return [message for _, message in sorted(channel.messages.items())]

    def commands(self, guild: Guild | None = None) -> list[Json]:
        """Return the registered commands: those of `guild`, or the global ones."""
        return self._commands.all(guild)

    @property
    def interactions(self) -> list[Interaction]:
        """Every interaction, oldest first."""
        return self._interactions.all

    @property
    def log(self) -> list[Request]:
        """Every request to the REST interface, oldest first."""
        return self._rest.log

    def requests(self, route: str) -> list[Request]:
        """Return the requests for a route such as `POST /channels/{channel_id}/messages`."""
        return [r for r in self.log if shape(f"{r.method} {r.route}") == shape(route)]

    @property
    def connections(self) -> list[Connection]:
        """Every gateway connection there was, oldest first."""
        return self._gateway.record

    @property
    def ready_sessions(self) -> int:
        """How many sessions have a socket at present."""
        return sum(connection.session is not None for connection in self._gateway.connections)
