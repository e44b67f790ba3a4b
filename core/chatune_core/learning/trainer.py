"""From rows to a LoRA: the whole recipe, read top to bottom.

Always from the base model and over all rows, never from an earlier LoRA: what was withdrawn is gone.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from chatune_core.errors import TrainingFailed
from chatune_core.generation.tokenizer import load_tokenizer
from chatune_core.learning.batches import Batch, alike, make_batch, steps_of_epoch
from chatune_core.learning.checkpoint import Checkpoint, Checkpoints
from chatune_core.learning.losses import class_weights, dpo_loss, kto_loss, reference_point
from chatune_core.learning.pacing import Pacer
from chatune_core.learning.policy import Policy
from chatune_core.learning.precision import training_device, training_dtype
from chatune_core.learning.recipe import Pace, Recipe, Step, Trained, Unwatched, Watcher
from chatune_core.learning.reference import all_sequences, measure, mismatched_rows
from chatune_core.learning.replay import replay_digest, replay_rows
from chatune_core.learning.result import read_result, write_result
from chatune_core.learning.rows import Dataset
from chatune_core.learning.tokens import (
    Compared,
    Example,
    Rated,
    sequences_of,
    tokenize,
)

_LAYOUT = 1
"""Part of a run's key; goes up when the loop or a checkpoint changes so that old ones do not fit."""
_MISMATCHED = 64
"""Rows that KTO's reference point is measured on, some of them in each step."""
_REMEMBERED = 0.8
"""Share of the reference point that comes from the steps before: a few rows alone are noisy."""
_WARMUP = 0.1
_LONGEST_GRADIENT = 1.0
_EXPLODED = 1e3
_PARTS = ("loss", "accuracy", "margin", "kl", "reference_point", "gradient", "learning_rate")


def train(
    dataset: Dataset,
    base: Path,
    out: Path,
    work: Path,
    recipe: Recipe | None = None,
    pace: Pace | None = None,
    watcher: Watcher | None = None,
) -> Trained:
    """Train a LoRA for the model in `base` on `dataset.train` and write it to `out`.

    May be killed at any point: the same call again goes on from the last checkpoint, to the same
    weights (the same bits on one machine's CPU with the same threads). `out` appears whole or not at
    all; where it is already there from the same run, it is returned as it is.

    Args:
        dataset: rows; its digest guards the checkpoints.
        base: a model folder in the Hugging Face layout.
        out: the LoRA's folder, in PEFT's layout.
        work: a folder for checkpoints of its own; what other runs left there is removed.
        recipe: how to train.
        pace: how much of the machine to take.
        watcher: who looks on.

    Raises:
        TrainingFailed: if no LoRA can come of it; nothing in `out` has changed.
        ConfigurationError: if the model cannot be loaded.
    """
    recipe, watcher = recipe or Recipe(), watcher or Unwatched()
    key = run_key(dataset, base, recipe)
    done = read_result(out, key)
    if done is not None:
        return done
    with _memory_explained():
        run = _Run(dataset, base, work, key, recipe, Pacer(pace or Pace()), watcher)
        ended_early = run.steps()
        trained = write_result(
            out,
            key,
            run.metrics(),
            run.curves(),
            ended_early,
            lambda folder: run.policy.save(folder, base.name),
        )
    run.checkpoints.remove()
    return trained


