"""Socket Mode: WebSockets that carry envelopes to the app and acknowledgements back.

What is sent on a socket that then closes, or is not acknowledged in time, fails and goes out again
with the same envelope_id, on any open socket. (That Slack keeps the envelope_id is unverified; the
event_id is what its documents promise to be stable.)
"""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import anyio
from aiohttp import WSMsgType, web
from anyio.abc import TaskGroup

from chatune_adapters.testing.slack.envelopes import Attempt, Envelope, Outcome
from chatune_adapters.testing.slack.faults import Disconnect, SocketDropped, SocketSilenced
from chatune_adapters.testing.slack.record import Log, SocketChange, SocketSeen
from chatune_adapters.testing.slack.timing import Timing
from chatune_adapters.testing.slack.world import Json, World

AT_MOST = 10


@dataclass(slots=True, eq=False)
class _Pending:
    envelope: Envelope
    over: anyio.Event = field(default_factory=anyio.Event)
    reason: str = "timeout"


@dataclass(slots=True, eq=False)
class Socket:
    """One connection of the app. `silent` ones stay open and neither hear nor say anything."""

    number: int
    connection: web.WebSocketResponse
    request: web.Request
    silent: bool = False
    pending: dict[str, _Pending] = field(default_factory=dict)
    ended: anyio.Event = field(default_factory=anyio.Event)

    @property
    def is_open(self) -> bool:
        """Whether the server may choose it for an envelope."""
        return not self.ended.is_set() and not self.connection.closed

    async def send(self, body: str) -> bool:
        """Send text; False if it could not leave."""
        if self.silent:
            return True
        try:
            await self.connection.send_str(body)
        except (ConnectionError, RuntimeError):
            return False
        return True

    def cut(self) -> None:
        """Drop the connection without a close frame."""
        if self.request.transport is not None:
            self.request.transport.abort()
        self.end("socket_closed")

    def end(self, reason: str) -> None:
        """Fail what waits for an acknowledgement here."""
        self.ended.set()
        for pending in self.pending.values():
            pending.reason = reason
            pending.over.set()
        self.pending.clear()


