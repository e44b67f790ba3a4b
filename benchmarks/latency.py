"""Added latency: from a mention to the visible echo, beside bare discord.py and slack-bolt bots.

Each bot has a process of its own, and a protocol server of its own in this process; all bots of
a platform are up at once and take turns mention by mention, so that other load on the machine hits
all of them. The times are those of the servers' records. docs/benchmarks.md explains the table.
"""

import argparse
import json
import os
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import psutil  # type: ignore[import-untyped]
from anyio.abc import Process
from latency_places import CHANNELS, Place, discord_place, slack_place
from rich.console import Console
from rich.table import Table

PLATFORMS = {
    "Discord": (discord_place, ["bare discord.py", "Chatune, memory", "Chatune, SQLite"]),
    "Slack": (slack_place, ["bare slack-bolt", "Chatune, memory", "Chatune, SQLite"]),
}
_START_S = 60
_ANSWER_S = 30


@dataclass(slots=True)
class Contender:
    """A bot that is up, and what was measured of it: seconds, by round."""

    name: str
    place: Place
    process: Process
    alone: list[list[float]] = field(default_factory=list)
    together: list[list[float]] = field(default_factory=list)
    cpu_s: float = 0.0
    calls: int = 0

    async def ask(self, channel: int, text: str) -> float:
        """Return the seconds to the echo of one mention."""
        with anyio.fail_after(_ANSWER_S):
            return await self.place.answered(channel, text)

    async def ask_everywhere(self, text: str) -> list[float]:
        """Mention the bot in all channels at once; return the seconds of each."""
        took: list[float] = []

        async def one(channel: int) -> None:
            took.append(await self.ask(channel, f"{text} in {channel}."))

        async with anyio.create_task_group() as tasks:
            for channel in range(CHANNELS):
                tasks.start_soon(one, channel)
        return took

    def cpu(self) -> float:
        """Return the CPU seconds that the bot has taken so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


def main() -> None:
    options = _options()
    report = anyio.run(partial(_measure, options))
    _print(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--mentions", type=int, default=20, help="one by one, a round and bot")
    parser.add_argument("--bursts", type=int, default=2, help=f"of {CHANNELS}, a round and bot")
    parser.add_argument(
        "--away", type=float, nargs="+", default=[0.0, 0.05], help="round trip to the server, s"
    )
    parser.add_argument("--only", nargs="+", default=list(PLATFORMS), choices=list(PLATFORMS))
    parser.add_argument("--json", type=Path, help="write the report here")
    return parser.parse_args()


async def _measure(options: argparse.Namespace) -> dict[str, Any]:
    runs = []
    load = os.getloadavg()
    for platform in options.only:
        for away in options.away:
            async with AsyncExitStack() as stack:
                contenders = [
                    await stack.enter_async_context(_up(platform, name, away))
                    for name in PLATFORMS[platform][1]
                ]
                database = stack.enter_context(_bare_database())
                disk = await _rounds(contenders, options, database)
                runs.append(_figures(platform, away, contenders) | disk)
    return {"load_before": load, "load_after": os.getloadavg(), "runs": runs}


@asynccontextmanager
async def _up(platform: str, name: str, away: float) -> AsyncIterator[Contender]:
    """Start a bot and let it warm up."""
    bots = Path(__file__).with_name("latency_bots.py")
    opened = PLATFORMS[platform][0](away / 2, bare=name.startswith("bare"))
    async with opened as place:
        command = [sys.executable, str(bots), name, json.dumps(place.addresses)]
        async with await anyio.open_process(command, stdout=None, stderr=None) as process:
            try:
                with anyio.fail_after(_START_S):
                    await place.connected()
                await anyio.sleep(1)
                contender = Contender(name, place, process)
                for _ in range(3):
                    await contender.ask_everywhere("warm up")
                yield contender
            finally:
                process.send_signal(signal.SIGTERM)


async def _rounds(
    contenders: Sequence[Contender], options: argparse.Namespace, database: sqlite3.Connection
) -> dict[str, float]:
    """Measure; return what the disk took meanwhile, in milliseconds."""
    fsyncs: list[float] = []
    commits: list[float] = []
    before = {one.name: (one.cpu(), one.place.calls()) for one in contenders}
    for number in range(options.rounds):
        order = [*contenders[number % len(contenders) :], *contenders[: number % len(contenders)]]
        for one in contenders:
            one.alone.append([])
            one.together.append([])
        for mention in range(options.mentions):
            for one in order:
                channel = mention % CHANNELS
                one.alone[-1].append(await one.ask(channel, f"mention {number}.{mention}."))
            fsyncs.append(await anyio.to_thread.run_sync(_fsync_s))
            commits.append(await anyio.to_thread.run_sync(_two_commits_s, database))
        for burst in range(options.bursts):
            for one in order:
                one.together[-1] += await one.ask_everywhere(f"burst {number}.{burst}")
    for one in contenders:
        cpu, calls = before[one.name]
        one.cpu_s, one.calls = one.cpu() - cpu, one.place.calls() - calls
    return {
        "fsync_ms": statistics.median(fsyncs) * 1000,
        "two_commits_ms": statistics.median(commits) * 1000,
    }


def _fsync_s() -> float:
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 4096)
        file.flush()
        begun = time.perf_counter()
        os.fsync(file.fileno())
        return time.perf_counter() - begun


@contextmanager
def _bare_database() -> Iterator[sqlite3.Connection]:
    """Open a database with one table, set as ours is."""
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
        with closing(sqlite3.connect(f"{folder}/bare.db", **options)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("CREATE TABLE event (number INTEGER PRIMARY KEY, body BLOB)")
            yield database


def _two_commits_s(database: sqlite3.Connection) -> float:
    """Take the least that must reach the disk before an answer is seen: the event, the reply."""
    begun = time.perf_counter()
    for _ in range(2):
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO event (body) VALUES (?)", (b"x" * 300,))
        database.execute("COMMIT")
    return time.perf_counter() - begun


def _figures(platform: str, away: float, contenders: Sequence[Contender]) -> dict[str, Any]:
    bare = contenders[0]
    rows = []
    for one in contenders:
        asked = sum(map(len, one.alone)) + sum(map(len, one.together))
        rows.append(
            {
                "bot": one.name,
                "alone": _spread(one.alone, bare.alone),
                "together": _spread(one.together, bare.together),
                "cpu_ms_a_mention": one.cpu_s / asked * 1000,
                "calls_a_mention": one.calls / asked,
            }
        )
    return {"platform": platform, "away_s": away, "bots": rows}


def _spread(rounds: Sequence[Sequence[float]], bare: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return milliseconds, and how they compare with the bare bot's, over all and round by round."""
    every, theirs = sorted(chain.from_iterable(rounds)), sorted(chain.from_iterable(bare))
    ratios = [
        statistics.median(own) / statistics.median(other)
        for own, other in zip(rounds, bare, strict=True)
    ]
    return {
        "median_ms": statistics.median(every) * 1000,
        "p95_ms": every[int(len(every) * 0.95)] * 1000,
        "ratio": statistics.median(every) / statistics.median(theirs),
        "ratio_p95": every[int(len(every) * 0.95)] / theirs[int(len(theirs) * 0.95)],
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
        "mentions": len(every),
    }


