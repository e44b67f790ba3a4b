"""A workshop that trains nothing, and fails where a test wants it to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chatune_core.generation.requests import LoraId
from chatune_core.learning.rows import Dataset, Manifest
from chatune_core.learning.run import Further, Judged, Registered
from chatune_core.learning.runs import RunState, TrainingRun


def dataset(digest: str = "d1") -> Dataset:
    """A dataset without rows, which is the same as another with the same digest."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Dataset((), (), Manifest(at, (), (), {}, {}, {}, digest))


BETTER = Judged(RunState.MADE, "better by 12 points")


async def _nothing(step: str) -> None: ...


@dataclass
class FakeWorkshop:
    """Takes every step; `at` is called with its name before each."""

    digest: str = "d1"
    lacking: str = ""
    verdict: Judged = BETTER
    ratings: int = 200
    at: Callable[[str], Awaitable[None]] = _nothing
    steps: list[str] = field(default_factory=list)
    registered: list[LoraId] = field(default_factory=list)
    tidied: int = 0
    gets_further: bool = False

    async def rated(self) -> int:
        return self.ratings

    async def dataset(self) -> Dataset:
        await self.step("dataset")
        return dataset(self.digest)

    def missing(self, dataset: Dataset) -> str:
        return self.lacking

    async def train(self, run: TrainingRun, dataset: Dataset, further: Further) -> "FakeCandidate":
        if self.gets_further:
            await further()
        await self.step("train")
        return FakeCandidate(self, LoraId(f"{run.model}-{run.id}"))

    async def tidy(self, run: TrainingRun) -> None:
        assert run.state is not RunState.UNDER_WAY
        self.tidied += 1

    async def step(self, name: str) -> None:
        self.steps.append(name)
        await self.at(name)


@dataclass
class FakeCandidate:
    """What a `FakeWorkshop` makes."""

    shop: FakeWorkshop
    lora: LoraId

    async def judge(self) -> Judged:
        await self.shop.step("judge")
        return self.shop.verdict

    async def register(self, judged: Judged) -> Registered:
        await self.shop.step("register")
        if self.lora not in self.shop.registered:
            self.shop.registered.append(self.lora)
        return Registered(self.lora, judged.reason)
