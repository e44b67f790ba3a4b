"""What a training run is made with: the evidence of the store, the recipe, the gate, the registry."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from anyio import from_thread

from chatune_bots.evidence import gathered_dataset, rules_from
from chatune_bots.moderate import open_moderator
from chatune_bots.quiet import quiet_libraries
from chatune_bots.settings import RemoteModel
from chatune_bots.start import Start
from chatune_bots.training.bench import Bench, in_thread, weights
from chatune_bots.training.candidate import TrainedCandidate
from chatune_bots.training.messages import Hear, Said, Staged, Stepped, Task
from chatune_bots.training.status import rated
from chatune_bots.training.work import OpenWorkshop
from chatune_core.learning.bootstrap import comparable
from chatune_core.learning.dataset import missing
from chatune_core.learning.gate import GateReport, too_few
from chatune_core.learning.recipe import Pace, Step
from chatune_core.learning.replay import LICENCE, NAME
from chatune_core.learning.rows import Dataset
from chatune_core.learning.run import Further, Workshop
from chatune_core.learning.runs import RunState, TrainingRun
from chatune_storage.stores import Stores


def furnish(begun: Start, stores: Stores, task: Task) -> OpenWorkshop:
    """Return how the workshop for `task` is opened; see `trainer.Furnish`."""

    @asynccontextmanager
    async def opened(hear: Hear) -> AsyncGenerator[Workshop, None]:
        quiet_libraries()  # here messages tell
        settings, home = begun.settings, begun.home
        source = await in_thread(partial(weights, settings, home))
        async with open_moderator(begun) as moderator:
            yield TrainingWorkshop(Bench(settings, stores, home, source, moderator, hear))

    return opened


class TrainingWorkshop:
    """Fulfils `Workshop`."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def rated(self) -> int:
        """See Workshop.rated."""
        return await rated(self._bench.stores)

    async def dataset(self) -> Dataset:
        """See Workshop.dataset."""
        bench = self._bench
        dataset = await gathered_dataset(
            bench.stores.evidence,
            bench.settings,
            bench.moderator,
            {_answers_as(bench)},
            {NAME: LICENCE},
        )
        bench.hear(Said(summary(dataset)))
        return dataset

    def missing(self, dataset: Dataset) -> str:
        """See Workshop.missing."""
        training = self._bench.settings.training
        few = too_few(*comparable(dataset.holdout), training.limits)
        # The gate would say so as well, but after hours.
        return missing(dataset, rules_from(training)) or " ".join(few)

    async def train(self, run: TrainingRun, dataset: Dataset, further: Further) -> TrainedCandidate:
        """See Workshop.train."""
        # Here, for importing torch takes as long as everything else before it.
        from chatune_core.learning.trainer import train

        bench, training = self._bench, self._bench.settings.training
        out = bench.runs / f"{run.id}-{dataset.manifest.digest[:8]}"
        # The process stands back already, and as a whole.
        pace = Pace(threads=training.threads, nice=0, rest=training.rest)
        watcher = Onlooker(bench.hear, further, training.recipe.checkpoint_steps)
        base = await in_thread(bench.base)
        trained = await in_thread(
            partial(train, dataset, base, out, bench.checkpoints, training.recipe, pace, watcher)
        )
        if trained.ended_early is not None:
            bench.hear(Said(trained.ended_early))
        examine = partial(_examined, bench, dataset, trained.folder)
        return TrainedCandidate(bench, run, dataset, trained, examine)

    async def tidy(self, run: TrainingRun) -> None:
        """See Workshop.tidy."""
        await in_thread(partial(self._bench.clear, keep_checkpoints=run.state is RunState.FAILED))


def _examined(bench: Bench, dataset: Dataset, lora: Path) -> GateReport:
    from chatune_core.learning.measuring import examined

    return examined(
        bench.base(),
        lora,
        dataset,
        bench.settings.training.limits,
        moderated=bench.acts_on_answer,
        progress=lambda stage, share: bench.hear(Staged(stage, share)),
    )


class Onlooker:
    """Fulfils the recipe's `Watcher`; called on the thread that trains."""

    def __init__(self, hear: Hear, further: Further, steps: int) -> None:
        """Tell once that it got `further`: after a step more than there are between checkpoints."""
        self._hear, self._further, self._steps_left = hear, further, steps + 1

    def say(self, line: str) -> None:
        """See Watcher.say."""
        self._hear(Said(line))

    def stage(self, name: str, share: float) -> None:
        """See Watcher.stage."""
        self._hear(Staged(name, share))

    def step(self, step: Step) -> None:
        """See Watcher.step."""
        self._hear(Stepped(step.number, step.of, step.loss, step.accuracy, step.kl, step.eta_s))
        self._steps_left -= 1
        if self._steps_left == 0:
            from_thread.run(self._tell_further)

    async def _tell_further(self) -> None:
        await self._further()


def summary(dataset: Dataset) -> str:
    """Return in one line how many rows there are, and why others are not among them."""
    rows = f"{len(dataset.train)} rows to learn from, {len(dataset.holdout)} to judge by"
    left_out = [f"{n} {why.value}" for why, n in dataset.manifest.left_out.items() if n]
    return f"{rows}; left out: {', '.join(left_out)}" if left_out else rows


def _answers_as(bench: Bench) -> str:
    """Return the name under which answers of the trained model are on record."""
    model = bench.settings.models[bench.settings.trained_model]
    return model.model if isinstance(model, RemoteModel) else bench.name.rpartition("@")[0]
