"""Discord as a platform: its way in, its way out, and how both are."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup, TaskStatus

from chatune_adapters.discord.catch_up import Bookmark
from chatune_adapters.discord.enforcer import DiscordEnforcer
from chatune_adapters.discord.errors import Refused, bad_token, missing_intent
from chatune_adapters.discord.feed import Feed
from chatune_adapters.discord.files import DiscordFiles
from chatune_adapters.discord.gateway import Gateway
from chatune_adapters.discord.ids import PLATFORM
from chatune_adapters.discord.install import has_content_intent
from chatune_adapters.discord.interactions import Interactions
from chatune_adapters.discord.registration import described, register
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.sender import DiscordSender
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.discord.taken import Taken
from chatune_adapters.discord.ways import Ways
from chatune_adapters.platform import Health
from chatune_core.errors import ConfigurationError, RetryLater
from chatune_core.ports import Intake, KeyValues

logger = logging.getLogger(__name__)
T = TypeVar("T")
_LONGEST_PAUSE = 30.0


class DiscordPlatform:
    """Fulfils `Platform`: one bot account, over discord.py's gateway and REST."""

    name = PLATFORM

    def __init__(
        self, settings: DiscordSettings, store: KeyValues, now: Callable[[], datetime]
    ) -> None:
        """Keep in `store` how far was listened, and which direct messages there are."""
        self._settings, self._now = settings, now
        self._rest = Rest(settings)
        self._taken = Taken()
        self._feed = Feed(self._rest, settings, store, self._taken, now)
        self._bookmark = Bookmark(store, settings, self._feed.reached)
        self._gateway = Gateway(
            settings, take=self._take, heard=self._feed.heard, lost=self._feed.lost
        )
        ways = Ways(self._rest, self._taken, self._feed.direct, now)
        self.sender = DiscordSender(self._rest, settings, self._taken, ways)
        self.enforcer = DiscordEnforcer(self._rest, store, now)
        self.files = DiscordFiles(self._rest)
        self._interactions: Interactions | None = None
        self._tasks: TaskGroup | None = None
        self._listening = anyio.Event()
        self._taking = anyio.CancelScope()
        self._name = ""

    async def run(self, intake: Intake, *, task_status: TaskStatus[None]) -> None:
        """See Platform.run."""
        described(intake.commands)  # What Discord cannot take is a matter of the settings.
        async with self._rest.opened():
            me, application = await self._introduced()
            began, bookmark = await _insist(lambda: self._bookmark.read(self._now()))
            await _insist(self._feed.load)
            self._interactions = Interactions(self._rest, self._taken, intake)
            self._feed.begin(me, intake, began, bookmark)
            shards = await self._shards()
            failure: ConfigurationError | None = None
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                await tasks.start(self.sender.run)
                self._feed.lanes.begin(tasks)
                tasks.start_soon(self._bookmark.keep)
                tasks.start_soon(self._end_slow_modes)
                tasks.start_soon(self._register, application, intake)
                tasks.start_soon(self._announce, task_status)
                try:
                    with self._taking:
                        await self._gateway.run(shards)
                    await anyio.sleep_forever()  # Paused: the way out stays open.
                except ConfigurationError as error:
                    failure = error
                    tasks.cancel_scope.cancel()
                finally:
                    self._tasks = None
                    with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                        await self._bookmark.write()
            if failure is not None:
                raise failure

    def pause(self) -> None:
        """See Platform.pause. What is said from now on is read at the next start."""
        self._taking.cancel()

    def health(self) -> Health:
        """See Platform.health."""
        connected = self._feed.connected and not self._taking.cancel_called
        detail = f"connected as {self._name}" if connected else "not connected to the gateway"
        return Health(connected, self._gateway.watchdog.silent_s, detail)

    def _take(self, name: str, data: Mapping[str, Any]) -> None:
        if self._taking.cancel_called:
            return
        if name == "INTERACTION_CREATE":
            if self._tasks is not None and self._interactions is not None:
                self._tasks.start_soon(self._interactions.take, data)
            return
        self._feed.take(name, data)
        if self._feed.connected:
            self._listening.set()

    async def _end_slow_modes(self) -> None:
        while True:
            with suppress(RetryLater):
                await self.enforcer.lift_ended()
            await anyio.sleep(self._settings.lift_every.total_seconds())

    async def _announce(self, task_status: TaskStatus[None]) -> None:
        await self._listening.wait()
        task_status.started()

    # the beginning

    async def _introduced(self) -> tuple[str, str]:
        """Return the ids of the bot and of its application."""
        try:
            me = await _insist(lambda: self._rest.call("GET", "/users/@me"))
            application = await _insist(lambda: self._rest.call("GET", "/applications/@me"))
        except Refused as error:
            if error.status == 401:
                raise bad_token(self._settings) from error
            raise ConfigurationError(
                str(error), f"Look at the application under {self._settings.portal_url}."
            ) from error
        if self._settings.reads_content and not has_content_intent(application):
            raise missing_intent(self._settings)
        self.sender.me, self._name = me["id"], str(me.get("username", ""))
        return me["id"], application["id"]

    async def _shards(self) -> int:
        if self._settings.shards is not None:
            return self._settings.shards
        told = await _insist(lambda: self._rest.call("GET", "/gateway/bot"))
        return int(told["shards"])

    async def _register(self, application: str, intake: Intake) -> None:
        try:
            await _insist(lambda: register(self._rest, application, intake.commands))
        except Refused as error:
            logger.error("Discord: the commands cannot be registered: %s", error)


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    """Return what `call` does, tried until the outage is over."""
    pause = 0.5
    while True:
        try:
            return await call()
        except RetryLater as error:
            logger.warning("Discord: trying again in %.1f s: %s", pause, error)
            await anyio.sleep(max(pause, min(_LONGEST_PAUSE, error.after.total_seconds())))
            pause = min(_LONGEST_PAUSE, pause * 2)
