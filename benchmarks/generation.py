"""Tokens a second and time to first token under random arrivals, beside other ways to do it.

Every system answers the same prompts greedily with the same number of new tokens: local systems
have no end-of-sequence token; a server is asked for stories that do not end, and what it really
sent is counted. docs/benchmarks.md says how to read the table.
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from generation_systems import (
    Generating,
    StaticBatch,
    chatune,
    continuous_batch,
    make_loras,
    open_model,
    open_transformers,
)
from generation_work import Figures, System, asks, late_joiner, run
from rich.console import Console
from rich.table import Table

from chatune_core.errors import ChatuneError
from chatune_core.generation.engine import Engine
from chatune_core.generation.loading import OpenedModel
from chatune_core.generation.openai_engine import open_openai_engine
from chatune_core.generation.openai_settings import OpenAISettings
from chatune_core.generation.requests import LoraId
from chatune_core.generation.tokenizer import ModelTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STATIC = "transformers generate, static batch"
PAGED_SMALL = "transformers continuous batching, small cache"
PAGED = "transformers continuous batching, as it comes"

Open = Callable[[int], AbstractAsyncContextManager[System]]
Progress = Callable[[str], None]


def main() -> None:
    options = _options()
    # Absent hubs, missing kernels and unused cache settings are said again for every run.
    logging.disable(logging.WARNING)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    console = Console(width=150)
    if options.child:
        print(json.dumps(asdict(anyio.run(_alone, options))))
        return
    report = anyio.run(partial(_measure, options, Console(stderr=True).log))
    _print(console, report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3, help="requests for each one in flight")
    parser.add_argument("--seconds", type=float, default=60, help="ask no more after this, a run")
    parser.add_argument("--weights", nargs="+", default=["auto"], help="unpacked int4 int8 auto")
    parser.add_argument("--server", help="base URL of an OpenAI-compatible server")
    parser.add_argument("--model", help="the name of its model")
    parser.add_argument("--only", nargs="+", default=[""], help="systems whose name contains one")
    parser.add_argument("--no-loras", action="store_true")
    parser.add_argument("--no-late-joiner", action="store_true")
    parser.add_argument("--models", type=Path, help="where converted models are kept")
    parser.add_argument("--json", type=Path, help="write the report here")
    parser.add_argument("--quick", action="store_true", help="1 and 4 in flight, once, no LoRAs")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if bool(options.server) != bool(options.model):
        parser.error("--server and --model go together")
    if options.quick:
        options.in_flight, options.repeats, options.rounds = [1, 4], 1, 2
        options.seconds = 10
        options.no_loras = True
    return options


async def _measure(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        options.models = options.models or Path(scratch)
        rows = _throughput(options, progress)
        report: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cores": os.cpu_count(),
            "new_tokens": 64,
            "throughput": rows,
        }
        if options.no_late_joiner and options.no_loras:
            return report
        systems, ours, folder = _systems(options, options.models, progress)
        if not options.no_late_joiner:
            others = min(15, max(options.in_flight))
            report["late_joiner"] = await _late(systems, others, progress)
        if not options.no_loras:
            report["loras"] = await _loras(options, ours, Path(scratch), folder, progress)
        return report


def _systems(
    options: argparse.Namespace, models: Path, progress: Progress
) -> tuple[dict[str, Open], Open, Path]:
    """Return how to open each system, our own first, our own alone, and the model's folder."""
    progress("loading the model")
    slots = max(options.in_flight) + 1
    opened = {weights: open_model(models, weights, slots) for weights in options.weights}
    first = next(iter(opened.values()))
    folder = next(path for path in models.iterdir() if (path / "config.json").is_file())
    systems: dict[str, Open] = {
        f"chatune, {weights}": partial(_ours, model, weights) for weights, model in opened.items()
    }
    ours = next(iter(systems.values()))
    if any(name in (STATIC, PAGED, PAGED_SMALL) for name in _names(options)):
        systems |= _transformers(folder, first.tokenizer)
    if options.server:
        systems[f"server, {options.model}"] = partial(_server, options)
    kept = {name: opener for name, opener in systems.items() if _any_in(options.only, name)}
    return kept, ours, folder


