"""What a step of the model costs, without the engine around it: the figures of docs/generation.md.

Load and step times by form of the weights and by rows in flight, LoRA mixing, perplexity. Run it on
a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import math
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from generation_systems import Weights, make_loras

from chatune_core.generation.loading import ModelSettings, OpenedModel, open_runner
from chatune_core.generation.requests import LoraId
from chatune_core.generation.runner import Chunk

PROMPT = list(range(500, 540))


def opened(
    cache: Path, weights: Weights, dtype: Literal["auto", "float32"] = "auto"
) -> OpenedModel:
    """Return the bundled model."""
    settings = ModelSettings(cache_dir=cache, weights=weights, dtype=dtype, context_tokens=2048)
    return open_runner(settings, lambda stage, done: None)


def step_seconds(
    model: OpenedModel, rows: int, steps: int, loras: Sequence[LoraId | None] = (None,)
) -> float:
    """Return the seconds of a decode step of `rows` rows: the fastest quarter's slowest."""
    runner = model.runner
    chosen = [loras[row % len(loras)] for row in range(rows)]
    for row in range(rows):
        runner.forward([Chunk(row, 0, PROMPT, chosen[row])])
    taken = []
    for step in range(steps):
        start = time.perf_counter()
        runner.forward(
            [Chunk(row, len(PROMPT) + step, [500 + step], chosen[row]) for row in range(rows)]
        )
        taken.append(time.perf_counter() - start)
    return sorted(taken)[steps // 4]


def print_steps(cache: Path) -> None:
    """Print step times by rows in flight and by form of the weights, and prefill times."""
    forms: tuple[Weights, ...] = ("auto", "int8", "unpacked")
    for weights in forms:
        start = time.perf_counter()
        model = opened(cache, weights)
        print(f"{model.describe()}: loaded in {time.perf_counter() - start:.2f} s")
        for rows in (1, 2, 4, 8, 16, 32):
            seconds = step_seconds(model, rows, 64)
            print(f"  {rows:3} rows  {seconds * 1e3:6.1f} ms  {rows / seconds:6.0f} tokens/s")
        for tokens in (32, 128, 512):
            seconds = min(prefill_seconds(model, tokens) for _ in range(5))
            print(f"  prompt of {tokens:4}  {seconds * 1e3:6.1f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak resident memory of all this {peak / 1024:.0f} MiB")


def prefill_seconds(model: OpenedModel, tokens: int) -> float:
    """Return the seconds that a prompt of so many tokens takes."""
    start = time.perf_counter()
    model.runner.forward([Chunk(0, 0, list(range(500, 500 + tokens)))])
    return time.perf_counter() - start


def print_loras(cache: Path) -> None:
    """Print step times with no LoRA, with one, and with two in one batch."""
    model = opened(cache, "auto")
    base = next(cache.glob("SmolLM2*"))
    with tempfile.TemporaryDirectory() as folder:
        made = make_loras(Path(folder), base, 2, rank=16)
        for lora, path in made:
            model.runner.place_lora(lora, path)
    one, two = (lora for lora, _ in made)
    for rows in (4, 16, 32):
        bare = step_seconds(model, rows, 40)
        single = step_seconds(model, rows, 40, [one])
        mixed = step_seconds(model, rows, 40, [one, two])
        print(
            f"{rows:3} rows: none {bare * 1e3:.1f} ms, one {single * 1e3:.1f} ms,"
            f" two mixed {mixed * 1e3:.1f} ms ({single / mixed:.2f} of one)"
        )


def print_perplexity(cache: Path) -> None:
    """Print the perplexity over the repository's own documents, by form of the weights."""
    root = Path(__file__).parents[1]
    texts = [file.read_text("utf-8") for file in sorted(root.glob("*.md"))]
    texts += [file.read_text("utf-8") for file in sorted(root.glob("docs/**/*.md"))]
    forms: list[tuple[Weights, Literal["auto", "float32"], int]] = [
        ("unpacked", "float32", 64),
        ("unpacked", "auto", 64),
        ("auto", "auto", 64),
        ("auto", "auto", 4),
        ("int8", "auto", 4),
    ]
    for weights, dtype, rows in forms:
        model = opened(cache, weights, dtype)
        loss, tokens = loss_of(model, texts, rows)
        kind = "few rows" if rows == 4 else "many rows"
        print(f"{model.describe()}, {kind}: {math.exp(loss):.3f} over {tokens} tokens")


def loss_of(model: OpenedModel, texts: Sequence[str], most_rows: int) -> tuple[float, int]:
    """Return the mean loss in nats of 32 stretches of text, read in lockstep token by token."""
    tokens = model.tokenizer._encode("\n\n".join(texts))
    length = min(192, len(tokens) // 32)
    stretches = [tokens[place * length : (place + 1) * length] for place in range(32)]
    total, count = 0.0, 0
    for first in range(0, 32, min(most_rows, 32)):
        group = stretches[first : first + min(most_rows, 32)]
        for place in range(length - 1):
            logits = model.runner.forward(
                [Chunk(row, place, [stretch[place]]) for row, stretch in enumerate(group)]
            )
            following = torch.tensor([stretch[place + 1] for stretch in group])
            total += float(torch.nn.functional.cross_entropy(logits, following, reduction="sum"))
            count += len(group)
    return total / count, count


SECTIONS = {"steps": print_steps, "loras": print_loras, "perplexity": print_perplexity}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--models", type=Path, required=True, help="where converted models are kept"
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    options = parser.parse_args()
    for name in options.only:
        SECTIONS[name](options.models)


if __name__ == "__main__":
    main()
