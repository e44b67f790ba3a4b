"""From rows to a LoRA: the whole recipe, read top to bottom.

Always from the base model and over all rows, never from an earlier LoRA: what was withdrawn is gone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from chatune_core.errors import TrainingFailed
from chatune_core.generation.tokenizer import load_tokenizer
from chatune_core.learning.batches import alike, steps_of_epoch
from chatune_core.learning.checkpoint import Checkpoint, Checkpoints
from chatune_core.learning.objective import Objective, Seen
from chatune_core.learning.pacing import Pacer
from chatune_core.learning.policy import Policy
from chatune_core.learning.precision import training_device, training_dtype
from chatune_core.learning.recipe import Pace, Recipe, Step, Trained, Unwatched, Watcher
from chatune_core.learning.reference import Reference, all_sequences, measure, mismatched_rows
from chatune_core.learning.replay import chat_rows, replay_rows
from chatune_core.learning.result import read_result, write_result
from chatune_core.learning.rows import Dataset
from chatune_core.learning.run_key import run_key
from chatune_core.learning.tokens import Example, TokenRow, sequences_of, tokenize

_MISMATCHED = 64
"""Rows that KTO's reference point is measured on, some of them in each step."""
_STEPS, _MOST_EPOCHS = 30, 4
"""How long a run is where the recipe leaves it open: few rows are seen more often.

Twice as many steps learn no more of what people like and twist other answers (docs/learning.md).
"""
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
        kept, device = self.checkpoints.reference(), training_device()
        # What was measured to be faster once holds for the run: a resumed one must not differ.
        dtype = kept["like"].dtype if kept else training_dtype(recipe, device)
        watcher.stage("loading the model", 0.0)
        # What is short of memory is mostly a GPU; a CPU has more of it than time.
        recompute = device.type == "cuda"
        shape = (recipe.rank, recipe.alpha, recipe.seed)
        self.policy = Policy(base, *shape, device, dtype, recompute)
        self._weights = self.policy.weights
        self._optimizer = torch.optim.AdamW(self._weights.values(), weight_decay=0.0)
        self._plan = _plan(len(self.tokenized.examples), recipe)
        needed = min(_MISMATCHED, recipe.mismatched_rows * len(self._plan))
        mismatched = mismatched_rows(self.tokenized, needed, recipe.seed)
        self._history = torch.zeros(len(self._plan), len(_PARTS), dtype=torch.float64)
        self.taken = self._restored(checkpoint) if checkpoint else 0
        if kept is None:
            kept = self._measured(mismatched) | {"like": torch.zeros(1, dtype=dtype)}
            self.checkpoints.keep_reference(kept)
        self._objective = Objective(
            self.policy,
            self.tokenized.examples,
            Reference(kept["rows"], kept["mismatched"]),
            mismatched,
            replay_rows(tokenizer, recipe.replay_tokens),
            chat_rows(tokenizer, recipe.replay_tokens),
            recipe,
        )

    def steps(self) -> str | None:
        """Make the steps that are left; return why they ended early, or None."""
        began, first = time.monotonic(), self.taken
        for number in range(first, len(self._plan)):
            step_began = time.monotonic()
            rate = self.recipe.learning_rate * schedule((number + 0.5) / len(self._plan))
            seen = Seen()
            values = self._step(number, rate, seen)
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
                    tokens_per_s=seen.tokens / max(now - step_began, 1e-9),
                    padding=seen.padding / seen.computed,
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

    def _step(self, number: int, rate: float, seen: Seen) -> dict[str, float]:
        """Make one step of the optimizer, unless it would begin beyond the limit."""
        recipe, rows = self.recipe, self._plan[number]
        before = (
            float(self._history[number - 1, _PARTS.index("reference_point")]) if number else 0.0
        )
        point = self._objective.reference_point(number, before)
        self._pacer.breathe()
        self._optimizer.zero_grad(set_to_none=True)
        kl = self._replay(number, seen)
        values = {"kl": kl, "reference_point": point.item(), "learning_rate": rate}
        if kl > recipe.kl_limit:
            return values
        sizes = [_size(self.tokenized.examples[n]) for n in rows]
        for together in alike(sizes, recipe.tokens_per_batch):
            # Divided by all rows of the step, so that it does not matter how they are batched.
            loss = self._objective.preferences([rows[n] for n in together], point, seen) / len(rows)
            loss.backward()  # type: ignore[no-untyped-call]
            seen.loss += loss.item()
            self._pacer.breathe()
        norm = float(torch.nn.utils.clip_grad_norm_(self._weights.values(), _LONGEST_GRADIENT))
        self._refuse_nonsense(number, seen.loss, norm)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        right = seen.right / len(rows)
        return values | {
            "loss": seen.loss,
            "accuracy": right,
            "margin": seen.margin,
            "gradient": norm,
        }

    def _replay(self, number: int, seen: Seen) -> float:
        """Add the gradients of both replays; return how far general text is from the base."""
        objective, recipe = self._objective, self.recipe
        plain, chat = objective.divergence(number, seen), objective.chat_divergence(number, seen)
        for kl, weight in ((plain, recipe.replay), (chat, recipe.chat_replay)):
            if kl is not None:
                loss = weight * kl
                loss.backward()  # type: ignore[no-untyped-call]
                seen.loss += loss.item()
        self._pacer.breathe()
        return math.nan if plain is None else plain.item()

    def _refuse_nonsense(self, number: int, loss: float, norm: float) -> None:
        if not math.isfinite(loss) or not math.isfinite(norm) or abs(loss) > _EXPLODED:
            raise TrainingFailed(
                f"the loss became {loss:.4g} with a gradient of {norm:.4g} in step {number + 1} of"
                f" {len(self._plan)}. Set a lower training.learning_rate than"
                f" {self.recipe.learning_rate:g}; the model that serves is untouched."
            )

    def _measured(self, mismatched: Sequence[TokenRow]) -> dict[str, Tensor]:
        """Return what the base makes of all rows; see `Reference`."""
        stage, rows = "measuring the base model", all_sequences(self.tokenized)
        self._watcher.stage(stage, 0.0)

        def breathe(done: int, of: int) -> None:
            self._watcher.stage(stage, done / of)
            self._pacer.breathe()

        everything = [*rows, *mismatched]
        found = measure(self.policy, everything, self.recipe.tokens_per_batch, breathe)
        return {"rows": found[: len(rows)].clone(), "mismatched": found[len(rows) :].clone()}

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
    """Return the numbers of the examples in each step of the run."""
    wanted = round(_STEPS * recipe.rows_per_step / examples)
    return [
        step
        for epoch in range(recipe.epochs or min(max(wanted, 1), _MOST_EPOCHS))
        for step in steps_of_epoch(examples, recipe.rows_per_step, recipe.seed, epoch)
    ]


def _size(example: Example) -> tuple[int, int]:
    rows = sequences_of(example)
    return len(rows), max(len(row.tokens) for row in rows)
