"""One gateway connection: hello, heartbeats, identify or resume, and the writer of events."""

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING

import anyio
from aiohttp import WSMsgType, web

from chatune_adapters.testing.discord.compression import Compression
from chatune_adapters.testing.discord.entities import Json
from chatune_adapters.testing.discord.faults import (
    AskHeartbeat,
    AskReconnect,
    CloseWith,
    DropSocket,
    FallSilent,
    IgnoreHeartbeats,
    Invalidate,
    SocketFault,
)
from chatune_adapters.testing.discord.record import Connection as Record
from chatune_adapters.testing.discord.sessions import Session

if TYPE_CHECKING:
    from chatune_adapters.testing.discord.gateway import Gateway

HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, RECONNECT = 1, 2, 3, 4, 6, 7
REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 8, 9, 10, 11
SENT_BYTES = 4096
SENT_WINDOW_S = 60
ENDS_SESSION = (1000, 1001)
"""Close codes of the client after which its session cannot be resumed."""


class Connection:
    """Reads what the bot sends and writes what its session holds, until either side ends it."""

    def __init__(
        self,
        gateway: "Gateway",
        socket: web.WebSocketResponse,
        request: web.Request,
        compress: Compression,
        record: Record,
    ) -> None:
        self.session: Session | None = None
        self._gateway = gateway
        self._socket = socket
        self._request = request
        self._compress = compress
        self._record = record
        self._sent = 0
        """The sequence number of the last event written to this socket."""
        self._control: deque[str] = deque()
        self._signal = asyncio.Event()
        self._close_with: int | None = None
        self._client_code: int | None = None
        """What the bot closed the socket with; None if the line just went dead."""
        self._silent = False
        self._acks = True
        self._heard = asyncio.get_running_loop().time()
        self._received: deque[float] = deque(maxlen=gateway.world.settings.sent_per_minute)

    async def run(self) -> None:
        """Serve until the connection ends; then let its session wait for a resume."""
        every = self._gateway.world.settings.heartbeat_every
        self._send(HELLO, {"heartbeat_interval": round(every.total_seconds() * 1000)})
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write, tasks.cancel_scope)
                tasks.start_soon(self._watch_heartbeats)
                await self._read()
                if self._close_with is None:
                    tasks.cancel_scope.cancel()
        finally:
            self._leave()

    # what the bot sends

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.CLOSE:
                self._client_code = message.data
                await self._answer_close()
                return
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            if self._silent:
                continue
            payload = _decoded(message.data)
            if payload is None:
                self._close(4002)
            elif self._too_many():
                self._close(4008)
            else:
                self._record.received.append(payload)
                self._obey(payload)
                self._gateway.changed()

    async def _answer_close(self) -> None:
        # Leaving would let aiohttp send a close frame; it tells nobody that the line went dead.
        while self._silent and self._request.transport is not None:  # noqa: ASYNC110
            await anyio.sleep(0.05)
        await self._socket.close()

    def _too_many(self) -> bool:
        now = self._gateway.clock()
        full = len(self._received) == self._received.maxlen
        if full and now - self._received[0] < SENT_WINDOW_S:
            return True
        self._received.append(now)
        return False

    def _obey(self, payload: Json) -> None:
        op, data = payload.get("op"), payload.get("d")
        if op == HEARTBEAT:
            self._heartbeat()
        elif op in (IDENTIFY, RESUME) and self.session is not None:
            self._close(4005)
        elif op == IDENTIFY and isinstance(data, dict):
            self._identify(data)
        elif op == RESUME and isinstance(data, dict):
            self._resume(data)
        elif op not in (PRESENCE, VOICE, REQUEST_MEMBERS):
            self._close(4001)
        elif self.session is None:
            self._close(4003)
        elif op == REQUEST_MEMBERS and isinstance(data, dict):
            self._gateway.members_asked(self.session, data)

    def _heartbeat(self) -> None:
        self._heard = asyncio.get_running_loop().time()
        self._record.heartbeats += 1
        if self._acks:
            self._record.acks += 1
            self._send(HEARTBEAT_ACK, None)

    def _identify(self, data: Json) -> None:
        shard = data.get("shard") or [0, 1]
        code = self._gateway.refuses_identify(data.get("token"), data.get("intents"), shard)
        if code is not None:
            self._close(code)
        elif not self._gateway.may_identify(shard[0]):
            self._send(INVALID_SESSION, False)
        else:
            self._attach(self._gateway.begin(data["intents"], (shard[0], shard[1])), 0)

    def _resume(self, data: Json) -> None:
        if data.get("token") not in self._gateway.tokens:
            self._close(4004)
            return
        session = self._gateway.resumable(data.get("session_id"), data.get("seq"))
        if session is None:
            self._send(INVALID_SESSION, False)
            return
        for other in self._gateway.connections:
            if other.session is session:
                other.replace()
        session.append("RESUMED", {"_trace": []})
        self._record.resumed = True
        self._attach(session, data["seq"])

    def _attach(self, session: Session, sent: int) -> None:
        self.session, self._sent = session, sent
        self._record.session_id = session.id
        session.left_at = None
        session.changed = self._signal
        self._signal.set()

    # what the server sends

    def _send(self, op: int, data: Json | bool | None) -> None:
        self.send_text(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def send_text(self, text: str) -> None:
        """Send a payload ahead of the events that wait."""
        self._control.append(text)
        self._signal.set()

    def _close(self, code: int) -> None:
        if self._close_with is None and not self._silent:
            self._close_with = code
            self._signal.set()

    async def _write(self, scope: anyio.CancelScope) -> None:
        try:
            while self._close_with is None:
                await self._signal.wait()
                self._signal.clear()
                await self._flush()
            await self._socket.close(code=self._close_with)
        except ConnectionError:
            self._abort()
        scope.cancel()

    async def _flush(self) -> None:
        while not self._silent:
            text = self._control.popleft() if self._control else self._next_event()
            if text is None:
                return
            frame = self._compress(text)
            if isinstance(frame, bytes):
                await self._socket.send_bytes(frame)
            else:
                await self._socket.send_str(frame)

    def _next_event(self) -> str | None:
        session = self.session
        if session is None or self._close_with is not None:
            return None
        if not session.can_replay(self._sent):
            self._close(4000)  # it reads too slowly: what it still needs is gone
            return None
        text = session.after(self._sent)
        self._sent += text is not None
        return text

    async def _watch_heartbeats(self) -> None:
        every = self._gateway.world.settings.heartbeat_every.total_seconds()
        while True:
            silence = asyncio.get_running_loop().time() - self._heard
            if silence > 2 * every:
                self._close(4009)
                return
            await anyio.sleep(2 * every - silence + 0.01)

    # faults and ends

    def meet(self, fault: SocketFault) -> None:
        """Let `fault` strike this connection now."""
        match fault:
            case DropSocket():
                self._abort()
            case CloseWith(code):
                self._close(code)
            case AskReconnect():
                self._send(RECONNECT, None)
            case Invalidate(resumable):
                self._invalidate(resumable)
            case FallSilent() | IgnoreHeartbeats():
                self._acks = False
                self._silent = self._silent or isinstance(fault, FallSilent)
            case AskHeartbeat():
                self._send(HEARTBEAT, None)

    def _invalidate(self, resumable: bool) -> None:
        if not resumable and self.session is not None:
            self._gateway.end(self.session)
            self.session = None
        self._send(INVALID_SESSION, resumable)

    def replace(self) -> None:
        """Give the session up to a newer connection that resumed it."""
        self.session = None
        self._close(4000)

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    def _leave(self) -> None:
        self._record.closed_with = self._close_with or self._client_code
        self._record.closed_at = self._gateway.clock()
        if self.session is None:
            return
        if self._client_code in ENDS_SESSION and self._close_with is None:
            self._gateway.end(self.session)
        else:
            self.session.left_at = self._gateway.clock()
            self.session.changed = asyncio.Event()


def _decoded(data: str | bytes) -> Json | None:
    """Return the payload, or None if it is too large or no JSON object in text."""
    if not isinstance(data, str) or len(data.encode()) > SENT_BYTES:
        return None
    try:
        payload = json.loads(data)
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None
