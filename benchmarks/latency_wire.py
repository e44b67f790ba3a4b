"""A wire that takes time: passes bytes on to a port of this machine, each after a delay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def delayed(port: int, one_way_s: float) -> AsyncIterator[int]:
    """Yield a port that leads to `port`; what goes through arrives `one_way_s` later."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _End(port, one_way_s), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class _End(asyncio.Protocol):
    """One end of a connection; what it hears its other end says later, in the same order."""

    def __init__(self, port: int | None, one_way_s: float) -> None:
        """Open the other end to `port` once connected; None for the end so opened."""
        self._port, self._one_way_s = port, one_way_s
        self._early: list[bytes] = []
        self._opening: asyncio.Task[None] | None = None
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._port is not None:
            self._opening = asyncio.get_running_loop().create_task(self._open(self._port))

    async def _open(self, port: int) -> None:
        far = _End(None, self._one_way_s)
        far.other = self
        await asyncio.get_running_loop().create_connection(lambda: far, "127.0.0.1", port)
        self.other = far
        for early in self._early:
            self._pass_on(early)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        else:
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self._one_way_s, self._say, data)

    def _say(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()
