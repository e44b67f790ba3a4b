"""A canary before people: they talk and vote until it is promoted or rolled back by itself."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from anyio import to_thread
from safetensors.torch import load_file, save_file

from chatune_bots.compose import utc_now
from chatune_bots.demo.people import Person
from chatune_bots.demo.rounds import Round, play
from chatune_bots.demo.scale import Scale
from chatune_bots.demo.show import Show
from chatune_bots.demo.town import Answered, Town
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import WEIGHTS, LoraFiles
from chatune_core.learning.manifest import manifest_text
from chatune_core.learning.rows import Dataset
from chatune_core.learning.versions import LoraState, LoraVersion, sources_of
from chatune_core.learning.watching import CanaryWatch

_NOISE = 20
"""Times the mean size of the weights: with less the bundled model still talks, and of itself."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything a canary needs: a town to answer in and people to answer."""

    town: Town
    files: LoraFiles
    model: str
    people: list[Person]
    questions: tuple[str, ...]
    scale: Scale
    show: Show
    seed: int

    async def begin(
        self, lora: LoraId, folder: Path, dataset: Dataset, base: str, why: str
    ) -> None:
        """Put the LoRA in `folder` on record, and let it answer in a share of conversations."""
        loras, at = self.town.stores.loras, utc_now()
        kept = await to_thread.run_sync(partial(self.files.keep, lora, folder))
        active = (await loras.served(self.model)).active
        version = LoraVersion(
            id=lora,
            model=self.model,
            base=base,
            folder=kept.folder,
            sha256=kept.sha256,
            manifest=manifest_text(dataset.manifest),
            metrics={},
            parent=active.id if active else None,
            made_at=at,
            state=LoraState.CANDIDATE,
            changed_at=at,
            reason=why,
        )
        await loras.add(version, sources_of((*dataset.train, *dataset.holdout)))
        await loras.move(lora, [LoraState.CANDIDATE], LoraState.CANARY, why, self.scale.share)
        await self.town.loras.refresh()

    async def run(self, lora: LoraId) -> LoraVersion:
        """Let people talk, round by round, until the canary is decided on, or time is up."""
        watch = CanaryWatch(
            {self.model: self.town.engine.model},
            self.town.stores.loras,
            self.town.stores.live_answers,
            self.scale.canary,
            utc_now,
        )
        talks = self.scale.talks
        with self.show.ratings(talks * self.scale.rounds) as show:

            def saw(person: Person, answered: Answered, good: bool) -> None:
                show(person.name, answered.text, good)

            for number in range(self.scale.rounds):
                asked = [
                    self.questions[(number * talks + at) % len(self.questions)]
                    for at in range(talks)
                ]
                seed = self.seed * 1000 + number
                await play(self.town, self.people, Round(asked), seed, saw)
                await watch.look()
                await self.town.loras.refresh()
                version = await self.town.stores.loras.find(lora)
                if version is not None and version.state is not LoraState.CANARY:
                    return version
        assert version is not None
        return version


def spoiled(folder: Path, out: Path, seed: int) -> Path:
    """Write the LoRA in `folder` to `out` with noise that drowns its weights; return `out`."""
    shutil.copytree(folder, out)
    weights = load_file(folder / WEIGHTS)
    dice = torch.Generator().manual_seed(seed)
    noisy = {
        name: weight + _NOISE * weight.abs().mean() * torch.randn(weight.shape, generator=dice)
        for name, weight in weights.items()
    }
    save_file(noisy, out / WEIGHTS, metadata={"format": "pt"})
    return out