def _any_in(parts: Sequence[str], name: str) -> bool:
    return any(part in name for part in parts)


def _transformers(folder: Path, tokenizer: ModelTokenizer) -> dict[str, Open]:
    # Two copies of the weights, since continuous batching exchanges the model's attention.
    static, paged = open_transformers(folder), open_transformers(folder)
    paging = partial(continuous_batch, paged, tokenizer)
    return {
        STATIC: partial(_static, static, tokenizer),
        PAGED_SMALL: partial(paging, small=True),
        PAGED: partial(paging, small=False),
    }


@asynccontextmanager
async def _ours(model: OpenedModel, weights: str, in_flight: int) -> AsyncIterator[System]:
    async with chatune(model, weights) as system:
        yield system


@asynccontextmanager
async def _static(
    model: "PreTrainedModel", tokenizer: ModelTokenizer, in_flight: int
) -> AsyncIterator[System]:
    yield StaticBatch(model, tokenizer, in_flight)


@asynccontextmanager
async def _server(options: argparse.Namespace, in_flight: int) -> AsyncIterator[System]:
    settings = OpenAISettings(options.server, options.model, concurrency=in_flight)
    async with open_openai_engine(settings) as engine:
        yield Generating(f"server, {options.model}", engine)


def _throughput(options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    """Run every system at every level, in turn within a repetition, so that noise hits all."""
    runs: dict[tuple[str, int], list[Figures]] = {}
    for repetition in range(options.repeats):
        for in_flight in options.in_flight:
            for name in _names(options):
                progress(f"{name}: {in_flight} in flight, repetition {repetition + 1}")
                figures = _in_a_process_of_its_own(options, name, in_flight, repetition)
                runs.setdefault((name, in_flight), []).append(figures)
    return [_row(name, level, figures, runs) for (name, level), figures in runs.items()]


def _names(options: argparse.Namespace) -> list[str]:
    names = [f"chatune, {weights}" for weights in options.weights]
    names += [STATIC, PAGED_SMALL, PAGED]
    if options.server:
        names.append(f"server, {options.model}")
    return [name for name in names if _any_in(options.only, name)]


def _in_a_process_of_its_own(
    options: argparse.Namespace, name: str, in_flight: int, repetition: int
) -> Figures:
    """Measure one system once.

    OpenMP keeps a team of threads for every thread that ever used it, and cuts the spinning of all
    once they are more than the cores: two systems in one process would slow each other.
    """
    command = [sys.executable, str(Path(__file__).resolve())]
    command += ["--child", name, str(in_flight), str(repetition), "--models", str(options.models)]
    command += ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
    command += ["--weights", *options.weights]
    if options.server:
        command += ["--server", options.server, "--model", options.model]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


async def _alone(options: argparse.Namespace) -> Figures:
    name, in_flight, repetition = options.child[0], *map(int, options.child[1:])
    options.only, options.in_flight = [name], [in_flight]
    if name.startswith("chatune, "):
        options.weights = [name.removeprefix("chatune, ")]
    systems, _, _ = _systems(options, options.models, lambda stage: None)
    work = asks(max(4, in_flight * options.rounds), seed=repetition)
    async with systems[name](in_flight) as system:
        await run(system, work[:1], 1, 0, options.seconds)
        return await run(system, work, in_flight, repetition, options.seconds)


def _row(
    name: str,
    in_flight: int,
    runs: Sequence[Figures],
    everything: dict[tuple[str, int], list[Figures]],
) -> dict[str, Any]:
    speeds = [run.tokens_per_s for run in runs]
    reference = next(runs for (_, level), runs in everything.items() if level == in_flight)
    ratios = [
        ours.tokens_per_s / run.tokens_per_s for ours, run in zip(reference, runs, strict=True)
    ]
    return {
        "system": name,
        "asked_in_flight": in_flight,
        "tokens_per_s": statistics.median(speeds),
        "least": min(speeds),
        "most": max(speeds),
        "first_row_is_times": statistics.median(ratios),
        "runs": [asdict(run) for run in runs],
    }


async def _late(systems: dict[str, Open], others: int, progress: Progress) -> list[dict[str, Any]]:
    rows = []
    for name, opener in systems.items():
        if "as it comes" in name:
            continue
        progress(f"{name}: one joins {others}")
        async with opener(others + 1) as system:
            late = await late_joiner(system, others)
        rows.append(
            {
                "system": name,
                "others": others,
                "first_token_s": late.first_s,
                "before_the_others_ended": late.before_the_others,
            }
        )
    return rows


async def _loras(
    options: argparse.Namespace, ours: Open, scratch: Path, folder: Path, progress: Progress
) -> list[dict[str, Any]] | str:
    """Return tokens a second with no LoRA, one, and two mixed, at 16 in flight or the most asked."""
    progress("making two LoRAs")
    made = make_loras(scratch, folder, 2)
    in_flight = min(16, max(options.in_flight))
    mixes: Mapping[str, Sequence[LoraId | None]] = {
        "none": [None],
        "one": [made[0][0]],
        "two, mixed": [name for name, _ in made],
    }
    speeds: dict[str, list[float]] = {mix: [] for mix in mixes}
    async with ours(in_flight) as system:
        assert isinstance(system, Generating)
        assert isinstance(system.generator, Engine)
        try:
            for name, path in made:
                await system.generator.place_lora(name, path)
        except ChatuneError as error:
            return str(error)
        for repetition in range(options.repeats):
            for mix, loras in mixes.items():
                progress(f"LoRAs: {mix}, repetition {repetition + 1}")
                work = asks(in_flight * options.rounds, repetition, loras)
                figures = await run(system, work, in_flight, repetition, options.seconds)
                speeds[mix].append(figures.tokens_per_s)
    return [
        {"loras": mix, "in_flight": in_flight, "tokens_per_s": statistics.median(found)}
        for mix, found in speeds.items()
    ]


def _print(console: Console, report: dict[str, Any]) -> None:
    table = Table(title="Generation: 64 new tokens an answer, greedy, random arrivals")
    for column in (
        "system", "in flight", "meant", "tokens/s", "least", "most", "first row is",
        "first token p50 s", "p95 s", "tokens an answer",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "system" else "right")
    level = None
    for row in sorted(report["throughput"], key=lambda row: row["asked_in_flight"]):
        if level not in (None, row["asked_in_flight"]):
            table.add_section()
        level = row["asked_in_flight"]
        table.add_row(
            row["system"], f"{_median(row, 'in_flight'):.1f}", str(level),
            f"{row['tokens_per_s']:.0f}", f"{row['least']:.0f}", f"{row['most']:.0f}",
            f"{row['first_row_is_times']:.2f} x", f"{_median(row, 'first_p50_s'):.2f}",
            f"{_median(row, 'first_p95_s'):.2f}", f"{_median(row, 'tokens_an_answer'):.0f}",
        )  # fmt: skip
    console.print(table)
    for row in report.get("late_joiner", []):
        order = "before" if row["before_the_others_ended"] else "only after"
        console.print(
            f"{row['system']}: a request that joins {row['others']} others has its first token in "
            f"{row['first_token_s']:.2f} s, {order} one of them has ended"
        )
    loras = report.get("loras", [])
    if isinstance(loras, str):
        console.print(f"LoRAs: {loras}")
        return
    for row in loras:
        console.print(f"LoRAs: {row['loras']}: {row['tokens_per_s']:.0f} tokens/s")


def _median(row: dict[str, Any], figure: str) -> float:
    return float(statistics.median(run[figure] for run in row["runs"]))


if __name__ == "__main__":
    main()
