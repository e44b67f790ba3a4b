"""The server itself: opens the ports, sets up workspaces, and answers what everyone saw."""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import anyio
from aiohttp import web
from anyio.abc import TaskGroup

from chatune_adapters.testing.slack.api import answer_call
from chatune_adapters.testing.slack.api_auth import (
    authorize,
    grant,
    install,
    new_code,
    withdraw,
)
from chatune_adapters.testing.slack.api_files import give_download, take_upload
from chatune_adapters.testing.slack.calls import AssistantThread, Site
from chatune_adapters.testing.slack.deliveries import Deliveries
from chatune_adapters.testing.slack.envelopes import Envelope, Transport
from chatune_adapters.testing.slack.events import Events
from chatune_adapters.testing.slack.faults import Faults
from chatune_adapters.testing.slack.http_events import HttpEvents
from chatune_adapters.testing.slack.interactions import Interactions
from chatune_adapters.testing.slack.limits import Limiter, Limits
from chatune_adapters.testing.slack.messaging import Messaging
from chatune_adapters.testing.slack.people import People
from chatune_adapters.testing.slack.record import Log
from chatune_adapters.testing.slack.responses import take_response
from chatune_adapters.testing.slack.sockets import Sockets
from chatune_adapters.testing.slack.timing import Timing
from chatune_adapters.testing.slack.world import (
    App,
    Channel,
    ChannelKind,
    Json,
    Message,
    Organisation,
    Team,
    User,
    View,
    World,
    new_world,
)

_LARGEST_REQUEST = 64 * 1024 * 1024


