"""The scheduled jobs that train: at set times, on request, and after so many new ratings."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio

from chatune_bots.leader import LASTING, Sleep
from chatune_bots.schedule import Job
from chatune_bots.settings import Settings
from chatune_bots.training.messages import Ended, Hear, Message, Said, Staged, Stepped, Task
from chatune_bots.triggers import cron, every, on_request
from chatune_core.learning.run import Order
from chatune_core.learning.runs import TRAINING
from chatune_storage.stores import Stores

logger = logging.getLogger(__name__)
JOB = "training"
"""The job's name in the store: what `chatune train --now | --pause` speaks of."""
_LOOKS = timedelta(minutes=1)
_WAIT_S = 5.0
_WAITS = int(3 * LASTING.total_seconds() / _WAIT_S)

Train = Callable[[Task, Hear], Awaitable[Ended]]
"""See `Trainers.train`."""


@dataclass(frozen=True, slots=True)
class TrainingJobs:
    """Has a trainer started when it is time.

    task: what a trainer is told for an order. rated: how much feedback there is.
    say: is told in one line how each run ended.
    """

    settings: Settings
    stores: Stores
    train: Train
    task: Callable[[Order], Task]
    rated: Callable[[], Awaitable[int]]
    say: Callable[[str], None]
    sleep: Sleep = anyio.sleep

    def jobs(self) -> list[Job]:
        """Return the jobs, for the schedule."""
        training = self.settings.training
        due = cron(training.schedule, training.timezone) if training.schedule else on_request()
        jobs = [Job(JOB, due, self._at_its_time)]
        if training.after_ratings is not None:
            jobs.append(Job("ratings", every(_LOOKS), self._after_ratings))
        return jobs

    async def _at_its_time(self, due: datetime) -> None:
        asked = any(row.name == JOB and row.asked_at == due for row in await self.stores.jobs.all())
        why = "somebody asked for it" if asked else "it was time"
        await self._order(Order(self.settings.trained_model, due.isoformat(), why, again=asked))

    async def _after_ratings(self, due: datetime) -> None:
        wanted = self.settings.training.after_ratings
        assert wanted is not None
        if any(row.name == JOB and row.paused for row in await self.stores.jobs.all()):
            return
        model = self.settings.trained_model
        last = await self.stores.training_runs.recent(1, model)
        new = await self.rated() - (last[0].rated if last else 0)
        if new < wanted:
            return
        since = last[0].id if last else "the beginning"
        await self._order(Order(model, f"{wanted} ratings after {since}", f"{new} new ratings"))

    async def _order(self, order: Order) -> None:
        """Have the order done, once whoever trains at present has ended or has been dead for long."""
        task = self.task(order)
        if not await self._may_begin(task):
            logger.info("no training now: another run is under way")
            return
        self.say(f"training {order.model!r}: {order.why}")
        ended = await self.train(task, _log)
        logger.info("training ended: %s", ended.outcome)
        self.say(f"training {order.model!r}: {ended.outcome}: {ended.line}")

    async def _may_begin(self, task: Task) -> bool:
        """Take the training lease for the trainer, which holds it under the same name."""
        for _ in range(_WAITS):
            if await self.stores.leases.hold(TRAINING, task.holder, LASTING) is not None:
                return True
            await self.sleep(_WAIT_S)
        return False


def _log(message: Message) -> None:
    match message:
        case Said(line=line):
            logger.info("training: %s", line)
        case Staged(stage=stage, share=0.0):
            logger.info("training: %s", stage)
        case Stepped(number=number, of=of) if number % max(1, of // 10) == 0:
            logger.info("training: step %d of %d", number, of)
        case _:
            pass