@dataclass(slots=True, eq=False)
class Sockets:
    """All connections of the app, and the transport of envelopes over them."""

    world: World
    timing: Timing
    log: Log
    tasks: TaskGroup
    sent: Callable[[Envelope], None]
    enabled: bool = True
    tickets: set[str] = field(default_factory=set)
    _all: list[Socket] = field(default_factory=list)
    _waiting: WeakValueDictionary[str, Envelope] = field(default_factory=WeakValueDictionary)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def open(self) -> list[Socket]:
        """The sockets that are open now, oldest first."""
        return [one for one in self._all if one.is_open]

    async def wait_for(self, count: int = 1) -> None:
        """Wait until at least so many sockets are open."""
        while len(self.open) < count:
            await self._changed.wait()

    async def wait_for_next(self) -> Socket:
        """Wait until one more socket opens, and return it."""
        known = set(self._all)
        while not (new := [one for one in self.open if one not in known]):
            await self._changed.wait()
        return new[0]

    def new_ticket(self) -> str:
        """Return the ticket that one apps.connections.open gives out."""
        ticket = self.world.secret()
        self.tickets.add(ticket)
        return ticket

    def drop(self, socket: Socket | None = None) -> None:
        """Cut one socket, or all, without a close frame."""
        for one in [socket] if socket else self.open:
            self._note(one, "closed", "cut by the server")
            one.cut()

    def silence(self, socket: Socket | None = None) -> None:
        """Let one socket, or all, stay open without hearing or saying anything."""
        for one in [socket] if socket else self.open:
            one.silent = True
            self._note(one, "silenced")

    async def disconnect(
        self, reason: str = "refresh_requested", socket: Socket | None = None
    ) -> None:
        """Send a disconnect message on one socket or all; each is closed a while later.

        Args:
            reason: `warning` (refresh_requested follows), `refresh_requested` or `link_disabled`
                (closed at once, and no new connection is given out).
            socket: which; None is all.
        """
        if reason == "link_disabled":
            self.enabled = False
            self.tickets.clear()
        for one in [socket] if socket else self.open:
            await self._say_disconnect(one, reason)
            self.tasks.start_soon(self._retire, one, reason)

    async def carry(self, envelope: Envelope, attempt: Attempt) -> Outcome:
        """See Transport.carry."""
        sockets = self.open
        if not sockets:
            return Outcome(False, "no_socket")
        socket = self.world.random.choice(sockets)
        await self._strike_before(socket, attempt)
        pending = _Pending(envelope)
        socket.pending[envelope.id] = pending
        self._waiting[envelope.id] = envelope
        if not socket.is_open or not await socket.send(envelope.raw or _text(envelope, attempt)):
            socket.end("socket_closed")
        self.sent(envelope)
        for fault in attempt.faults:
            if isinstance(fault, SocketDropped) and fault.after:
                self.drop(socket)
        with anyio.move_on_after(self.timing.scaled(self.timing.ack_within)):
            await pending.over.wait()
        socket.pending.pop(envelope.id, None)
        return Outcome(True) if envelope.acked else Outcome(False, pending.reason)

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Answer the WebSocket request of an app."""
        if request.query.get("ticket") not in self.tickets:
            return web.Response(status=403)
        connection = web.WebSocketResponse(autoping=False)
        await connection.prepare(request)
        socket = Socket(next(self._numbers), connection, request)
        if len(self.open) >= AT_MOST:
            self._note(socket, "refused", "too_many_websockets")
            await self._say_disconnect(socket, "too_many_websockets")
            await connection.close()
            return connection
        await self._serve(socket)
        return connection

    async def _serve(self, socket: Socket) -> None:
        hello = {
            "type": "hello",
            "num_connections": len(self.open) + 1,
            "debug_info": {"host": "loopback", "approximate_connection_time": 18060},
            "connection_info": {"app_id": self.world.app.id},
        }
        await socket.send(json.dumps(hello))
        self._all.append(socket)
        self._note(socket, "opened")
        self.tasks.start_soon(self._ping, socket)
        try:
            await self._listen(socket)
        finally:
            if not socket.ended.is_set():
                self._note(socket, "closed")
            socket.end("socket_closed")
            self._all.remove(socket)

    async def _listen(self, socket: Socket) -> None:
        async for message in socket.connection:
            if socket.silent:
                await socket.ended.wait()
                return
            if message.type == WSMsgType.TEXT:
                self._hear(message.data)
            elif message.type == WSMsgType.PING:
                with suppress(ConnectionError):
                    await socket.connection.pong(message.data)

    def _hear(self, text: str) -> None:
        try:
            body = json.loads(text)
            envelope_id = body["envelope_id"]
        except (ValueError, TypeError, KeyError):
            return
        envelope = self._waiting.pop(envelope_id, None)
        if envelope is None:
            return
        envelope.acked = True
        envelope.reply = body.get("payload")
        for socket in self._all:
            if pending := socket.pending.get(envelope_id):
                pending.over.set()

    async def _strike_before(self, socket: Socket, attempt: Attempt) -> None:
        for fault in attempt.faults:
            match fault:
                case SocketDropped(after=False):
                    self.drop(socket)
                case SocketSilenced():
                    self.silence(socket)
                case Disconnect(reason):
                    await self.disconnect(reason, socket)

    async def _say_disconnect(self, socket: Socket, reason: str) -> None:
        body = {"type": "disconnect", "reason": reason, "debug_info": {"host": "loopback"}}
        await socket.send(json.dumps(body))
        self._note(socket, "disconnect sent", reason)

    async def _retire(self, socket: Socket, reason: str) -> None:
        if reason == "warning":
            await self._linger(socket, self.timing.warning_lasts)
            await self._say_disconnect(socket, "refresh_requested")
        if reason != "link_disabled":
            await self._linger(socket, self.timing.refresh_lasts)
        if socket.is_open:
            with anyio.move_on_after(self.timing.scaled(1.0)):
                await socket.connection.close()
            socket.cut()

    async def _linger(self, socket: Socket, seconds: float) -> None:
        with anyio.move_on_after(self.timing.scaled(seconds)):
            await socket.ended.wait()

    async def _ping(self, socket: Socket) -> None:
        while socket.is_open:
            with anyio.move_on_after(self.timing.scaled(self.timing.ping_every)):
                await socket.ended.wait()
            if socket.is_open and not socket.silent:
                try:
                    await socket.connection.ping(b"Ping from the server")
                except (ConnectionError, RuntimeError):
                    return

    def _note(self, socket: Socket, change: SocketChange, detail: str = "") -> None:
        self.log.add(SocketSeen(self.world.clock(), socket.number, change, detail))
        self._changed.set()
        self._changed = anyio.Event()


def _text(envelope: Envelope, attempt: Attempt) -> str:
    body: Json = {
        "envelope_id": envelope.id,
        "type": envelope.kind,
        "payload": envelope.payload,
        "accepts_response_payload": envelope.kind != "events_api",
    }
    if envelope.kind == "events_api":
        body |= {"retry_attempt": attempt.number, "retry_reason": attempt.reason or ""}
    return json.dumps(body)
