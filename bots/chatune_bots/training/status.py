"""How training stands, in lines for people: what is due, what is missing, what came of the last runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from chatune_bots.settings import Settings
from chatune_bots.training.jobs import JOB
from chatune_core.learning.runs import RunState, TrainingRun
from chatune_core.scheduling import SCHEDULE, ScheduledJob
from chatune_storage.stores import Stores

_RUNS = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of training."""

    settings: Settings
    job: ScheduledJob
    rated: int
    runs: Sequence[TrainingRun]
    leader: str | None

    @property
    def new_ratings(self) -> int:
        """Return how many ratings came since the last run; fewer than none, if some were withdrawn."""
        return self.rated - (self.runs[0].rated if self.runs else 0)

    def due(self) -> str:
        """Return when the next run begins."""
        training = self.settings.training
        if self.job.paused:
            return "paused; `chatune train --resume` ends that"
        ways = []
        if training.schedule is not None:
            ways.append(f"at {training.schedule!r} {training.timezone}{self._next()}")
        if training.after_ratings is not None:
            new = max(0, self.new_ratings)
            ways.append(f"after {training.after_ratings} new ratings ({new} so far)")
        if not ways:
            return "only when asked for; set training.schedule or training.after_ratings"
        return ", or ".join(ways)

    def lines(self) -> list[str]:
        """Return all of it."""
        waits = self.job.asked_at is not None and not self._is_under_way
        asked = ["asked for     the leader begins soon"] if waits else []
        leader = self.leader or "nobody; `chatune serve` or `chatune chat` must run"
        return [
            f"model         {self.settings.trained_model}",
            f"next run      {self.due()}",
            f"ratings       {self.rated}, {self.new_ratings:+d} since the last run",
            f"leader        {leader}",
            *asked,
            *(self._line(run) for run in self.runs),
        ]

    @property
    def _is_under_way(self) -> bool:
        return any(run.state is RunState.UNDER_WAY for run in self.runs)

    def _next(self) -> str:
        if self.job.next_due is None:
            return ""
        return f", next on {self._local(self.job.next_due):%A %Y-%m-%d %H:%M %Z}"

    def _line(self, run: TrainingRun) -> str:
        begun = f"{self._local(run.begun_at):%Y-%m-%d %H:%M}"
        if run.state is RunState.UNDER_WAY:
            again = f", attempt {run.attempt}" if run.attempt > 1 else ""
            return f"run           {begun}  {run.stage.value}{again}"
        version = f"{run.lora}: " if run.lora else ""
        return f"run           {begun}  {run.state.value}: {version}{run.reason}"

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.settings.training.timezone))


async def standing(settings: Settings, stores: Stores) -> Standing:
    """Return how training stands."""
    jobs = {job.name: job for job in await stores.jobs.all()}
    return Standing(
        settings,
        jobs.get(JOB, ScheduledJob(JOB, "")),
        await rated(stores),
        await stores.training_runs.recent(_RUNS, settings.trained_model),
        await stores.leases.holder(SCHEDULE),
    )


async def rated(stores: Stores) -> int:
    """Return how much feedback there is, of every kind."""
    return sum((await stores.evidence.counted()).values())
