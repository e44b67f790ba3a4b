"""One training run, from the evidence to a candidate, read top to bottom.

It may die anywhere: who takes it up begins at the top again, and each step finds what was done before
(a dataset is the same for the same evidence, training goes on from its checkpoint, a version is added
once). Every step is on record before it is taken, and no step is recorded in a term that is over.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from chatune_core.errors import ConfigurationError, GenerationFailed, TrainingFailed
from chatune_core.generation.requests import LoraId
from chatune_core.learning.rows import Dataset
from chatune_core.learning.runs import RunId, RunState, Stage, TrainingRun, TrainingRuns
from chatune_core.leases import Fence

ATTEMPTS = 3
"""How often a run is begun that gets no further before it is given up."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for; see `TrainingRun`.

    again: also over a dataset that the last run had.
    """

    model: str
    due: str
    why: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate says of a candidate; `state` is `MADE` or what it is instead."""

    state: RunState
    reason: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A version on record, and what becomes of it, in one line for people."""

    lora: LoraId
    reason: str


class Candidate(Protocol):
    """A LoRA that was trained in this run."""

    async def judge(self) -> Judged:
        """Return whether it may answer people."""
        ...

    async def register(self, judged: Judged) -> Registered:
        """Add it to the registry and have it go its way; repeating it changes nothing."""
        ...


Further = Callable[[], Awaitable[None]]
"""Called when so much is kept of the work that a death from here on does not begin it anew."""


class Workshop(Protocol):
    """What a run is made with."""

    async def rated(self) -> int:
        """Return how much feedback there is."""
        ...

    async def dataset(self) -> Dataset:
        """Return what may be learned from at present."""
        ...

    def missing(self, dataset: Dataset) -> str:
        """Return what is missing to train on it, for people: "not yet: 37 of 200"; else ""."""
        ...

    async def train(self, run: TrainingRun, dataset: Dataset, further: Further) -> Candidate:
        """Train from the base model, or go on where this run was; tell when it has got further.

        Raises:
            TrainingFailed: no LoRA can come of it.
        """
        ...

    async def tidy(self, run: TrainingRun) -> None:
        """Remove what is not needed any more, now that the run has ended as it says."""
        ...


class _TermOver(Exception):
    """Another process goes on with this run; nothing of it is ours to say."""


@dataclass(slots=True)
class _Progress:
    """The run as it stands while it trains."""

    run: TrainingRun
    conductor: "Conductor"

    async def further(self) -> None:
        self.run = await self.conductor.got_further(self.run)


class Conductor:
    """Conducts runs in one term of the training lease. `tell` hears of each stage."""

    def __init__(
        self,
        runs: TrainingRuns,
        fence: Fence,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        tell: Callable[[Stage], None] = lambda stage: None,
    ) -> None:
        self._runs, self._fence = runs, fence
        self._now, self._new_id, self._tell = now, new_id, tell

    async def conduct(self, order: Order, shop: Workshop) -> TrainingRun | None:
        """Return the run that answers `order`, ended; None if another process goes on with it.

        A run of the model that was left unfinished is taken up first, and answers the order.

        Raises:
            RetryLater: the store fails in passing; the run stays as it is, to be taken up again.
        """
        try:
            run = await self._begun(order, shop)
            if run.state is not RunState.UNDER_WAY:
                return run
            if run.attempt > ATTEMPTS:
                reason = f"given up: it died {ATTEMPTS} times at the same place, {run.stage.value}"
                return await self._end(run, RunState.FAILED, reason)
            run = await self._steps(run, order, shop)
            await shop.tidy(run)
            return run
        except _TermOver:
            return None

    async def fail(self, model: str, reason: str) -> None:
        """Record that the run of the model which is under way, if there is one, has failed."""
        for run in await self._runs.unfinished():
            if run.model == model:
                await self._end(run, RunState.FAILED, reason)

    async def leave(self, model: str) -> None:
        """Have the run of the model that is under way, if there is one, taken up another time.

        That it was begun does not count: it is interrupted on purpose.
        """
        for run in await self._runs.unfinished():
            if run.model == model:
                await self._runs.record(replace(run, attempt=run.attempt - 1), self._fence)

    async def got_further(self, run: TrainingRun) -> TrainingRun:
        """Record that deaths of the run are counted anew; return it so."""
        return await self._recorded(replace(run, attempt=1))

    async def _begun(self, order: Order, shop: Workshop) -> TrainingRun:
        left = [run for run in await self._runs.unfinished() if run.model == order.model]
        now = self._now()
        new = TrainingRun(
            id=RunId(self._new_id()),
            model=order.model,
            due=left[0].due if left else order.due,
            why=order.why,
            begun_at=now,
            changed_at=now,
            term=self._fence.term,
            rated=await shop.rated(),
        )
        run = await self._runs.begin(new, self._fence)
        if run is None:
            raise _TermOver
        return run

    async def _steps(self, run: TrainingRun, order: Order, shop: Workshop) -> TrainingRun:
        try:
            run = await self._at(run, Stage.GATHERING)
            dataset = await shop.dataset()
            run = replace(run, dataset=dataset.manifest.digest)
            if missing := shop.missing(dataset) or await self._nothing_new(run, order):
                return await self._end(run, RunState.NOTHING, missing)
            run = await self._at(run, Stage.TRAINING)
            progress = _Progress(run, self)
            candidate = await shop.train(run, dataset, progress.further)
            run = await self._at(progress.run, Stage.JUDGING)
            judged = await candidate.judge()
            if judged.state is not RunState.MADE:
                return await self._end(run, judged.state, judged.reason)
            run = await self._at(run, Stage.REGISTERING)
            registered = await candidate.register(judged)
            run = replace(run, lora=registered.lora)
            return await self._end(run, RunState.MADE, registered.reason)
        except (TrainingFailed, GenerationFailed, ConfigurationError) as error:
            return await self._end(run, RunState.FAILED, str(error))

    async def _nothing_new(self, run: TrainingRun, order: Order) -> str:
        if order.again:
            return ""
        for earlier in await self._runs.recent(1 + ATTEMPTS, run.model):
            if earlier.dataset == run.dataset and earlier.state in (
                RunState.MADE,
                RunState.REFUSED,
            ):
                return f"nothing new since the run of {earlier.begun_at:%Y-%m-%d %H:%M} UTC"
        return ""

    async def _at(self, run: TrainingRun, stage: Stage) -> TrainingRun:
        run = await self._recorded(replace(run, stage=stage))
        self._tell(stage)
        return run

    async def _end(self, run: TrainingRun, state: RunState, reason: str) -> TrainingRun:
        return await self._recorded(replace(run, state=state, reason=reason))

    async def _recorded(self, run: TrainingRun) -> TrainingRun:
        run = replace(run, changed_at=self._now())
        if not await self._runs.record(run, self._fence):
            raise _TermOver
        return run