def run_key(dataset: Dataset, base: Path, recipe: Recipe) -> str:
    """Return a digest of all that decides a run's result, in hex."""
    parts = {
        "layout": _LAYOUT,
        "rows": dataset.manifest.digest,
        "base": [
            (file.name, file.stat().st_size)
            for file in sorted(base.iterdir())
            if file.suffix in (".json", ".safetensors", ".jinja")
        ],
        "recipe": asdict(recipe),
        "replay": replay_digest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(slots=True)
class _Sums:
    """What one step adds up over its batches; each is a sum over rows."""

    loss: float = 0.0
    right: int = 0
    good_reward: float = 0.0
    bad_reward: float = 0.0
    good: int = 0
    bad: int = 0
    tokens: int = 0
    padding: int = 0
    computed: int = 0

    def add(self, batch: Batch, tokens: int) -> None:
        self.tokens += tokens
        self.padding += batch.tokens.numel() - tokens
        self.computed += batch.computed

    def reward(self, value: float, good: bool) -> None:
        if good:
            self.good_reward, self.good = self.good_reward + value, self.good + 1
        else:
            self.bad_reward, self.bad = self.bad_reward + value, self.bad + 1

    def margin(self) -> float:
        if not self.good or not self.bad:
            return math.nan
        return self.good_reward / self.good - self.bad_reward / self.bad


class _Run:
    """One training run: everything it has in hand, and its loop."""

    def __init__(
        self,
        dataset: Dataset,
        base: Path,
        work: Path,
        key: str,
        recipe: Recipe,
        pacer: Pacer,
        watcher: Watcher,
    ) -> None:
        self.recipe, self._pacer, self._watcher = recipe, pacer, watcher
        tokenizer = load_tokenizer(base)
        self.tokenized = tokenize(dataset.train, tokenizer, recipe.max_tokens)
        if not self.tokenized.examples:
            raise TrainingFailed(
                f"there is nothing to train on: {len(dataset.train)} rows, of which"
                f" {self.tokenized.empty} have no text."
            )
        self.checkpoints = Checkpoints(work, key, watcher.say)
        checkpoint = self.checkpoints.latest()
        device = training_device()
        dtype = training_dtype(recipe, device)
        watcher.stage("loading the model", 0.0)
        self.policy = Policy(base, recipe.rank, recipe.alpha, recipe.seed, device, dtype)
        self._weights = self.policy.weights
        self._optimizer = torch.optim.AdamW(self._weights.values(), weight_decay=0.0)
        self._replay = replay_rows(tokenizer, recipe.replay_tokens)
        self._mismatched = mismatched_rows(self.tokenized, _MISMATCHED, recipe.seed)
        self._plan = _plan(len(self.tokenized.examples), recipe)
        self._history = torch.zeros(len(self._plan), len(_PARTS), dtype=torch.float64)
        self.taken = self._restored(checkpoint) if checkpoint else 0
        self._measure_reference()
        labels = [example.good for example in self.tokenized.examples if isinstance(example, Rated)]
        self._good_weight, self._bad_weight = class_weights(sum(labels), labels.count(False))

    def steps(self) -> str | None:
        """Make the steps that are left; return why they ended early, or None."""
        began, first = time.monotonic(), self.taken
        for number in range(first, len(self._plan)):
            step_began = time.monotonic()
            rate = self.recipe.learning_rate * schedule((number + 0.5) / len(self._plan))
            sums = _Sums()
            values = self._step(number, rate, sums)
            if values["kl"] > self.recipe.kl_limit:
                return (
                    f"it had moved {values['kl']:.3f} nats a token from the base on general text,"
                    f" the limit is {self.recipe.kl_limit:g}"
                )
            self._history[number] = torch.tensor([values[name] for name in _PARTS])
            self.taken = number + 1
            if self.taken % self.recipe.checkpoint_steps == 0 or self.taken == len(self._plan):
                self._checkpoint()
            now = time.monotonic()
            self._watcher.step(
                Step(
                    number=self.taken,
                    of=len(self._plan),
                    tokens_per_s=sums.tokens / max(now - step_began, 1e-9),
                    padding=sums.padding / sums.computed,
                    eta_s=(now - began) / (self.taken - first) * (len(self._plan) - self.taken),
                    **values,
                )
            )
        return None

    def curves(self) -> dict[str, tuple[float, ...]]:
        """Return each value of the steps that were made, by name."""
        made = self._history[: self.taken]
        return {name: tuple(made[:, n].tolist()) for n, name in enumerate(_PARTS)}

    def metrics(self) -> dict[str, float]:
        """Return what is worth telling of the whole run, by name."""
        made = self._history[: self.taken]
        last = made[-max(1, len(made) // 5) :]
        latest = {f"last_{name}": float(last[:, n].nanmean()) for n, name in enumerate(_PARTS[:4])}
        return latest | {
            "rows": float(len(self.tokenized.examples)),
            "rows_cut": float(self.tokenized.cut),
            "rows_empty": float(self.tokenized.empty),
            "steps": float(self.taken),
            "steps_planned": float(len(self._plan)),
        }

    def _step(self, number: int, rate: float, sums: _Sums) -> dict[str, float]:
        """Make one step of the optimizer, unless it would begin beyond the limit."""
        examples = [(n, self.tokenized.examples[n]) for n in self._plan[number]]
        point = self._reference_point(number)
        self._optimizer.zero_grad(set_to_none=True)
        kl = self._replay_part(number, sums)
        values = {"kl": kl, "reference_point": point.item(), "learning_rate": rate}
        if kl > self.recipe.kl_limit:
            return values
        sizes = [_size(example) for _, example in examples]
        for together in alike(sizes, self.recipe.tokens_per_batch):
            loss = self._loss([examples[n] for n in together], point, sums) / len(examples)
            loss.backward()  # type: ignore[no-untyped-call]
            sums.loss += loss.item()
            self._pacer.breathe()
        norm = float(torch.nn.utils.clip_grad_norm_(self._weights.values(), _LONGEST_GRADIENT))
        self._refuse_nonsense(number, sums.loss, norm)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        accuracy = sums.right / len(examples)
        return values | {
            "loss": sums.loss,
            "accuracy": accuracy,
            "margin": sums.margin(),
            "gradient": norm,
        }

    def _loss(self, batch: Sequence[tuple[int, Example]], point: Tensor, sums: _Sums) -> Tensor:
        """Return the sum of the losses of the examples, each with its number."""
        rows = [row for _, example in batch for row in sequences_of(example)]
        computed = make_batch(rows, self.policy.device)
        sums.add(computed, sum(len(row.tokens) for row in rows))
        likelihood = computed.per_row(self.policy.log_likelihoods(computed))
        length = computed.per_row(torch.ones_like(computed.targets, dtype=torch.float32))
        total = likelihood.new_zeros(())
        at = 0
        for number, example in batch:
            reference = self._reference[number].to(likelihood.device)
            ratio = likelihood[at : at + len(reference)] - reference
            anchored = -likelihood[at] / length[at]
            match example:
                case Rated(good=good):
                    label = torch.tensor([good], device=ratio.device)
                    weight = self._good_weight if good else self._bad_weight
                    total = total + weight * kto_loss(ratio, label, point, self.recipe.beta).sum()
                    total = total + self.recipe.anchor * anchored * good
                    sums.right += bool((ratio[0] > point) == good)
                    sums.reward(self.recipe.beta * ratio[0].item(), good)
                case Compared():
                    total = total + dpo_loss(ratio[:1], ratio[1:], self.recipe.beta).sum()
                    total = total + self.recipe.anchor * anchored
                    sums.right += bool(ratio[0] > ratio[1])
                    for n, good in enumerate((True, False)):
                        sums.reward(self.recipe.beta * ratio[n].item(), good)
            at += len(reference)
        return total

    def _replay_part(self, number: int, sums: _Sums) -> float:
        """Add the gradient of the divergence on general text; return it in nats a token."""
        if not self._replay:
            return math.nan
        batch = make_batch([self._replay[number % len(self._replay)]], self.policy.device)
        kl = self.policy.divergences(batch).mean()
        (self.recipe.replay * kl).backward()  # type: ignore[no-untyped-call]
        sums.loss += self.recipe.replay * kl.item()
        sums.add(batch, batch.tokens.numel())
        self._pacer.breathe()
        return kl.item()

    def _reference_point(self, number: int) -> Tensor:
        """Return KTO's z0 for the step, smoothed over the steps before it."""
        device = self.policy.device
        count = min(self.recipe.mismatched_rows, len(self._mismatched))
        if not count:
            return torch.zeros((), device=device)
        at = [(number * count + n) % len(self._mismatched) for n in range(count)]
        batch = make_batch([self._mismatched[n] for n in at], device)
        with torch.no_grad():
            ratio = batch.per_row(self.policy.log_likelihoods(batch)) - self._base_mismatched[
                at
            ].to(device)
        measured = reference_point(ratio)
        self._pacer.breathe()
        if number == 0:
            return measured
        before = float(self._history[number - 1, _PARTS.index("reference_point")])
        return _REMEMBERED * before + (1 - _REMEMBERED) * measured

    def _refuse_nonsense(self, number: int, loss: float, norm: float) -> None:
        if not math.isfinite(loss) or not math.isfinite(norm) or abs(loss) > _EXPLODED:
            raise TrainingFailed(
                f"the loss became {loss:.4g} with a gradient of {norm:.4g} in step {number + 1} of"
                f" {len(self._plan)}. Set a lower training.learning_rate than"
                f" {self.recipe.learning_rate:g}; the model that serves is untouched."
            )

    def _measure_reference(self) -> None:
        kept = self.checkpoints.reference()
        if kept is None:
            stage = "measuring the base model"
            rows = all_sequences(self.tokenized)
            everything = [*rows, *self._mismatched]

            def breathe(done: int, of: int) -> None:
                self._watcher.stage(stage, done / of)
                self._pacer.breathe()

            found = measure(self.policy, everything, self.recipe.tokens_per_batch, breathe)
            kept = {"rows": found[: len(rows)].clone(), "mismatched": found[len(rows) :].clone()}
            self.checkpoints.keep_reference(kept)
        sizes = [len(sequences_of(example)) for example in self.tokenized.examples]
        self._reference = torch.split(kept["rows"], sizes)
        self._base_mismatched = kept["mismatched"]

    def _checkpoint(self) -> None:
        tensors: dict[str, Tensor] = {
            f"weights.{name}": weight for name, weight in self._weights.items()
        }
        for name, weight in self._weights.items():
            for part, value in self._optimizer.state[weight].items():
                tensors[f"optimizer.{name}/{part}"] = value
        tensors["history"] = self._history
        self.checkpoints.keep(self.taken, tensors)

    def _restored(self, checkpoint: Checkpoint) -> int:
        tensors = checkpoint.tensors
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(tensors[f"weights.{name}"])
        for name, weight in self._weights.items():
            prefix = f"optimizer.{name}/"
            state: dict[str, Tensor] = {
                full.removeprefix(prefix): value.to(weight.device) if value.ndim else value
                for full, value in tensors.items()
                if full.startswith(prefix)
            }
            self._optimizer.state[weight] = state
        self._history.copy_(tensors["history"])
        return checkpoint.step


@contextmanager
def _memory_explained() -> Iterator[None]:
    """Say what to do when memory runs out; on the CPU torch raises a plain RuntimeError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and (
            "can't allocate memory" not in str(error)
        ):
            raise
        raise TrainingFailed(
            "training ran out of memory. Set a lower training.tokens_per_batch or"
            " training.max_tokens, or give it more."
        ) from error


def schedule(progress: float) -> float:
    """Return the share of the learning rate at `progress` from 0 to 1: a tenth up, the rest down."""
    return min(progress / _WARMUP, (1 - progress) / (1 - _WARMUP))


def _plan(examples: int, recipe: Recipe) -> list[list[int]]:
    return [
        step
        for epoch in range(recipe.epochs)
        for step in steps_of_epoch(examples, recipe.rows_per_step, recipe.seed, epoch)
    ]


def _size(example: Example) -> tuple[int, int]:
    rows = sequences_of(example)
    return len(rows), max(len(row.tokens) for row in rows)
