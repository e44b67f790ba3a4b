"""How often the gate lets chance through, and how often a real gain.

    python benchmarks/learning_gate.py intervals           # simulated people; the table of docs/learning.md
    python benchmarks/learning_gate.py bundled --runs 20   # the bundled model, trained and gated

`bundled` has simulated people rate real answers of the bundled model, half of them cut after the first sentence:
they like the short ones, and one vote of ten is a slip. Each run trains on some of them and gates with the others; then the same with shuffled labels.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist, median
from typing import Any

import numpy as np

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.bootstrap import (
    DRAWS,
    ScoredThumb,
    Tables,
    accuracy,
)
from chatune_core.learning.limits import GateSettings
from chatune_core.learning.rows import Dataset, Manifest, RowId, Thumb
from chatune_core.messages import EventKey, UserId

AT = datetime(2026, 1, 1, tzinfo=UTC)
CONFIDENCE = 0.995
NORMAL = NormalDist()


def voted(
    drawn: np.random.Generator, judges: int, votes: int, learned: float, uneven: bool
) -> list[ScoredThumb]:
    """Return votes of people who differ in leniency and in how well the model meets them."""
    often = drawn.dirichlet(np.ones(judges)) if uneven else np.full(judges, 1 / judges)
    lenient, met = drawn.normal(0, 0.7, judges), drawn.normal(0, 0.35, judges)
    thumbs = []
    for judge in drawn.choice(judges, votes, p=often):
        good = bool(drawn.random() < 1 / (1 + math.exp(-lenient[judge])))
        raised = met[judge] + learned * good + drawn.normal()
        thumbs.append(ScoredThumb(UserId(f"person {judge:03}"), good, float(raised)))
    return thumbs


def low_ends(thumbs: Sequence[ScoredThumb], seed: int) -> dict[str, float]:
    """Return the lower end of the interval by each method."""
    tables = Tables.of((), thumbs)
    if not tables.weight or tables.judges < 3:
        return {}
    tail = (1 - CONFIDENCE) / 2
    gain = float(tables.accuracies(tables.everyone)[1][0]) - 0.5
    gains = tables.accuracies(tables.drawn(DRAWS, seed))[1] - 0.5
    # BCa (Efron 1987): the bias of the draws, and their skewness from leaving each person out.
    without = tables.accuracies(1 - np.eye(tables.judges))[1]
    pull = without.mean() - without
    skew = float((pull**3).sum() / (6 * (pull**2).sum() ** 1.5 + 1e-12))
    below = float(np.clip((gains < gain).mean(), 1 / DRAWS, 1 - 1 / DRAWS))
    bias, z = NORMAL.inv_cdf(below), NORMAL.inv_cdf(tail)
    corrected = NORMAL.cdf(bias + (bias + z) / (1 - skew * (bias + z)))
    return {
        "percentile": float(np.quantile(gains, tail)),
        "BCa": float(np.quantile(gains, corrected)),
        "ours": accuracy((), thumbs, CONFIDENCE, seed).gain.low,
    }


def print_intervals(chance_runs: int, real_runs: int) -> None:
    print(
        "people, votes | nothing learned: percentile, BCa, ours | 76 % right: percentile, BCa, ours"
    )
    for judges, votes in ((5, 60), (8, 80), (12, 100), (20, 150), (50, 300)):
        shares = []
        for learned, runs in ((0.0, chance_runs), (1.0, real_runs)):
            drawn, passed = (
                np.random.default_rng(judges),
                dict.fromkeys(("percentile", "BCa", "ours"), 0),
            )
            for run in range(runs):
                thumbs = voted(drawn, judges, votes, learned, uneven=run % 2 > 0)
                for name, low in low_ends(thumbs, run).items():
                    passed[name] += low > 0
            shares += [f"{100 * count / runs:.2f} %" for count in passed.values()]
        print(f"| {judges}, {votes} | " + " | ".join(shares) + " |", flush=True)


TOPICS = (
    "tea", "bicycles", "the moon", "bread", "dogs", "rivers", "music", "chess", "rain", "honey", "trains", "books",
    "paper", "salt", "winter", "gardens", "clocks", "maps", "coffee", "forests", "bridges", "soap", "stars", "wool",
    "cheese", "birds", "glass", "letters", "football", "apples",
)  # fmt: skip
ASKED = ("Tell me something about {}.", "Why do people like {}?", "What should I know about {}?")


def prompts() -> list[tuple[ChatMessage, ...]]:
    return [(ChatMessage("user", how.format(topic)),) for topic in TOPICS for how in ASKED]


def answered(base: Path, most_tokens: int) -> list[tuple[tuple[ChatMessage, ...], str]]:
    """Return a sampled answer of the base model to each prompt, whole and cut after a sentence."""
    import torch
    from transformers import AutoModelForCausalLM

    from chatune_core.generation.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(base)
    automatic: Any = AutoModelForCausalLM
    model = automatic.from_pretrained(base, dtype=torch.float32).eval()
    torch.manual_seed(0)
    found = []
    for start in range(0, len(prompts()), 15):
        part = prompts()[start : start + 15]
        tokens = [tokenizer.encode_chat(prompt) for prompt in part]
        longest = max(map(len, tokens))
        padded = torch.tensor([[0] * (longest - len(row)) + row for row in tokens])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in tokens])
        said = model.generate(
            padded, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, top_p=0.9,
            max_new_tokens=most_tokens, pad_token_id=min(tokenizer.eos_tokens),
        )  # fmt: skip
        for prompt, row in zip(part, said[:, longest:].tolist(), strict=True):
            text = tokenizer.decode(row).strip()
            found += [(prompt, text), (prompt, text.partition(". ")[0].removesuffix(".") + ".")]
    return found


def rated(
    answers: Sequence[tuple[tuple[ChatMessage, ...], str]], seed: int, people: str
) -> list[Thumb]:
    """Return what ten people say who like short answers, one vote of ten a slip."""
    drawn = random.Random(f"{seed}/{people}")
    middle = median(len(text) for _, text in answers)
    rows: list[Thumb] = []
    for number, (prompt, text) in enumerate(answers):
        judge = UserId(f"{people} {drawn.randrange(10)}")
        good = (len(text) < middle) != (drawn.random() < 0.1)
        key = RowId(f"{people} {number}")
        rows.append(Thumb(key, EventKey(key), prompt, text, good, judge, frozenset({judge}), AT))
    return rows


def shuffled(rows: Sequence[Thumb], seed: int) -> list[Thumb]:
    goods = [row.good for row in rows]
    random.Random(seed).shuffle(goods)
    return [replace(row, good=good) for row, good in zip(rows, goods, strict=True)]


def print_bundled(runs: int, labels: int, most_tokens: int, cache: Path) -> None:
    import torch

    from chatune_core.generation.bundled import bundled_chat_model
    from chatune_core.generation.conversion import convert_once
    from chatune_core.learning.measuring import Thoroughness, examined
    from chatune_core.learning.recipe import Recipe
    from chatune_core.learning.trainer import train

    torch.set_num_threads(1)
    base = convert_once(bundled_chat_model(), cache, lambda stage, done: None)
    answers = answered(base, most_tokens)
    how = Thoroughness(prompts=4, tokens=24, passages=6, secrets=0)
    counts = {"true": 0, "shuffled": 0}
    for run in range(runs):
        # Both answers to a prompt go the same way: no prompt is in both parts.
        places = random.Random(run).sample(range(0, len(answers), 2), labels)
        mixed = [answers[place + other] for place in places for other in (0, 1)]
        true = rated(mixed[:labels], run, "train"), rated(mixed[labels:], run, "held out")
        mixed_up = shuffled(true[0], run), shuffled(true[1], run + 1)
        for kind, (training, held_out) in (("true", true), ("shuffled", mixed_up)):
            began = time.process_time()
            manifest = Manifest(AT, (), (), {}, {}, {}, f"{kind} {run}")
            dataset = Dataset(tuple(training), tuple(held_out), manifest)
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder)
                trained = train(dataset, base, out / "lora", out / "work", Recipe(seed=run))
                trained_s = time.process_time() - began
                report = examined(base, trained.folder, dataset, GateSettings(), thoroughness=how)
            counts[kind] += report.passed
            measured = report.metrics
            print(
                f"{kind} {run}: {report.decision.value}, gain {100 * measured['gain']:+.1f}"
                f" ({100 * measured['gain_low']:+.1f} to {100 * measured['gain_high']:+.1f}), perplexity"
                f" {measured['perplexity_before']:.2f} -> {measured['perplexity_after']:.2f}, length"
                f" {measured['length_before']:.0f} -> {measured['length_after']:.0f}, {len(training)} +"
                f" {len(held_out)} votes, CPU {trained_s:.0f} + {time.process_time() - began - trained_s:.0f} s."
                f" {' '.join(report.reasons)}",
                flush=True,
            )
    print(f"passed: {counts['true']} of {runs} true, {counts['shuffled']} of {runs} shuffled")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("intervals", "bundled"))
    parser.add_argument("--runs", type=int, default=20, help="of the bundled model, of each kind")
    parser.add_argument(
        "--labels",
        type=int,
        default=90,
        help="votes to train on in each run, and as many to gate with, up to 90",
    )
    parser.add_argument("--tokens", type=int, default=40, help="of an answer at most")
    parser.add_argument("--chance-runs", type=int, default=3000)
    parser.add_argument("--real-runs", type=int, default=300)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "chatune-benchmarks")
    chosen = parser.parse_args()
    if chosen.part == "intervals":
        print_intervals(chosen.chance_runs, chosen.real_runs)
    else:
        print_bundled(chosen.runs, chosen.labels, chosen.tokens, chosen.cache)


if __name__ == "__main__":
    main()