class SlackServer(People):
    """A Slack on loopback. Open it with `SlackServer.open`.

    Attributes:
        events_url: the app's request URL. Set, events are POSTed there; None is Socket Mode.
    """

    def __init__(self, site: Site, http: HttpEvents) -> None:
        super().__init__(site)
        self.events_url: str | None = None
        self._http = http

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        timing: Timing | None = None,
        limits: Limits | None = None,
    ) -> "AsyncIterator[SlackServer]":
        """Yield a running server on a free port.

        Args:
            clock: seconds since the epoch; message timestamps, expiry and signatures follow it.
            seed: of ids, tokens and the dice of faults.
            timing: Slack's periods, and how fast waits pass.
            limits: rate limits; none by default.
        """
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks, aiohttp.ClientSession() as session:
            server = _wired(clock, seed, timing or Timing(), limits or Limits(), tasks, session)
            runner = web.AppRunner(
                server._routes(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True
            )
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            server.site.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
            server.site.messaging.origin = server.site.origin
            try:
                yield server
            except Exception as error:  # noqa: BLE001 - raised below, outside the task group
                # The group would hide it in an exception group.
                failure = error
            finally:
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    server.site.sockets.drop()
                    await runner.cleanup()
        if failure is not None:
            raise failure

    @property
    def api_base(self) -> str:
        """The base URL of the Web API, for `AsyncWebClient(base_url=...)`."""
        return f"{self.site.origin}/api/"

    @property
    def authorize_url(self) -> str:
        """Where an installation begins, for `OAuthSettings(authorization_url=...)`."""
        return f"{self.site.origin}/oauth/v2/authorize"

    @property
    def app(self) -> App:
        """The app: client id and secret, app-level token, signing secret, subscriptions."""
        return self.site.world.app

    @property
    def log(self) -> Log:
        """Calls, deliveries and sockets, in order."""
        return self.site.log

    @property
    def faults(self) -> Faults:
        """What shall go wrong."""
        return self.site.faults

    @property
    def timing(self) -> Timing:
        """Slack's periods; may be changed while it runs."""
        return self.site.timing

    @property
    def limits(self) -> Limits:
        """The rate limits; may be changed while it runs."""
        return self.site.limiter.limits

    @property
    def sockets(self) -> Sockets:
        """The Socket Mode connections."""
        return self.site.sockets

    @property
    def views(self) -> list[View]:
        """The views that are open now, oldest first."""
        return [one for one in self.site.world.views.values() if not one.closed]

    def add_organisation(self, name: str) -> Organisation:
        """Add an Enterprise organisation; the app comes with `install_code`, for all workspaces."""
        world = self.site.world
        bot = User(world.new_id("U"), "", "bot", "Bot", is_bot=True)
        added = Organisation(world.new_id("E"), name, bot, world.new_id("B"))
        world.organisations[added.id], world.users[bot.id] = added, bot
        return added

    def add_team(self, name: str, organisation: Organisation | None = None) -> Team:
        """Add a workspace that has the app installed, its bot called "bot".

        In an organisation it has the app once that one does, and the bot is the organisation's.
        """
        world = self.site.world
        team_id = world.new_id("T")
        if organisation is not None:
            bot, bot_id = organisation.bot, organisation.bot_id
            team = Team(
                team_id, name, world.app, bot, bot_id, "", installed=bool(organisation.bot_token)
            )
            team.organisation = organisation
            organisation.teams.append(team)
            world.teams[team_id] = team
            return team
        bot = User(world.new_id("U"), team_id, "bot", "Bot", is_bot=True)
        team = Team(team_id, name, world.app, bot, world.new_id("B"), "")
        world.teams[team_id] = team
        world.users[bot.id] = bot
        install(world, team)
        return team

    def add_user(
        self, team: Team, name: str, *, is_admin: bool = False, is_owner: bool = False
    ) -> User:
        """Add a person; a member of every public channel there is and will be."""
        world = self.site.world
        user = User(
            world.new_id("U"),
            team.id,
            name,
            name.capitalize(),
            is_admin=is_admin,
            is_owner=is_owner,
        )
        world.users[user.id] = user
        for channel in world.channels.values():
            if channel.team is team and channel.kind == "channel":
                channel.members.add(user.id)
        return user

    def user_token(self, user: User, *scopes: str) -> str:
        """Return a token by which the app acts as a person; with chat:write unless told otherwise.

        auth.test, chat.delete and users.info take it; an administrator's deletes any message.
        """
        return grant(self.site.world, user, scopes or ("chat:write",)).token

    def revoke_user_token(self, token: str) -> None:
        """Let a person take their token back."""
        withdraw(self.site.world, token)

    def add_channel(
        self, team: Team, name: str, *, kind: ChannelKind = "channel", with_bot: bool = True
    ) -> Channel:
        """Add a conversation with everyone in it, and the bot unless told otherwise."""
        world = self.site.world
        people = {one.id for one in world.users.values() if one.team_id == team.id}
        members = people | {team.bot.id} if with_bot else people - {team.bot.id}
        channel = Channel(world.new_id("C"), team, name, kind, members)
        world.channels[channel.id] = channel
        return channel

    def dm_with(self, user: User) -> Channel:
        """Return the direct messages of a user with the bot."""
        return self.site.world.dm_between(user)

    def install_code(self, team: Team | Organisation) -> str:
        """Return the code of an OAuth redirect, to be exchanged once by oauth.v2.access."""
        return new_code(self.site.world, team)

    def messages(
        self,
        channel: Channel,
        thread: Message | str | None = None,
        *,
        deleted: bool = False,
        seen_by: User | None = None,
    ) -> list[Message]:
        """Return what people see in a conversation, oldest first, ephemeral messages included.

        Args:
            channel: the conversation; its threads are included.
            thread: only this message and its replies.
            deleted: what was deleted, too.
            seen_by: only what this person sees.
        """
        if seen_by is not None and seen_by.id not in channel.members:
            return []
        ts = thread.ts if isinstance(thread, Message) else thread
        return [
            one
            for one in channel.messages.values()
            if (deleted or not one.deleted)
            and (ts is None or ts in (one.ts, one.thread_ts))
            and (seen_by is None or one.ephemeral_for in (None, seen_by.id))
        ]

    def replies(self, message: Message) -> list[Message]:
        """Return what the bot wrote in the thread of a message and everyone there sees."""
        channel = self.site.world.channels[message.channel]
        root = message.thread_ts or message.ts
        return [
            one
            for one in self.messages(channel, root)
            if one.user == channel.team.bot.id and one.is_reply and not one.is_ephemeral
        ]

    def assistant_status(self, thread: Message) -> str:
        """Return the status shown in a thread; "" is none."""
        return self.assistant(thread).status

    def assistant(self, thread: Message) -> AssistantThread:
        """Return the statuses, prompts and titles set on a thread."""
        return self.site.assistant(thread.channel, thread.thread_ts or thread.ts)

    def end_stream(self, message: Message) -> None:
        """End a streamed message as Slack does after some minutes."""
        message.stream = "expired"

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds()`; it is asked a hundred times a second. Put a limit around it."""
        while not holds():  # noqa: ASYNC110 - anything may be asked, so there is no one event
            await anyio.sleep(0.01)

    async def settled(self) -> None:
        """Wait until nothing is on its way to the app."""
        await self.site.deliveries.settled()

    async def send_event(self, team: Team, event: Json) -> Envelope:
        """Send any event to the app, asked for or not."""
        return self.site.events.send(team, event)

    async def verify_url(self) -> bool:
        """Ask the request URL for its challenge; True if it repeats it."""
        return await self._http.verify()

    def transport(self) -> Transport:
        """Return what carries envelopes to the app now."""
        return self._http if self.events_url else self.site.sockets

    def _routes(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_REQUEST)
        site = self.site

        async def api(request: web.Request) -> web.StreamResponse:
            return await answer_call(site, request)

        async def upload(request: web.Request) -> web.Response:
            return await take_upload(site, request)

        async def download(request: web.Request) -> web.Response:
            return await give_download(site, request)

        async def response(request: web.Request) -> web.Response:
            return await take_response(site, request)

        async def consent(request: web.Request) -> web.Response:
            return await authorize(site, request)

        application.add_routes(
            [
                web.get("/api/{method}", api, allow_head=False),
                web.post("/api/{method}", api),
                web.get("/oauth/v2/authorize", consent),
                web.get("/link/", site.sockets.accept, allow_head=False),
                web.post("/upload/v1/{file}", upload),
                web.get("/files-pri/{file}/{name}", download),
                web.get("/files-pri/{file}/download/{name}", download),
                web.post("/response/{team}/{secret}", response),
            ]
        )
        return application


def _wired(
    clock: Callable[[], float],
    seed: int,
    timing: Timing,
    limits: Limits,
    tasks: TaskGroup,
    session: aiohttp.ClientSession,
) -> SlackServer:
    world: World = new_world(clock, seed)
    faults, log = Faults(random.Random(seed + 1)), Log()

    def transport() -> Transport:
        return server.transport()

    deliveries = Deliveries(world, timing, faults, log, transport, tasks)
    events = Events(world, deliveries)
    site = Site(
        world=world,
        timing=timing,
        faults=faults,
        log=log,
        limiter=Limiter(clock, limits),
        interactions=Interactions(world, timing),
        deliveries=deliveries,
        events=events,
        messaging=Messaging(world, events),
        sockets=Sockets(world, timing, log, tasks, deliveries.sent),
    )

    def url() -> str:
        if server.events_url is None:
            raise ValueError("events_url is not set")
        return server.events_url

    server = SlackServer(site, HttpEvents(world, timing, session, url, deliveries.sent))
    return server
