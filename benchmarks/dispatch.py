"""Cost of the core itself: the work of a shared dispatch benchmark through Chatune.

The work is defined outside this repository by a folder with `common.py` (N messages "!echo hello i"
from 100 users over 50 threads; a burst of ten to one thread; one message id delivered three times)
and one driver per peer framework. Give that folder with --bench; docs/benchmarks.md says what the
columns mean. Peers run in the same session when --peer-python names an interpreter that has them.
"""

import argparse
import asyncio
import importlib.metadata
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from chatune_core.messages import MessageKey, Reply
    from chatune_core.ports import Capabilities


def main() -> None:
    """Run each configuration in its own process, `--repeats` times; print medians."""
    options = _options()
    options.bench = options.bench.resolve()
    if not (options.bench / "common.py").is_file():
        sys.exit(f"{options.bench} holds no common.py; give the benchmark folder with --bench.")
    if options.child:
        asyncio.run(_child(options))
        return
    rows = []
    for store, extra in [("memory", 0), ("memory", 1000), ("sqlite", 0), *_postgres(options)]:
        rows.append(_median(f"chatune {store}", extra, options, [
            sys.executable, str(Path(__file__).resolve()), "--bench", str(options.bench), "--child", store,
            "-n", str(options.n if store == "memory" else max(200, options.n // 10)),
            "--extra", str(extra), "--postgres", options.postgres or "",
        ]))  # fmt: skip
    if options.peer_python:
        for extra in (0, 200):
            rows.append(_median("chat-sdk (peer)", extra, options, [
                options.peer_python, str(options.bench / "bench_chatsdk.py"),
                "-n", str(options.n), "--extra-handlers", str(extra),
            ]))  # fmt: skip
    _print(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bench", type=Path, required=True, help="folder that holds common.py")
    parser.add_argument("-n", type=int, default=5000, help="messages a run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--postgres", help="postgresql+asyncpg:// URL of an empty database")
    parser.add_argument("--peer-python", help="interpreter that has chat-sdk installed")
    parser.add_argument("--json", help="write the medians here")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--extra", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _postgres(options: argparse.Namespace) -> list[tuple[str, int]]:
    return [("postgres", 0)] if options.postgres else []


def _median(
    name: str, extra: int, options: argparse.Namespace, command: Sequence[str]
) -> dict[str, Any]:
    runs = []
    for _ in range(options.repeats):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=options.bench
        )
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
        runs.append(json.loads(done.stdout.strip().splitlines()[-1]))
    first = runs[0]
    return {
        "name": name,
        "extra_commands": extra,
        "n": first["n"],
        "cpu_us": statistics.median(run["serial"]["cpu_us_per_msg"] for run in runs),
        "cpu_us_least": min(run["serial"]["cpu_us_per_msg"] for run in runs),
        "serial_per_s": statistics.median(run["serial"]["msgs_per_s"] for run in runs),
        "concurrent_per_s": statistics.median(run["concurrent"]["msgs_per_s"] for run in runs),
        "p50_us": statistics.median(run["serial"]["p50_us"] for run in runs),
        "p99_us": statistics.median(run["serial"]["p99_us"] for run in runs),
        "correct": all(run["serial"]["correct"] for run in runs),
        "burst": [run["burst_same_thread"]["replies"] for run in runs],
        "in_order": [run["burst_same_thread"]["in_order"] for run in runs],
        "replies_for_three_deliveries": [run["duplicate_delivery"]["replies"] for run in runs],
        "import_s": statistics.median(run["import_s"] for run in runs),
        "peak_mb": statistics.median(run["peak_rss_mb"] for run in runs),
    }


def _print(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(title="Dispatch: CPU per message is the steadiest column")
    for column in (
        "system", "commands", "CPU us/msg", "least", "serial/s", "50 in flight/s", "p50 us",
        "p99 us", "burst of 10", "in order", "3 deliveries", "import s", "peak MB",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "system" else "right")
    for row in rows:
        table.add_row(
            row["name"], str(row["extra_commands"]), f"{row['cpu_us']:.1f}",
            f"{row['cpu_us_least']:.1f}", f"{row['serial_per_s']:,.0f}",
            f"{row['concurrent_per_s']:,.0f}", f"{row['p50_us']:.0f}", f"{row['p99_us']:.0f}",
            str(row["burst"]), "yes" if all(row["in_order"]) else "no",
            str(row["replies_for_three_deliveries"]), f"{row['import_s']:.2f}",
            f"{row['peak_mb']:.0f}",
        )  # fmt: skip
    Console(width=160).print(table)


async def _child(options: argparse.Namespace) -> None:
    begun = time.perf_counter()
    import chatune_core.runtime

    imported = time.perf_counter() - begun
    sys.path.insert(0, str(options.bench))
    import common  # type: ignore[import-not-found]

    from chatune_core.bots import Bot, Context
    from chatune_core.messages import ConversationId, EventKey, MessageReceived, UserId
    from chatune_core.ports import Capabilities
    from chatune_core.settings import CoreSettings
    from stores import open_bench_stores

    begun, bot, at = time.perf_counter(), Bot(), datetime.now(UTC)
    run = f"{time.time_ns():x}"  # a database of an earlier run has seen the same numbers
    replies: list[str] = []
    recorder = _Recorder(replies, Capabilities(buttons=False, files=False))

    async def noop(context: Context, text: str = "") -> None: ...

    for number in range(options.extra):
        bot.command(f"cmd{number}", help="Do nothing.")(noop)

    @bot.command("echo", help="Say it again.")
    async def echo(context: Context, text: str) -> str:
        await common.think()
        return text

    async with open_bench_stores(options.child, options.postgres) as stores:
        runtime = chatune_core.runtime.Runtime(
            inbox=stores.inbox, ledger=stores.ledger, outbox=stores.outbox, history=stores.history,
            generators={"none": None},  # type: ignore[dict-item]  # commands alone: never asked
            default_model="none", files={}, senders={"bench": recorder}, bot=bot,
            settings=CoreSettings(), now=lambda: datetime.now(UTC), prefix="!",
        )  # fmt: skip
        started = time.perf_counter() - begun

        async def dispatch(number: int) -> None:
            key, user, thread, text = common.spec(number)
            await runtime.handle(
                MessageReceived(
                    EventKey(f"{run}:{key}"), ConversationId(f"bench:{thread}"), UserId(user), at,
                    f"!echo {text}",
                )
            )  # fmt: skip

        arguments = SimpleNamespace(n=options.n, warmup=500, extra_handlers=options.extra)
        version = importlib.metadata.version("chatune")
        await common.measure("chatune", version, imported, started, dispatch, replies, arguments)


class _Recorder:
    """A platform that keeps what it was sent."""

    def __init__(self, replies: list[str], capabilities: "Capabilities") -> None:
        self._replies, self.capabilities = replies, capabilities

    def preview(self, event: object, text: str) -> None: ...

    def waiting(self, event: object, position: int) -> None: ...

    async def deliver(self, reply: "Reply") -> "list[MessageKey]":
        self._replies.append(reply.text)
        return [cast("MessageKey", reply.answers)]


if __name__ == "__main__":
    main()
