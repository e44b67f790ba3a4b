"""How trainers are started from a bot and from the command line."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from chatune_bots.leading import holder_name
from chatune_bots.schedule import Job
from chatune_bots.start import Start
from chatune_bots.training.jobs import TrainingJobs
from chatune_bots.training.messages import Task
from chatune_bots.training.process import Trainers
from chatune_bots.training.status import rated
from chatune_core.learning.run import Order
from chatune_storage.stores import Stores

_BACKSTOP = 1.1
"""How much longer than `most_hours` a trainer may take that does not end by itself."""


def task_for(begun: Start, order: Order) -> Task:
    """Return what a trainer is told."""
    return Task(str(begun.home.path), str(begun.folder), order, holder_name())


def trainers(begun: Start, stores: Stores) -> Trainers:
    """Return what starts trainers over the store."""
    hours = begun.settings.training.most_hours * _BACKSTOP
    return Trainers(stores.leases, longest=timedelta(hours=hours))


def training_jobs(begun: Start, stores: Stores, say: Callable[[str], None]) -> list[Job]:
    """Return the scheduled jobs that train; `say` is told in one line how each run ended."""
    return TrainingJobs(
        begun.settings,
        stores,
        trainers(begun, stores).train,
        partial(task_for, begun),
        partial(rated, stores),
        say,
    ).jobs()
