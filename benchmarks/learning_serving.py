"""How long people wait for the first token while a model is trained beside, and what a swap costs.

The trainer is a process as in a bot: it stands back (`training.limits`), and trains the bundled model on
made-up rows. It is stopped and let go on in turns, so that what else the machine does falls on both. Then new
LoRAs are loaded and chosen while answers are in flight, and each answer is looked at.
"""

import argparse
import json
import logging
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
from generation_systems import make_loras
from rich.console import Console

from chatune_core.errors import ChatuneError
from chatune_core.generation.engine import Engine, open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.loading import ModelSettings, OpenedModel, open_runner
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationRequest,
    LoraId,
    RequestId,
    Sampling,
)
from chatune_core.generation.sources import find_source, prepared_folder
from chatune_core.learning.rows import Dataset, Manifest, RowId, Thumb
from chatune_core.messages import ConversationId, EventKey, UserId

_WORDS = [
    "garden",
    "river",
    "engine",
    "winter",
    "letter",
    "window",
    "market",
    "teacher",
    "mountain",
    "bread",
    "story",
    "music",
    "summer",
    "island",
    "doctor",
    "planet",
    "forest",
    "bridge",
    "camera",
    "kitchen",
]
_TOKENS = 24
_WARM_UP = 24
"""Requests before: the first ones take seconds of CPU time more than the next."""
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Waits:
    """Seconds to the first token."""

    requests: int
    median_s: float
    p95_s: float


@dataclass(frozen=True)
class Swap:
    """What became of the answers that were in flight while LoRAs were swapped."""

    answers: int
    swaps: int
    dropped: int
    wrong: int
    """Answered by another LoRA than they were admitted with."""
    longest_gap_s: float
    """Between two tokens of one answer."""


def main() -> None:
    options = _options()
    logging.disable(logging.WARNING)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if options.trainer:
        _train(options)
        return
    console = Console(stderr=True, width=150)
    with tempfile.TemporaryDirectory() as scratch:
        options.models = options.models or Path(scratch) / "models"
        opened = open_runner(ModelSettings(cache_dir=options.models), lambda stage, done: None)
        report = anyio.run(partial(_measure, options, opened, Path(scratch), console.log))
    print(json.dumps(report, indent=2))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=6, help="turns without and with training")
    parser.add_argument("--requests", type=int, default=20, help="in each turn")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between them, on average")
    parser.add_argument("--nice", type=int, default=19)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rest", type=float, default=0.0)
    parser.add_argument("--swaps", type=int, default=8)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--models", type=Path, help="where converted models are kept")
    parser.add_argument("--json", type=Path, help="write the report here")
    parser.add_argument("--trainer", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


async def _measure(
    options: argparse.Namespace, opened: OpenedModel, scratch: Path, progress: Progress
) -> dict[str, object]:
    async with open_engine(
        opened.runner, opened.tokenizer, opened.model, EngineSettings()
    ) as engine:
        for _ in range(_WARM_UP):
            await _first_token(engine)
        alone, beside, steps = await _waits(engine, options, scratch, progress)
        swap = await _swapped(engine, options, scratch, progress)
    ratio = beside.p95_s / alone.p95_s
    progress(f"first token p95 {alone.p95_s:.3f} s alone, {beside.p95_s:.3f} s beside: {ratio:.2f}")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[2],
        "pace": {"nice": options.nice, "threads": options.threads, "rest": options.rest},
        "alone": asdict(alone),
        "beside": asdict(beside),
        "p95_ratio": ratio,
        "training_steps": steps,
        "swap": asdict(swap),
    }


async def _waits(
    engine: Engine, options: argparse.Namespace, scratch: Path, progress: Progress
) -> tuple[Waits, Waits, int]:
    alone: list[float] = []
    beside: list[float] = []
    steps = 0
    with _trainer(options, scratch) as trainer:
        for turn in range(options.turns):
            for waits, sign in ((alone, signal.SIGSTOP), (beside, signal.SIGCONT)):
                trainer.send_signal(sign)
                done = _steps(scratch)
                waits += [await _asked(engine, options.pause) for _ in range(options.requests)]
                if waits is beside:
                    steps += _steps(scratch) - done
                assert trainer.poll() is None, "the trainer ended before the measuring did"
            progress(f"turn {turn + 1}: {_line(alone)} alone, {_line(beside)} beside training")
    return _waits_of(alone), _waits_of(beside), steps


def _steps(scratch: Path) -> int:
    """Return how many steps the trainer has made."""
    return len((scratch / "steps").read_text().splitlines())


async def _asked(engine: Engine, pause: float) -> float:
    await anyio.sleep(random.expovariate(1 / pause))
    return await _first_token(engine)


async def _first_token(engine: Engine) -> float:
    """Return the seconds to the first text; the answer is read to its end."""
    begun, first = time.perf_counter(), None
    async with aclosing(engine.stream(_request(None))) as events:
        async for event in events:
            if isinstance(event, Delta) and first is None:
                first = time.perf_counter() - begun
    assert first is not None
    return first


