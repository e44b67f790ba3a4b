"""What a training run is told and what comes of it. Loads no torch; the loop is in `trainer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from chatune_core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. The defaults are what worked for the bundled model (docs/learning.md).

    seed: of LoRA's first weights and the order of rows; the same seed gives the same LoRA.
    rank, alpha: of the LoRA (Hu et al. 2021, arXiv:2106.09685), on every linear layer but the head.
    learning_rate: of AdamW at its highest; it rises over the first tenth and falls to nothing.
    epochs: how often each row is seen; 0 is as often as it takes for about 30 steps, 4 times at most.
    rows_per_step: rows to one step of the optimizer.
    beta: of KTO and DPO: how little the model may move for a preference, > 0.
    anchor: weight of the negative log-likelihood of good answers, nats a token.
    replay: weight of the divergence from the base on general text, nats a token.
    chat_replay: the same on plain answers, after their first words; what stops a liking for lists from
        becoming one everywhere.
    replay_tokens: of general text in each step; 0 leaves replay and the limit out.
    kl_limit: nats a token of general text; training ends early, with what it has, beyond it.
    mismatched_rows: how many each step measures KTO's reference point on.
    max_tokens: of one row; more is cut. tokens_per_batch: computed at once, padding included.
    checkpoint_steps: between checkpoints. precision: "auto" takes bfloat16 where it is faster.
    """

    seed: int = 0
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-3
    epochs: int = 0
    rows_per_step: int = 16
    beta: float = 0.1
    anchor: float = 0.1
    replay: float = 1.0
    chat_replay: float = 1.0
    replay_tokens: int = 64
    kl_limit: float = 0.1
    mismatched_rows: int = 4
    max_tokens: int = 512
    tokens_per_batch: int = 512
    checkpoint_steps: int = 10
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    def __post_init__(self) -> None:
        for name in _ABOVE_ZERO:
            value = getattr(self, name)
            if not value > 0:
                raise ConfigurationError(
                    f"training.{name} must be above zero, got {value!r}.", "Set a positive number."
                )


_ABOVE_ZERO = (
    "rank",
    "alpha",
    "learning_rate",
    "rows_per_step",
    "beta",
    "kl_limit",
    "max_tokens",
    "tokens_per_batch",
    "checkpoint_steps",
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of the machine training takes, so that serving beside it stays responsive.

    threads: of the CPU; None is torch's own choice. nice: of the process, as in `nice(1)`; 0 leaves it.
    rest: seconds of pause for every second of work.
    """

    threads: int | None = None
    nice: int = 0
    rest: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was made: number from 1, of how many.

    loss: all its parts together. accuracy: share of rows whose implicit reward is on the right side
    (above KTO's reference point for a good answer, below it for a bad one; chosen above rejected),
    before the step. margin: mean reward of good answers less that of bad ones, nats; NaN without both.
    kl: from the base on general text, nats a token; NaN without replay. reference_point: KTO's z0, nats.
    gradient: norm before clipping. tokens_per_s: without padding. padding: share of computed tokens.
    eta_s: seconds left at this pace.
    """

    number: int
    of: int
    loss: float
    accuracy: float
    margin: float
    kl: float
    reference_point: float
    gradient: float
    learning_rate: float
    tokens_per_s: float
    padding: float
    eta_s: float


class Watcher(Protocol):
    """Somebody who looks on while a model is trained."""

    def say(self, line: str) -> None:
        """Take one plain sentence about what happens."""
        ...

    def stage(self, name: str, share: float) -> None:
        """Take how much of a stage before the first step is done, from 0 to 1."""
        ...

    def step(self, step: Step) -> None:
        """Take a step that was made."""
        ...


class Unwatched:
    """Nobody looks on."""

    def say(self, line: str) -> None:
        """See `Watcher.say`."""

    def stage(self, name: str, share: float) -> None:
        """See `Watcher.stage`."""

    def step(self, step: Step) -> None:
        """See `Watcher.step`."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished LoRA.

    folder: in PEFT's layout. sha256: of its `adapter_model.safetensors`, in hex.
    metrics: of the run, by name. curves: by name, a value for each step.
    ended_early: why it took fewer steps than planned, for people, or None.
    """

    folder: Path
    sha256: str
    metrics: Mapping[str, float]
    curves: Mapping[str, tuple[float, ...]] = field(repr=False)
    ended_early: str | None = None
