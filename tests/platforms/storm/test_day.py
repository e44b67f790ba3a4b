"""Eight hours of a bot's life, with seconds for hours: bursts and quiet, sockets that are renewed.

The bot is a process of its own, so that what it holds is its own and not the server's.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from platforms.storm.discord_town import DiscordTown, discord_town
from platforms.storm.judge import judge, unexplained
from platforms.storm.slack_town import SlackTown, slack_town

pytestmark = pytest.mark.anyio
AnyTown = DiscordTown | SlackTown
OpenTown = Callable[..., AbstractAsyncContextManager[AnyTown]]
ON_BOTH = pytest.mark.parametrize("town", [discord_town, slack_town], ids=["discord", "slack"])
HOURS = 8
_ASKED_AT_MOST = 40
"""How often the bot is asked what it holds before the answer stands."""
_IN_POOL = 2
"""How many more connections are kept for the next call, if more calls than usual came at once."""


@dataclass(frozen=True)
class Day:
    """How much happens in each hour.

    `beat_s` stands for the 41 s between two heartbeats. The first `morning` hours fill what
    remembers a bounded number of things; after them a message may leave `leaves_bytes` behind.
    """

    messages: int
    beats: int
    beat_s: float
    morning: int
    leaves_bytes: int


BRIEF = Day(messages=15, beats=5, beat_s=0.05, morning=4, leaves_bytes=6_000)
LONG = Day(messages=700, beats=90, beat_s=0.1, morning=6, leaves_bytes=1_000)


@ON_BOTH
async def test_a_short_day_leaves_nothing_behind(town: OpenTown, tmp_path: Path) -> None:
    await spend(BRIEF, town, tmp_path)


@ON_BOTH
@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_a_long_day_leaves_nothing_behind(town: OpenTown, tmp_path: Path) -> None:
    await spend(LONG, town, tmp_path)


async def spend(day: Day, open_town: OpenTown, folder: Path) -> None:
    """Let a day pass; compare what the bot holds at its end with the end of its morning."""
    url = f"sqlite:///{folder}/chatune.db"
    async with (
        open_town(20, seed=1, beat_s=day.beat_s) as town,
        living({**town.options, "url": url, "beat_s": day.beat_s}) as bot,
    ):
        await town.heard()
        for _ in range(day.morning):
            await an_hour(day, town)
        morning = await bot.settled(town)
        for _ in range(HOURS - day.morning):
            await an_hour(day, town)
        evening = await bot.settled(town, like=morning)
        found = judge(town.said(), town.shown())

        afternoon = (HOURS - day.morning) * day.messages
        left = (evening["heap"] - morning["heap"]) / afternoon
        print(  # noqa: T201 - the figures of a run with -s
            f"{town.platform}: {len(town.said())} messages, {town.connections()} connections; "
            f"{morning} -> {evening}; {left:.0f} bytes a message"
        )
        assert unexplained(found) == []
        assert len(town.said()) == HOURS * day.messages
        assert town.connections() > HOURS
        if isinstance(town, DiscordTown):
            assert town.beats() >= HOURS * day.beats
        assert evening["connected"]
        assert evening["silent_s"] < 10 * day.beat_s + 1, "the socket lives"
        for held in ("tasks", "threads", "files"):
            # Fewer is fine: a worker thread that was idle for ten seconds ends.
            assert evening[held] <= morning[held], f"{held} of the evening and the morning"
        assert evening["sockets"] <= morning["sockets"] + _IN_POOL
        assert left < day.leaves_bytes
        assert evening["resident"] < 1.2 * morning["resident"]


async def an_hour(day: Day, town: AnyTown) -> None:
    """Let people talk all at once, then be quiet; at its end the platform renews the socket."""
    first = len(town.said())
    for number in range(first, first + day.messages):
        await town.say(
            number % 20, f"m{number}", f"m{number}: {1 + number % 5} sentences, 0 ms apart"
        )
    with anyio.fail_after(300):
        while finished(town) < len(town.said()):  # noqa: ASYNC110 - it is another process's work
            await anyio.sleep(0.02 + len(town.said()) / 10_000)  # to count takes long at last
    await anyio.sleep(day.beats * day.beat_s)
    await town.renew()


def finished(town: AnyTown) -> int:
    return sum(message.finished for message in town.shown())


class Bot:
    """The bot's process, and what it says that it holds."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, BufferedByteReceiveStream(process.stdout)

    async def settled(self, town: AnyTown, like: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what it holds once nothing is on its way any more.

        It has settled when it holds no more than in the morning, or else the same three times.
        """
        await town.quiet()
        seen: list[tuple[int, int, int]] = []
        while True:
            await self._in.send(b"?\n")
            held: dict[str, Any] = json.loads(await self._out.receive_until(b"\n", 10_000))
            seen.append((held["tasks"], held["threads"], held["files"]))
            if like:
                settled = all(held[kind] <= like[kind] for kind in ("tasks", "threads", "files"))
            else:
                settled = len(seen) > 2 and len(set(seen[-3:])) == 1
            if len(seen) > _ASKED_AT_MOST or (settled and held["connected"]):
                return held
            await anyio.sleep(0.2)


@asynccontextmanager
async def living(options: dict[str, Any]) -> AsyncIterator[Bot]:
    command = [sys.executable, "-m", "platforms.storm.day_bot", json.dumps(options)]
    places = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    async with await anyio.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, env=environment
    ) as process:
        try:
            yield Bot(process)
        finally:
            process.kill()
