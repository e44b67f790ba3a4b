"""Everything goes wrong at once, and the record of the server still tells what was answered."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import anyio.lowlevel
import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from adapters.slack_server.place import Place, bolt_app, connected

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class CarefulBot:
    """Answers each mention once: knows what it did, and looks after an unknown outcome."""

    place: Place
    begun: set[str] = field(default_factory=set)

    def app(self) -> AsyncApp:
        app = bolt_app(self.place)

        @app.event("app_mention")
        async def answer(event: dict[str, Any]) -> None:
            if event["ts"] not in self.begun:
                self.begun.add(event["ts"])
                await self.answer(event["channel"], event["ts"])

        return app

    async def answer(self, channel: str, ts: str) -> None:
        for _ in range(100):
            if await self.attempt(channel, ts):
                return

    async def attempt(self, channel: str, ts: str) -> bool:
        client = self.place.client
        metadata = {"event_type": "answer", "event_payload": {"to": ts}}
        try:
            thread = await client.conversations_replies(
                channel=channel, ts=ts, include_all_metadata=True
            )
            if not any(one.get("metadata") == metadata for one in thread["messages"]):
                await client.chat_postMessage(
                    channel=channel, text=f"answer to {ts}", thread_ts=ts, metadata=metadata
                )
        except (SlackApiError, aiohttp.ClientError):
            return False
        return True


async def test_a_careful_bot_answers_everyone_once_in_a_storm(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.subscribe("app_mention")
    place.client.retry_handlers.clear()
    place.server.timing.ack_within = 25.0
    place.server.timing.retries = (0.0, 10.0, 50.0, 50.0, 50.0)
    channels = [place.server.add_channel(place.team, f"c{number}") for number in range(6)]
    bot = CarefulBot(place)

    async with connected(place, bot.app()):
        place.server.faults.storm(0.05)
        asked = [
            await place.server.say(place.ada, channel, place.mention(str(number)))
            for number in range(15)
            for channel in channels
        ]
        await place.server.settled()
        place.server.faults.calm()
        for missed in [one.payload["event"] for one in place.server.log.given_up()]:
            if missed["type"] == "app_mention" and missed["ts"] not in bot.begun:
                await bot.answer(missed["channel"], missed["ts"])

    for one in asked:
        assert [reply.text for reply in place.server.replies(one)] == [f"answer to {one.ts}"]
    assert len(place.server.faults.injected) >= 10
    assert not [one for one in caplog.records if one.name == "aiohttp.server"]


@asynccontextmanager
async def process(place: Place, manner: str) -> AsyncIterator[None]:
    """Run a bot as a process until it is killed at the end."""
    script = Path(__file__).with_name("mute_bot.py")
    command = [sys.executable, str(script), place.server.api_base, place.team.app_token, manner]
    async with await anyio.open_process(command, stdout=None, stderr=None) as running:
        try:
            with anyio.fail_after(30):
                await place.server.sockets.wait_for(1)
            yield
        finally:
            running.kill()


async def test_a_killed_bot_gets_again_what_it_did_not_acknowledge(place: Place) -> None:
    place.subscribe("app_mention")
    place.server.timing.ack_within = 1_000.0
    place.server.timing.retries = (0.0, *[25.0] * 60)

    async with process(place, "mute"):
        await place.server.say(place.ada, place.channel, place.mention("hello"))
        with anyio.fail_after(10):
            while not place.server.sockets.open[0].pending:
                await anyio.lowlevel.checkpoint()
    with anyio.fail_after(10):
        while len(place.server.log.deliveries()) < 2:
            await anyio.lowlevel.checkpoint()
    async with process(place, "answers"):
        with anyio.fail_after(30):
            await place.server.settled()

    attempts = place.server.log.deliveries()
    outcomes = [one.outcome for one in attempts]
    assert (outcomes[0], set(outcomes[1:-1]), outcomes[-1]) == (
        "socket_closed",
        {"no_socket"},
        "acked",
    )
    assert len({one.event_id for one in attempts}) == 1
    changes = [(one.socket, one.change) for one in place.server.log.sockets()]
    assert changes[:3] == [(0, "opened"), (0, "closed"), (1, "opened")]
