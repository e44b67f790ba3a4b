"""Two trainers over the same rows, each as it comes: ours, and TRL's KTOTrainer."""

import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from learning_people import dataset_of

from chatune_core.learning.recipe import Recipe, Step, Unwatched
from chatune_core.learning.rows import Thumb

ROWS_PER_STEP, RANK, ALPHA, LEARNING_RATE = 8, 16, 32, 1e-4


@dataclass(frozen=True, slots=True)
class Measured:
    """Of a whole run without loading: seconds for each step, with everything spread over the steps.

    cpu_s: of all threads. peak_mb: of the process, the model included. last_loss: that it ran at all.
    """

    steps: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    last_loss: float


class _Clock(Unwatched):
    """Starts when the model is loaded: neither loading nor saving is part of a step."""

    def __init__(self) -> None:
        self.began = self.ended = (0.0, 0.0)
        self.steps, self.loss = 0, 0.0

    def stage(self, name: str, share: float) -> None:
        """See Watcher.stage."""
        if name != "loading the model" and share == 0.0:
            self.began = _now()

    def step(self, step: Step) -> None:
        """See Watcher.step."""
        self.ended, self.steps, self.loss = _now(), step.number, step.loss


def ours(rows: Sequence[Thumb], base: Path, epochs: int) -> Measured:
    """Train with the recipe, the reference and everything else that it measures included."""
    from chatune_core.learning.trainer import train

    recipe = Recipe(
        rank=RANK,
        alpha=ALPHA,
        learning_rate=LEARNING_RATE,
        epochs=epochs,
        rows_per_step=ROWS_PER_STEP,
        mismatched_rows=2,
    )
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        out, work = Path(folder) / "lora", Path(folder) / "work"
        train(dataset_of(rows), base, out, work, recipe, None, clock)
    return _measured(clock.began, clock.ended, clock.steps, clock.loss)


def trl(rows: Sequence[Thumb], base: Path, epochs: int, **options: Any) -> Measured:  # noqa: ANN401
    """Train with TRL's KTOTrainer in float32, its own defaults for everything not named here."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import torch
    from datasets import Dataset  # type: ignore[import-untyped]
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    automatic: Any = AutoModelForCausalLM
    table = [
        {
            "prompt": [
                {"role": message.role, "content": message.content} for message in row.prompt
            ],
            "completion": [{"role": "assistant", "content": row.completion}],
            "label": row.good,
        }
        for row in rows
    ]
    with tempfile.TemporaryDirectory() as folder:
        trainer = KTOTrainer(
            model=automatic.from_pretrained(base, dtype=torch.float32),
            args=KTOConfig(
                output_dir=folder,
                per_device_train_batch_size=ROWS_PER_STEP,
                num_train_epochs=epochs,
                learning_rate=LEARNING_RATE,
                bf16=False,
                use_cpu=True,
                report_to=[],
                save_strategy="no",
                logging_steps=1,
                disable_tqdm=True,
                **options,
            ),
            train_dataset=Dataset.from_list(table),
            processing_class=AutoTokenizer.from_pretrained(base),
            peft_config=LoraConfig(
                r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
            ),
        )
        began = _now()
        trainer.train()
        ended = _now()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return _measured(began, ended, trainer.state.global_step, losses[-1])


def _now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def _measured(
    began: tuple[float, float], ended: tuple[float, float], steps: int, loss: float
) -> Measured:
    wall_s, cpu_s = ((after - before) / steps for before, after in zip(began, ended, strict=True))
    return Measured(steps, wall_s, cpu_s, getrusage(RUSAGE_SELF).ru_maxrss / 1024, loss)


System = Callable[[Sequence[Thumb], Path, int], Measured]
SYSTEMS: Mapping[str, System] = {
    "TRL KTOTrainer, as it comes": trl,
    "TRL KTOTrainer, no activation checkpointing": lambda rows, base, epochs: trl(
        rows, base, epochs, gradient_checkpointing=False
    ),
    "chatune": ours,
}