async def _swapped(
    engine: Engine, options: argparse.Namespace, scratch: Path, progress: Progress
) -> Swap:
    """Load, choose and drop LoRAs one after the other while answers are in flight all the time."""
    base = prepared_folder(
        find_source("bundled", None, options.models, fetch=False),
        options.models,
        lambda stage, done: None,
    )
    loras = make_loras(scratch, base, options.swaps)
    seen, serving = _Seen(), _Serving()
    async with anyio.create_task_group() as tasks:
        for _ in range(options.in_flight):
            tasks.start_soon(_answers, engine, serving, seen)
        for lora, path in loras:
            await engine.place_lora(lora, path)
            before, serving.lora = serving.lora, lora
            await anyio.sleep(1.0)
            if before is not None:
                await engine.drop_lora(before)
        serving.over = True
    progress(f"{len(loras)} swaps under {seen.answers} answers: {seen.dropped} dropped")
    return Swap(seen.answers, len(loras), seen.dropped, seen.wrong, seen.longest_gap_s)


@dataclass
class _Serving:
    """Which LoRA is chosen for new answers."""

    lora: LoraId | None = None
    over: bool = False


@dataclass
class _Seen:
    answers: int = 0
    dropped: int = 0
    wrong: int = 0
    longest_gap_s: float = 0.0


async def _answers(engine: Engine, serving: _Serving, seen: _Seen) -> None:
    while not serving.over:
        admitted, finished, last = serving.lora, None, time.perf_counter()
        try:
            async with aclosing(engine.stream(_request(admitted))) as events:
                async for event in events:
                    now = time.perf_counter()
                    seen.longest_gap_s, last = max(seen.longest_gap_s, now - last), now
                    finished = event if isinstance(event, Finished) else None
        except ChatuneError:
            finished = None
        seen.answers += 1
        seen.dropped += finished is None
        seen.wrong += finished is not None and finished.lora != admitted


def _request(lora: LoraId | None) -> GenerationRequest:
    name = uuid.uuid4().hex
    words = random.choices(_WORDS, k=12)
    # Of its own from the first word on, so that nothing of it is known from another prompt.
    asked = ChatMessage("user", f"{' '.join(words)}: write a story in which all of these occur.")
    return GenerationRequest(
        RequestId(name), (asked,), Sampling(max_tokens=_TOKENS), UserId(name), ConversationId(name),
        lora=lora,
    )  # fmt: skip


def _waits_of(waits: Sequence[float]) -> Waits:
    return Waits(len(waits), statistics.median(waits), statistics.quantiles(waits, n=20)[-1])


def _line(waits: Sequence[float]) -> str:
    of = _waits_of(waits)
    return f"median {of.median_s * 1e3:.0f} ms, p95 {of.p95_s * 1e3:.0f} ms"


@contextmanager
def _trainer(options: argparse.Namespace, scratch: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a trainer while the body runs; it makes its first step before the body begins."""
    command = [sys.executable, __file__, "--trainer", str(scratch), "--models", options.models]
    for name in ("nice", "threads", "rest"):
        command += [f"--{name}", str(getattr(options, name))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as trainer:
        try:
            while not (scratch / "steps").exists():
                assert trainer.poll() is None, "the trainer died"
                time.sleep(0.2)
            yield trainer
        finally:
            trainer.kill()


def _train(options: argparse.Namespace) -> None:
    """Train on made-up rows until killed, as `training.trainer` would."""
    from chatune_bots.training.limits import stand_back, use_threads

    stand_back(options.nice)
    use_threads(options.threads)
    from chatune_core.learning.recipe import Pace, Recipe, Step, Unwatched
    from chatune_core.learning.trainer import train

    scratch: Path = options.trainer

    class Watcher(Unwatched):
        def step(self, step: Step) -> None:
            with (scratch / "steps").open("a") as file:
                file.write(f"{step.number}\n")

    base = prepared_folder(
        find_source("bundled", None, options.models, fetch=False),
        options.models,
        lambda stage, done: None,
    )
    recipe = Recipe(epochs=1000, kl_limit=1e9)
    pace = Pace(threads=options.threads, nice=0, rest=options.rest)
    train(made_up(64), base, scratch / "out", scratch / "work", recipe, pace, Watcher())


def made_up(count: int) -> Dataset:
    """Return votes on made-up answers, good and bad in turn."""
    at, rows = datetime(2026, 1, 1, tzinfo=UTC), []
    for number in range(count):
        judge = UserId(f"terminal:{number % 8}")
        words = random.Random(number).choices(_WORDS, k=30)
        prompt = (ChatMessage("user", f"Write about {words[0]} and {words[1]}."),)
        rows.append(
            Thumb(
                RowId(f"r{number}"), EventKey(f"a{number}"), prompt, " ".join(words),
                number % 2 == 0, judge, frozenset({judge}), at,
            )
        )  # fmt: skip
    hashes = {row.id: "" for row in rows}
    manifest = Manifest(at, tuple(hashes), (), hashes, {}, {}, f"made up {count}")
    return Dataset(tuple(rows), (), manifest)


if __name__ == "__main__":
    main()
