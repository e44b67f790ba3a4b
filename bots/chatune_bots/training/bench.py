"""What the steps of a training run share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

from anyio import from_thread, to_thread

from chatune_bots.evidence import acts_of
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_bots.training.messages import Hear, Staged
from chatune_core.generation.sources import Source, find_source, prepared_folder
from chatune_core.moderation.verdicts import Role
from chatune_core.ports import Moderation
from chatune_storage.stores import Stores

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Bench:
    """The store, the weights, the folders, and who looks on.

    source: of the weights that are trained.
    """

    settings: Settings
    stores: Stores
    home: Home
    source: Source
    moderator: Moderation
    hear: Hear

    @property
    def name(self) -> str:
        """Return what the weights are called, with their revision."""
        return f"{self.source.name}@{self.source.revision}"

    def base(self) -> Path:
        """Return the folder of the weights, converted at their first use; blocking."""
        return prepared_folder(
            self.source,
            self.home.models,
            lambda stage, share: self.hear(Staged(stage, share)),
        )

    @property
    def runs(self) -> Path:
        """Return the folder of what was trained and is not registered yet."""
        return self.home.training / "runs"

    @property
    def checkpoints(self) -> Path:
        """Return the folder of checkpoints."""
        return self.home.training / "checkpoints"

    def acts_on_answer(self, text: str) -> bool:
        """Return whether moderation would act on a model's answer; on a thread of `in_thread`."""
        return from_thread.run(self._acts_on_answer, text)

    async def _acts_on_answer(self, text: str) -> bool:
        return await acts_of(self.moderator)(text, Role.ASSISTANT)

    def clear(self, *, keep_checkpoints: bool) -> None:
        """Remove what runs left: weights that nobody will use, made of what people may withdraw."""
        rmtree(self.runs, ignore_errors=True)
        if not keep_checkpoints:
            rmtree(self.checkpoints, ignore_errors=True)


async def in_thread(work: Callable[[], Result]) -> Result:
    """Return what `work` does on a thread; who is cancelled does not wait for it."""
    return await to_thread.run_sync(work, abandon_on_cancel=True)


def weights(settings: Settings, home: Home) -> Source:
    """Return which weights are trained; blocking, for they are downloaded if they are not here.

    Raises:
        ConfigurationError: it is not known which they are, or they are nowhere to be found.
    """
    return find_source(settings.trained_weights, None, home.models, fetch=True)
