"""Forgets by age while a bot runs."""

import logging
from datetime import timedelta

import anyio

from chatune_core.errors import RetryLater
from chatune_core.ports import Retention

logger = logging.getLogger(__name__)
_EVERY = timedelta(hours=1)


async def forget_by_age(retention: Retention, keep_for: timedelta) -> None:
    """Purge what is older than `keep_for`, now and every hour, until cancelled."""
    while True:
        try:
            removed = await retention.purge(keep_for)
            logger.info("retention removed %s", dict(removed))
        except RetryLater as error:
            logger.warning("retention waits: %s", error)
        await anyio.sleep(_EVERY.total_seconds())
