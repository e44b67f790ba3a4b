"""Durable turns a second: every message stored before it is worked on, every reply before it is sent.

For each store: turns of a command (no model) and turns of a scripted model (history read, prompt
built, turns and full provenance written, all text encrypted), over many conversations, through the
pumps that `chatune serve` runs. Beside them, in the same run, what the disk and the database
library give: appends with fsync, and rows inserted and committed one by one with Python's sqlite3.
"""

import argparse
import json
import os
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
from rich.console import Console
from rich.table import Table

from chatune_bots.collecting import collect_seldom
from chatune_core.bots import Bot, Context
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
)
from chatune_core.messages import (
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    MessageReceived,
    Reply,
    UserId,
)
from chatune_core.ports import Capabilities
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from stores import now, open_bench_stores

CONVERSATIONS = 200


class Parrot:
    """A model that costs nothing."""

    model, context_tokens = "parrot", 4096

    def count_tokens(self, message: ChatMessage) -> int:
        return len(message.content) // 4 + 4

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        yield Delta(request.messages[-1].content)
        yield Finished("stop", self.model, None, 1, 10, 0, 10, 0.0, 0.0, 0.0)


class Counter:
    """A platform that counts, and says when all have come."""

    def __init__(self, expected: int) -> None:
        self.expected, self.seen, self.done = expected, set[EventKey](), anyio.Event()

    capabilities = Capabilities(buttons=False, files=False)

    def preview(self, event: Inbound, text: str) -> None: ...

    def waiting(self, event: Inbound, position: int) -> None: ...

    async def deliver(self, reply: Reply) -> list[MessageKey]:
        self.seen.add(reply.answers)
        if len(self.seen) == self.expected:
            self.done.set()
        return [MessageKey(f"m:{reply.answers}")]


async def turns_per_second(
    kind: str, postgres: str | None, count: int, in_flight: int, text: str
) -> dict[str, Any]:
    """Run `count` turns with `in_flight` of them on the way; return rates and CPU time."""
    bot = Bot()

    @bot.command("echo", help="Say it again.")
    async def echo(context: Context, words: str) -> str:
        return words

    platform = Counter(count)
    collect_seldom()  # as `chatune serve` does
    async with open_bench_stores(kind, postgres) as stores:
        runtime = Runtime(
            inbox=stores.inbox, ledger=stores.ledger, outbox=stores.outbox, history=stores.history,
            generators={"parrot": Parrot()}, default_model="parrot", files={}, senders={"bench": platform},
            bot=bot, settings=CoreSettings(lanes=in_flight), now=now,
        )  # fmt: skip
        run = f"{time.time_ns():x}"
        numbers = iter(range(count))

        async def put() -> None:
            for number in numbers:
                await runtime.receive(
                    MessageReceived(
                        EventKey(f"bench:{run}:{number}"),
                        ConversationId(f"bench:{run}:{number % CONVERSATIONS}"),
                        UserId(f"bench:{number % CONVERSATIONS}"),
                        now(),
                        f"{text} {number}",
                    )
                )

        async with anyio.create_task_group() as tasks:
            await tasks.start(runtime.run)
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(in_flight):
                tasks.start_soon(put)
            await platform.done.wait()
            await anyio.lowlevel.checkpoint()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            tasks.cancel_scope.cancel()
    return {
        "turns_per_s": count / wall,
        "turns_per_cpu_s": count / cpu,
        "cpu_us": cpu / count * 1e6,
    }


def fsync_per_second(seconds: float) -> float:
    """Return how many small appends with fsync the disk of the temporary folder does a second."""
    with tempfile.TemporaryFile() as file:
        done, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            done += 1
    return done / seconds


def sqlite3_commits_per_second(seconds: float, rows: int) -> float:
    """Return rows a second that plain sqlite3 stores, `rows` to a transaction, WAL, synced."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(f"{folder}/raw.db", isolation_level=None)
        database.execute("pragma journal_mode=wal")
        database.execute("pragma synchronous=full")
        database.execute("create table event (number integer primary key, body blob)")
        done, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            database.execute("begin immediate")
            database.executemany(
                "insert into event (body) values (?)", [(b"x" * 200,) for _ in range(rows)]
            )
            database.execute("commit")
            done += rows
        database.close()
    return done / seconds


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", type=int, default=10_000, help="turns a run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--postgres", help="postgresql+asyncpg:// URL of an empty database")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()

    limits: dict[str, Callable[[], float]] = {
        "fsync of 512 bytes": lambda: fsync_per_second(1.0),
        "sqlite3, 1 row a commit": lambda: sqlite3_commits_per_second(1.0, 1),
        "sqlite3, 64 rows a commit": lambda: sqlite3_commits_per_second(1.0, 64),
    }
    results: dict[str, Any] = {"limits": {name: measure() for name, measure in limits.items()}}
    kinds = ["memory", "sqlite", *(["postgres"] if options.postgres else [])]
    for kind in kinds:
        for work, text in [("command", "/echo hello"), ("model turn", "hello there")]:
            runs = [
                anyio.run(
                    turns_per_second, kind, options.postgres, options.n, options.in_flight, text
                )
                for _ in range(options.repeats)
            ]
            results[f"{kind}, {work}"] = {
                key: statistics.median(run[key] for run in runs) for key in runs[0]
            }
    _print(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


def _print(results: dict[str, Any]) -> None:
    table = Table(title="Durable turns")
    for column in ("store and work", "turns/s", "turns/s of one core", "CPU us/turn"):
        table.add_column(column, justify="left" if column.startswith("store") else "right")
    for name, row in results.items():
        if name != "limits":
            table.add_row(
                name, f"{row['turns_per_s']:,.0f}", f"{row['turns_per_cpu_s']:,.0f}",
                f"{row['cpu_us']:.0f}",
            )  # fmt: skip
    limits = Table(title="What the disk and sqlite3 give")
    limits.add_column("limit")
    limits.add_column("per s", justify="right")
    for name, rate in results["limits"].items():
        limits.add_row(name, f"{rate:,.0f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console = Console(width=100)
    console.print(table, limits)
    console.print(f"Python {sys.version.split()[0]}, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
