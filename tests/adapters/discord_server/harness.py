"""Clients for the tests: the real discord.py, and raw ones that may break the rules."""

import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import anyio
import discord
import pytest
import yarl

from chatune_adapters.testing.discord import Channel, DiscordServer, Guild, User

Json = dict[str, Any]
EVERY_INTENT = discord.Intents.all().value & 0xFFFF
PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A guild with a channel, a person, and the person's direct messages."""

    guild: Guild
    channel: Channel
    ada: User
    dm: Channel


def point_at(server: DiscordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", server.api_base)
    gateway = yarl.URL(server.gateway_url)
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
    monkeypatch.setattr(discord.asset.Asset, "BASE", server.cdn)


class Bot(discord.Client):
    """discord.py as it is, but for its 5 s pause before it identifies again."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        options.setdefault("intents", discord.Intents.all())
        super().__init__(guild_ready_timeout=0.02, **options)
        self.events: list[tuple[str, tuple[object, ...]]] = []
        self._changed = anyio.Event()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        pass

    def dispatch(self, event: str, /, *args: object, **kwargs: object) -> None:
        super().dispatch(event, *args, **kwargs)
        self.events.append((event, args))
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, holds: Callable[[], object]) -> None:
        with anyio.fail_after(PATIENCE_S):
            while not holds():
                await self._changed.wait()

    def count(self, event: str) -> int:
        return sum(name == event for name, _ in self.events)

    @property
    def heard(self) -> list[discord.Message]:
        messages = [args[0] for name, args in self.events if name == "message"]
        return [m for m in messages if isinstance(m, discord.Message) and m.author != self.user]

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.heard]


class ShardedBot(Bot, discord.AutoShardedClient):
    """The same over several shards."""


@asynccontextmanager
async def running(bot: Bot, server: DiscordServer) -> AsyncIterator[Bot]:
    """Connect `bot` and yield it when it is ready."""
    async with bot, anyio.create_task_group() as tasks:
        tasks.start_soon(bot.start, server.settings.token)
        with anyio.fail_after(PATIENCE_S):
            await bot.wait_until_ready()
        yield bot
        await bot.close()


class Socket:
    """A gateway connection without a library in between."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket
        self.seq = 0
        self._inflate = zlib.decompressobj()

    async def send(self, op: int, data: object) -> None:
        await self.raw.send_str(json.dumps({"op": op, "d": data}))

    async def receive(self) -> Json:
        with anyio.fail_after(PATIENCE_S):
            message = await self.raw.receive()
        text = message.data
        if message.type is aiohttp.WSMsgType.BINARY:
            text = self._inflate.decompress(text).decode()
        payload: Json = json.loads(text)
        self.seq = payload["s"] or self.seq
        return payload

    async def expect(self, what: int | str) -> Json:
        """Read on to the opcode or the event `what`."""
        while True:
            payload = await self.receive()
            if what in (payload["t"], None if payload["op"] == 0 else payload["op"]):
                return payload

    async def close_code(self) -> int | None:
        """Read on to the end and return how it ended."""
        with anyio.fail_after(PATIENCE_S):
            async for _ in self.raw:
                pass
        return self.raw.close_code

    async def identify(self, token: str, intents: object = EVERY_INTENT, **more: object) -> None:
        await self.expect(10)
        properties = {"os": "linux", "browser": "raw", "device": "raw"}
        await self.send(2, {"token": token, "intents": intents, "properties": properties, **more})

    async def ready(self, token: str, **more: object) -> Json:
        await self.identify(token, **more)
        return dict((await self.expect("READY"))["d"])

    async def resume(self, token: str, session_id: str, seq: int) -> None:
        await self.expect(10)
        await self.send(6, {"token": token, "session_id": session_id, "seq": seq})


class Answer:
    """What came back for a request."""

    def __init__(self, status: int, headers: dict[str, str], body: Any) -> None:  # noqa: ANN401
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self) -> object:
        return self.body["code"]


class Wire:
    """Raw requests and sockets to one server."""

    def __init__(self, server: DiscordServer, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http
        self.token = server.settings.token

    async def call(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bot {token or self.token}"}
        url = self.server.api_base + path
        async with self.http.request(method, url, json=body, headers=headers) as response:
            text = await response.text()
            is_json = response.headers.get("Content-Type") == "application/json"
            parsed = json.loads(text) if is_json else text
            return Answer(response.status, dict(response.headers), parsed)

    async def connect(self, query: str = "?v=10&encoding=json", url: str = "") -> Socket:
        socket = await self.http.ws_connect((url or self.server.gateway_url) + query)
        return Socket(socket)
