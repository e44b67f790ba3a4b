"""From votes to a judged LoRA: the dataset, the recipe and the gate, each as a training run uses it."""

import os
import random
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from anyio import to_thread

from chatune_bots.compose import utc_now
from chatune_bots.demo.scale import Scale
from chatune_bots.demo.show import Show
from chatune_core.errors import TrainingFailed
from chatune_core.learning.dataset import build_dataset, missing
from chatune_core.learning.gate import GateReport
from chatune_core.learning.measuring import examined
from chatune_core.learning.recipe import Pace, Trained
from chatune_core.learning.replay import LICENCE, NAME
from chatune_core.learning.rows import Dataset, Row, Thumb
from chatune_core.learning.scrubbing import Scrubber
from chatune_core.learning.trainer import train
from chatune_core.moderation.moderator import Moderator
from chatune_core.moderation.verdicts import Level, Role
from chatune_storage.stores import Stores


@dataclass(frozen=True, slots=True)
class Pupil:
    """A LoRA and what the gate says of it."""

    trained: Trained
    report: GateReport


class School:
    """Where models are taught. `base` are the weights, `work` is for what is not finished."""

    def __init__(
        self, stores: Stores, moderator: Moderator, base: Path, work: Path, scale: Scale, show: Show
    ) -> None:
        self._stores, self._moderator = stores, moderator
        self._base, self._work = base, work
        self._scale, self._show = scale, show

    async def dataset(self) -> Dataset:
        """Return what may be learned from.

        Raises:
            TrainingFailed: it is too little.
        """
        gathered = await self._stores.evidence.gathered(platforms_permitted=False)
        rules = self._scale.rules
        dataset = await build_dataset(
            gathered, rules, self._acts, Scrubber(), utc_now(), {NAME: LICENCE}
        )
        if lacking := missing(dataset, rules):
            raise TrainingFailed(f"There is too little to learn from, {lacking}.")
        return dataset

    async def taught(self, dataset: Dataset, name: str) -> Pupil:
        """Return the LoRA that comes of the dataset, judged."""
        out, recipe = self._work / name, self._scale.recipe
        # Nobody waits for an answer meanwhile, and loading the engine left torch one thread.
        pace = Pace(threads=os.cpu_count())
        with self._show.work("training") as watcher:
            trained = await to_thread.run_sync(
                partial(
                    train, dataset, self._base, out, self._work / "steps", recipe, pace, watcher
                )
            )
        if trained.ended_early:
            self._show.say(f"Training ended early: {trained.ended_early}.")
        with self._show.work("judging") as work:
            report = await to_thread.run_sync(
                partial(
                    examined,
                    self._base,
                    out,
                    dataset,
                    self._scale.gate,
                    thoroughness=self._scale.thoroughness,
                    progress=work.stage,
                )
            )
        return Pupil(trained, report)

    async def _acts(self, text: str, role: Role) -> bool:
        return (await self._moderator.check(text, role)).level is Level.ACT


def shuffled(dataset: Dataset, seed: int) -> Dataset:
    """Return the dataset with every judgement dealt out anew: as many good ones, without sense."""
    chance = random.Random(f"shuffled {seed}")
    manifest = replace(dataset.manifest, digest=f"{dataset.manifest.digest} shuffled {seed}")
    return Dataset(
        _dealt_anew(dataset.train, chance), _dealt_anew(dataset.holdout, chance), manifest
    )


def _dealt_anew(rows: tuple[Row, ...], chance: random.Random) -> tuple[Row, ...]:
    votes = [row.good for row in rows if isinstance(row, Thumb)]
    chance.shuffle(votes)
    left = iter(votes)
    dealt = list[Row]()
    for row in rows:
        if isinstance(row, Thumb):
            dealt.append(replace(row, good=next(left)))
        elif chance.random() < 0.5:
            dealt.append(replace(row, chosen=row.rejected, rejected=row.chosen))
        else:
            dealt.append(row)
    return tuple(dealt)
