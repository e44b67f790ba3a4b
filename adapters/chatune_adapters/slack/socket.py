"""Socket Mode: envelopes in over a WebSocket, acknowledged once what they carry is stored.

A new socket is opened before an old one is given up: when Slack says that it will close it, when
it closes, and when nothing, pings included, was heard on it for too long. What was not
acknowledged on the old one comes again on the new one.
"""

import json
import logging
import random
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import anyio
from aiohttp import WSMessage, WSMsgType
from anyio.abc import TaskGroup, TaskStatus
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from chatune_adapters.slack.errors import ApiRefused, Limited, not_startable
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.slack.watchdog import Watchdog
from chatune_adapters.slack.web import Web
from chatune_core.errors import RetryLater

logger = logging.getLogger(__name__)
_ENDED = frozenset((WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR))
_STORES_S = 10.0  # long after Slack gave up waiting for the acknowledgement
_LINGERS_S = 30.0  # how long a socket that is to be closed may still bring something


@dataclass(slots=True, eq=False)
class _Socket:
    """One connection; `worn` is set once it should be replaced."""

    connection: aiohttp.ClientWebSocketResponse
    worn: anyio.Event = field(default_factory=anyio.Event)
    healthy: bool = False


class SocketMode:
    """Keeps one good socket open, for as long as `run` runs and is not closed."""

    def __init__(
        self, settings: SlackSettings, web: Web, app: AsyncApp, watchdog: Watchdog
    ) -> None:
        self._settings, self._web, self._app = settings, web, app
        self.watchdog = watchdog
        self._listening: anyio.CancelScope | None = None
        self._closed = False

    def close(self) -> None:
        """Take nothing more; what is being stored is still acknowledged."""
        self._closed = True
        if self._listening is not None:
            self._listening.cancel()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Receive until cancelled or closed.

        Raises:
            ConfigurationError: Slack refuses the app-level token.
        """
        with anyio.CancelScope() as self._listening:
            if self._closed:
                self._listening.cancel()
            async with anyio.create_task_group() as tasks:
                await self._keep_open(tasks, task_status)
        self.watchdog.lost("closed")

    async def _keep_open(self, tasks: TaskGroup, task_status: TaskStatus[None]) -> None:
        failures = 0
        while True:
            try:
                socket = await self._opened()
            except (RetryLater, aiohttp.ClientError, TimeoutError, OSError) as error:
                failures += 1
                self.watchdog.lost(f"not connected ({type(error).__name__})")
                await self._back_off(failures, error)
                continue
            await tasks.start(self._listen, socket)
            if task_status is not anyio.TASK_STATUS_IGNORED:
                task_status.started()
                task_status = anyio.TASK_STATUS_IGNORED
            await socket.worn.wait()
            failures = 0 if socket.healthy else failures + 1
            if failures:
                await self._back_off(failures, None)

    async def _back_off(self, failures: int, error: BaseException | None) -> None:
        wait = min(0.25 * 2.0 ** min(failures, 16), self._settings.backoff_s)
        wait *= random.uniform(0.5, 1.0)
        if isinstance(error, Limited):
            wait = max(wait, error.after.total_seconds())
        logger.warning("Slack cannot be reached; the next try is in %.1f s", wait)
        await anyio.sleep(wait)

    async def _opened(self) -> _Socket:
        try:
            answer = await self._web.call_with(self._settings.app_token, "apps.connections.open")
        except ApiRefused as error:
            raise not_startable(error) from error
        with anyio.fail_after(self._settings.call_timeout_s):
            connection = await self._web.session.ws_connect(
                answer["url"], autoping=False, max_msg_size=0
            )
        return _Socket(connection)

    async def _listen(
        self, socket: _Socket, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        try:
            async with anyio.create_task_group() as handlers:
                task_status.started()
                handlers.start_soon(self._ping, socket)
                await self._hear_all(socket, handlers)
                handlers.cancel_scope.cancel()
        finally:
            socket.worn.set()
            with anyio.move_on_after(1.0, shield=True):
                await socket.connection.close()

    async def _hear_all(self, socket: _Socket, handlers: TaskGroup) -> None:
        lingering: float | None = None
        while True:
            limit = self._settings.silence_s if lingering is None else lingering
            try:
                message = await socket.connection.receive(timeout=limit)
            except TimeoutError:
                if lingering is None:
                    logger.warning("nothing was heard on a socket for %.0f s", limit)
                return
            if message.type in _ENDED:
                return
            self.watchdog.heard()
            if message.type is WSMsgType.PING:
                await self._pong(socket, message)
            elif message.type is WSMsgType.TEXT and self._hear(socket, message.data, handlers):
                lingering = _LINGERS_S

    def _hear(self, socket: _Socket, text: str, handlers: TaskGroup) -> bool:
        """Take one message; True if Slack is about to close the socket."""
        try:
            envelope = json.loads(text)
            kind = envelope["type"]
        except (ValueError, TypeError, KeyError):
            logger.error("a message on the socket cannot be read and is skipped")
            return False
        if kind == "hello":
            socket.healthy = True
        elif kind == "disconnect":
            logger.info("Slack closes a socket: %.40s", envelope.get("reason"))
            socket.healthy = socket.healthy and envelope.get("reason") != "too_many_websockets"
            socket.worn.set()
            return True
        elif isinstance(envelope.get("envelope_id"), str):
            handlers.start_soon(self._handle, socket, envelope)
        return False

    async def _handle(self, socket: _Socket, envelope: dict[str, Any]) -> None:
        """Store and acknowledge; not to be cut in two by the end of its socket."""
        payload = envelope.get("payload")
        if not isinstance(payload, dict):
            logger.error("an envelope without a payload is skipped")
            return
        with anyio.move_on_after(_STORES_S, shield=True):
            request = AsyncBoltRequest(mode="socket_mode", body=payload)
            answer = await self._app.async_dispatch(request)
            if answer.status != 200:
                return
            ack: dict[str, Any] = {"envelope_id": envelope["envelope_id"]}
            if answer.body:
                ack["payload"] = json.loads(answer.body)
            await self._quietly(socket.connection.send_str(json.dumps(ack)))

    async def _ping(self, socket: _Socket) -> None:
        while not socket.connection.closed:
            await anyio.sleep(self._settings.ping_every_s)
            await self._quietly(socket.connection.ping())

    async def _pong(self, socket: _Socket, message: WSMessage) -> None:
        await self._quietly(socket.connection.pong(message.data))

    async def _quietly(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except (ConnectionError, RuntimeError):
            logger.debug("a socket is gone")