def _print(report: Mapping[str, Any]) -> None:
    table = Table(title="From a mention to the visible echo")
    for column in ("platform", "away", "bot"):
        table.add_column(column)
    for column in (
        "one by one ms", "p95", "times bare", f"{CHANNELS} at once ms", "p95", "times bare",
        "CPU ms", "requests",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for run in report["runs"]:
        for bot in run["bots"]:
            table.add_row(
                run["platform"], f"{run['away_s'] * 1000:.0f} ms", bot["bot"],
                *_cells(bot["alone"]), *_cells(bot["together"]),
                f"{bot['cpu_ms_a_mention']:.2f}", f"{bot['calls_a_mention']:.2f}",
            )  # fmt: skip
        table.add_section()
    console = Console(width=170)
    console.print(table)
    for run in report["runs"]:
        where = f"{run['platform']}, {run['away_s'] * 1000:.0f} ms away"
        console.print(
            f"{where}: an append with fsync took {run['fsync_ms']:.1f} ms, two commits of one row "
            f"with sqlite3 alone {run['two_commits_ms']:.1f} ms."
        )
    before, after = report["load_before"][0], report["load_after"][0]
    console.print(f"Load of the machine: {before:.1f} before, {after:.1f} after.")


def _cells(spread: Mapping[str, float]) -> list[str]:
    ratio = f"{spread['ratio']:.2f} ({spread['ratio_least']:.2f}-{spread['ratio_most']:.2f})"
    return [f"{spread['median_ms']:.1f}", f"{spread['p95_ms']:.1f}", ratio]


if __name__ == "__main__":
    main()
