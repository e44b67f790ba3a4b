"""Slack as a platform: the parts put together, and run."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import aiohttp
import anyio
from anyio.abc import TaskStatus

from chatune_adapters.drafts import Drafts
from chatune_adapters.platform import Health
from chatune_adapters.slack.bolt import bolt_app, oauth_flow
from chatune_adapters.slack.enforcer import SlackEnforcer, measures_of
from chatune_adapters.slack.files import SlackFiles
from chatune_adapters.slack.gate import GatedEnforcer, GatedFiles, GatedSender
from chatune_adapters.slack.http import HttpServer
from chatune_adapters.slack.ids import NAME
from chatune_adapters.slack.install import identified
from chatune_adapters.slack.installations import Installations, States
from chatune_adapters.slack.limits import Limits
from chatune_adapters.slack.manifest import scopes_of
from chatune_adapters.slack.memory import Recent
from chatune_adapters.slack.receiver import Receiver
from chatune_adapters.slack.sender import SlackSender
from chatune_adapters.slack.settings import SlackSettings, check
from chatune_adapters.slack.socket import SocketMode
from chatune_adapters.slack.streaming import Writer
from chatune_adapters.slack.threads import Threads
from chatune_adapters.slack.watchdog import Watchdog
from chatune_adapters.slack.web import Web
from chatune_adapters.slack.workspaces import Workspaces
from chatune_core.errors import RetryLater
from chatune_core.messages import EventKey
from chatune_core.ports import Enforcer, Files, Intake, KeyValues, Sender

logger = logging.getLogger(__name__)
_KNOWN = 10_000  # events whose answers need not be looked for


class SlackPlatform:
    """Fulfils `Platform`.

    Args:
        settings: tokens and addresses; checked when `run` begins.
        store: where installations and threads are kept.
        now: the time, aware of its zone.
    """

    def __init__(
        self, settings: SlackSettings, store: KeyValues, now: Callable[[], datetime]
    ) -> None:
        self._settings, self._store, self._now = settings, store, now
        self._sender, self._files = GatedSender(), GatedFiles()
        self._enforcer = GatedEnforcer(measures_of(settings))
        self._watchdog = Watchdog(time.monotonic)
        self._known: Recent[EventKey, bool] = Recent(_KNOWN)
        self._ways_in: list[SocketMode | HttpServer] = []
        self._paused = False

    @property
    def name(self) -> str:
        """See Platform.name."""
        return NAME

    @property
    def sender(self) -> Sender:
        """See Platform.sender."""
        return self._sender

    @property
    def files(self) -> Files:
        """See Platform.files."""
        return self._files

    @property
    def enforcer(self) -> Enforcer:
        """See Platform.enforcer."""
        return self._enforcer

    @property
    def port(self) -> int:
        """The port that is listened on, 0 while there is none."""
        return next((way.port for way in self._ways_in if isinstance(way, HttpServer)), 0)

    def pause(self) -> None:
        """See Platform.pause."""
        self._paused = True
        for way in self._ways_in:
            way.close()

    def health(self) -> Health:
        """See Platform.health."""
        return self._watchdog.health()

    async def run(
        self, intake: Intake, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """See Platform.run."""
        check(self._settings)
        threads = Threads(self._store, self._now)
        async with self._web() as web, anyio.create_task_group() as tasks:
            await self._identify(web)
            writer = Writer(web, self._known, self._settings)
            drafts = Drafts(writer, self._settings.preview_every_s)
            receiver = Receiver(
                self._settings,
                intake,
                web,
                threads,
                self._known,
                writer.running,
                self._now,
                tasks,
            )
            self._connect_ways_in(web, receiver)
            await tasks.start(drafts.run)
            tasks.start_soon(self._sweep, threads)
            self._sender.open(SlackSender(web, writer, drafts, self._known, threads, self._now))
            self._files.open(SlackFiles(self._settings, web))
            self._enforcer.open(SlackEnforcer(self._settings, web))
            try:
                for way in self._ways_in:
                    await tasks.start(way.run)
                task_status.started()
                await anyio.sleep_forever()
            finally:
                self._sender.shut()
                self._files.shut()
                self._enforcer.shut()
                self._ways_in = []

    @asynccontextmanager
    async def _web(self) -> AsyncIterator[Web]:
        timeout = aiohttp.ClientTimeout(self._settings.call_timeout_s)
        connector = aiohttp.TCPConnector(limit=0)  # slow answers must not hold up other calls
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            workspaces = Workspaces(Installations(self._store))
            yield Web(
                self._settings,
                session,
                workspaces,
                Limits(time.monotonic),
                lambda: self._now().timestamp(),
            )

    async def _identify(self, web: Web) -> None:
        """Learn who the bot is; waits for Slack as long as it takes."""
        if self._settings.many_workspaces:
            self._watchdog.who = "the app, wherever it is installed"
            return
        while True:
            try:
                alone, who, scopes = await identified(self._settings, web)
            except RetryLater as error:
                self._watchdog.lost(f"not connected: {error}")
                logger.warning("Slack does not answer yet: %s", error)
                await anyio.sleep(error.after.total_seconds())
                continue
            web.workspaces.alone = alone
            self._watchdog.who = who
            for scope in scopes_of(self._settings):
                if scopes and scope not in scopes:
                    logger.warning("the Slack app lacks the scope %s; see chatune doctor", scope)
            return

    def _connect_ways_in(self, web: Web, receiver: Receiver) -> None:
        settings, client = self._settings, web.client("")
        flow = None
        if settings.many_workspaces:
            installations, states = Installations(self._store), States(self._store, self._now)
            flow = oauth_flow(settings, client, installations, states)
        app = bolt_app(settings, client, receiver)
        if settings.address is not None:
            self._ways_in.append(HttpServer(settings, app, flow, self._watchdog))
        if settings.socket_mode:
            self._ways_in.append(SocketMode(settings, web, app, self._watchdog))
        if self._paused:
            self.pause()

    async def _sweep(self, threads: Threads) -> None:
        try:
            await threads.sweep()
        except RetryLater as error:
            logger.info("old threads are forgotten another time: %s", error)
