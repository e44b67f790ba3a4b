"""What a training run brings and what it takes: simulated people, the bundled model, and bare TRL beside it.

    python benchmarks/learning.py step [--rows 24] [--epochs 2]        # time of a step and memory, beside TRL
    python benchmarks/learning.py tastes [--taste short] [--rows 500]  # does it learn what people like?

`step` trains on the same rows, 8 to a step, each system in a process of its own and one after the other; CPU
time is counted besides wall time, since it does not change with what else the machine does. TRL is its
KTOTrainer as it comes, in float32. `tastes` rates real answers with a share of votes turned around,
trains, and asks the gate. docs/learning.md says how to read the tables.
"""

import argparse
import json
import logging
import pickle
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import anyio
from learning_people import PROMPTS, TASTES, Answered, answers, dataset_of, rated
from learning_systems import SYSTEMS, Measured
from rich.console import Console
from rich.table import Table

from chatune_core.generation.bundled import bundled_chat_model
from chatune_core.generation.conversion import convert_once
from chatune_core.generation.engine import open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.loading import ModelSettings, open_runner
from chatune_core.generation.requests import LoraId
from chatune_core.learning.gate import GateReport, GateSettings
from chatune_core.learning.measuring import examined
from chatune_core.learning.recipe import Recipe, Step, Trained, Unwatched

NOISE = 0.1
_HELD_OUT, _FRESH = 130, 40
"""Held-out prompts: with a vote each, and of them those that are answered anew before and after."""
_WRITTEN = "It is something that many people enjoy, because it is simple and costs very little."
_CONSOLE = Console()


def main() -> None:
    options = _options()
    logging.disable(logging.WARNING)
    if options.part == "system":
        print(
            json.dumps(asdict(_system(options.name, options.rows, options.epochs, options.cache)))
        )
    elif options.part == "step":
        _compare(options.rows or 24, options.epochs, options.cache)
    else:
        names = [options.taste] if options.taste else list(TASTES)
        for name in names:
            _show(name, *_learned(name, options.rows or 500, options.cache))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["step", "tastes", "system"])
    parser.add_argument("--name", help="of one system, for a process of its own")
    parser.add_argument("--taste", choices=list(TASTES))
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("models"))
    return parser.parse_args()


def _base(cache: Path) -> Path:
    return convert_once(bundled_chat_model(), cache, lambda stage, done: None)


def _system(name: str, rows: int, epochs: int, cache: Path) -> Measured:
    """Return one system's figures; a process's peak memory is its own only if nothing ran before."""
    written = [Answered(prompt, _WRITTEN) for prompt in PROMPTS[:rows]]
    thumbs = rated(written, lambda text: True, 0.5, seed=1)
    return SYSTEMS[name](thumbs, _base(cache), epochs)


def _compare(rows: int, epochs: int, cache: Path) -> None:
    _base(cache)
    table = Table("trainer", "wall s a step", "CPU s a step", "peak MB", "last loss")
    for name in SYSTEMS:
        command = [sys.executable, __file__, "system", "--name", name, "--rows", str(rows)]
        command += ["--epochs", str(epochs), "--cache", str(cache)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = Measured(**json.loads(done.stdout.splitlines()[-1]))
        figures = (found.wall_s, found.cpu_s, found.peak_mb, found.last_loss)
        formats = ("{:.2f}", "{:.2f}", "{:.0f}", "{:.3f}")
        table.add_row(
            name, *(form.format(value) for form, value in zip(formats, figures, strict=True))
        )
    _CONSOLE.print(table)


class _Shown(Unwatched):
    def step(self, step: Step) -> None:
        """See Watcher.step."""
        if step.number % 8 == 0 or step.number == step.of:
            _CONSOLE.print(
                f"step {step.number}/{step.of}: loss {step.loss:.3f}, right {step.accuracy:.0%},"
                f" margin {step.margin:.2f}, kl {step.kl:.4f}, {step.tokens_per_s:.0f} tokens/s"
            )


def _pool(cache: Path, count: int) -> list[Answered]:
    """Return real answers to different prompts, made once and kept."""
    kept = cache / f"learning-answers-{count}.pickle"
    if not kept.exists():
        prompts = random.Random(1).sample(PROMPTS, count)
        kept.write_bytes(pickle.dumps(anyio.run(_answered, cache, prompts, None, True)))
    found: list[Answered] = pickle.loads(kept.read_bytes())
    return found


async def _answered(
    cache: Path, prompts: list[str], lora: Path | None, varied: bool
) -> list[Answered]:
    opened = open_runner(ModelSettings(cache, slots=24), lambda stage, done: None)
    settings = EngineSettings(queue_limit=4096)
    async with open_engine(opened.runner, opened.tokenizer, opened.model, settings) as engine:
        if lora is not None:
            await engine.place_lora(LoraId("tuned"), str(lora))
        name = LoraId("tuned") if lora is not None else None
        return await answers(engine, prompts, seed=3, lora=name, varied=varied)


def _learned(taste: str, rows: int, cache: Path) -> tuple[Trained, GateReport, float, list[float]]:
    """Train on one taste; return the result, the gate's report, seconds and the shares liked."""
    from chatune_core.learning.trainer import train

    base, judge = _base(cache), TASTES[taste]
    pool = _pool(cache, rows + _HELD_OUT)
    held = rated(pool[rows:], judge, NOISE, seed=8, group="other person")
    dataset = dataset_of(rated(pool[:rows], judge, NOISE, seed=7), held, taste)
    prompts = [answer.prompt for answer in pool[rows : rows + _FRESH]]
    with tempfile.TemporaryDirectory() as folder:
        out, work = Path(folder) / "lora", Path(folder) / "work"
        began = time.monotonic()
        trained = train(dataset, base, out, work, Recipe(), watcher=_Shown())
        took = time.monotonic() - began
        report = examined(base, out, dataset, GateSettings())
        liked = [
            sum(judge(answer.text) for answer in anyio.run(_answered, cache, prompts, lora, False))
            / len(prompts)
            for lora in (None, out)
        ]
    return trained, report, took, liked


def _show(
    taste: str, trained: Trained, report: GateReport, took: float, liked: list[float]
) -> None:
    metrics = report.metrics
    table = Table("", "before", "after", title=f"{taste}: {took:.0f} s of training")
    for name, title in (("accuracy", "held-out preference accuracy"), ("perplexity", "perplexity")):
        values = (metrics.get(f"{name}_{when}", float("nan")) for when in ("before", "after"))
        table.add_row(title, *(f"{value:.3f}" for value in values))
    table.add_row("fresh answers that are liked", *(f"{share:.0%}" for share in liked))
    _CONSOLE.print(table, f"gate: {report.decision.value}", *report.reasons, sep="\n")


if __name__ == "__main__":
    main()
