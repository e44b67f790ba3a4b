"""Forgets by age, every hour."""

import logging
from datetime import datetime, timedelta

from chatune_bots.schedule import Job
from chatune_bots.triggers import every
from chatune_core.ports import Retention

logger = logging.getLogger(__name__)
_EVERY = timedelta(hours=1)


def retention_job(retention: Retention, keep_for: timedelta) -> Job:
    """Return the job that purges what is older than `keep_for`."""

    async def purge(due: datetime) -> None:
        removed = await retention.purge(keep_for)
        logger.info("retention removed %s", dict(removed))

    return Job("retention", every(_EVERY), purge)
