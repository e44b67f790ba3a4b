"""Has the scheduled work done by this process whenever it leads."""

import os
import secrets
import socket
from collections.abc import Sequence

from chatune_bots.compose import utc_now
from chatune_bots.leader import Leader
from chatune_bots.retention import retention_job
from chatune_bots.schedule import Job, Schedule
from chatune_bots.settings import Settings
from chatune_core.scheduling import SCHEDULE
from chatune_storage.stores import Stores


def holder_name() -> str:
    """Return a name for this process that no other has, readable by an operator."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


async def lead(settings: Settings, stores: Stores, more: Sequence[Job] = ()) -> None:
    """Do the scheduled work while this process leads, wait for its turn otherwise, until cancelled."""
    jobs = [retention_job(stores.retention, settings.storage.keep_for), *more]
    leader = Leader(stores.leases, SCHEDULE, holder_name(), utc_now)
    await leader.run(Schedule(jobs, stores.jobs, utc_now).run)
