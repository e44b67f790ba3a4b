"""Keeps the gateway connected: starts it, leaves it when it is silent, tries again with pauses."""

import logging
import random
import time
from collections.abc import Callable

import anyio
import discord

from chatune_adapters.discord.client import Take, make_client
from chatune_adapters.discord.errors import bad_gateway, bad_token, missing_intent
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.discord.watchdog import Watchdog
from chatune_core.errors import ConfigurationError

logger = logging.getLogger(__name__)
_LONGEST_PAUSE = 60.0
_STEADY_S = 60.0
_CLOSE_S = 2.0
_FATAL = frozenset({4004, 4010, 4011, 4012, 4013, 4014})


class Gateway:
    """One client after another, each until it fails."""

    def __init__(
        self,
        settings: DiscordSettings,
        *,
        take: Take,
        heard: Callable[[], None],
        lost: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._take, self._heard, self._lost = take, heard, lost
        self.watchdog = Watchdog(settings.silence_limit, time.monotonic)

    async def run(self, shards: int) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: Discord will never let this bot in as it is set up.
        """
        pause = 1.0
        while True:
            began = time.monotonic()
            failure = await self._connect_once(shards)
            for shard in range(shards):
                self._lost(shard)
            if fatal := self._as_fatal(failure):
                raise fatal
            if time.monotonic() - began > _STEADY_S:
                pause = 1.0
            told = type(failure).__name__ if failure else "it was silent"
            logger.warning("Discord: the gateway is connected anew (%s)", told)
            await anyio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _hear(self) -> None:
        self.watchdog.feed()
        self._heard()

    async def _connect_once(self, shards: int) -> Exception | None:
        """Return why the connection ended; None if it was silent."""
        client = make_client(
            self._settings, shards, take=self._take, heard=self._hear, lost=self._lost
        )
        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._leave_if_silent, tasks.cancel_scope)
                try:
                    await client.login(self._settings.token)
                    await client.connect()
                except Exception as error:  # noqa: BLE001 - also over what is not even JSON
                    failure = error
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_S):
                await client.close()
        return failure

    async def _leave_if_silent(self, scope: anyio.CancelScope) -> None:
        await self.watchdog.wait_for_silence()
        scope.cancel()

    def _as_fatal(self, failure: Exception | None) -> ConfigurationError | None:
        match failure:
            case discord.LoginFailure():
                return bad_token(self._settings)
            case discord.PrivilegedIntentsRequired():
                return missing_intent(self._settings)
            case discord.ConnectionClosed(code=code) if code in _FATAL:
                return bad_gateway(self._settings, code)
        return None
