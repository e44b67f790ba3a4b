"""One lane for each conversation: what happens there is stored in order, whatever is slow."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import anyio
from anyio.abc import TaskGroup

from chatune_core.errors import RetryLater
from chatune_core.messages import ConversationId

logger = logging.getLogger(__name__)
Work = Callable[[], Awaitable[None]]
Recover = Callable[[ConversationId, datetime], Work]
_FULL = 1000
_LONGEST_REST = 30.0


@dataclass(slots=True)
class _Lane:
    waiting: deque[tuple[datetime, Work]] = field(default_factory=deque)
    missed_since: datetime | None = None


class Lanes:
    """Runs work in the order of each lane, and again until it succeeds.

    A lane that is full takes no more; when it is worked off, `recover` gives the work that reads
    what was missed since then from the platform.
    """

    def __init__(self, recover: Recover) -> None:
        self._recover = recover
        self._lanes: dict[ConversationId, _Lane] = {}
        self._tasks: TaskGroup | None = None

    def begin(self, tasks: TaskGroup) -> None:
        """Work in `tasks` from now on; what was put before begins."""
        self._tasks = tasks
        for name in self._lanes:
            tasks.start_soon(self._work_off, name)

    def put(self, name: ConversationId, at: datetime, work: Work) -> None:
        """Do `work` after all that is in the lane; `at` is when it happened."""
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane()
            if self._tasks is not None:
                self._tasks.start_soon(self._work_off, name)
        if len(lane.waiting) < _FULL:
            lane.waiting.append((at, work))
        else:
            lane.missed_since = lane.missed_since or at

    @property
    def oldest(self) -> datetime | None:
        """When the oldest thing happened that is not stored yet; None if all is."""
        heads = (lane.waiting[0][0] for lane in self._lanes.values() if lane.waiting)
        return min(heads, default=None)

    async def _work_off(self, name: ConversationId) -> None:
        lane = self._lanes[name]
        while lane.waiting:
            await _until_done(lane.waiting[0][1])
            if len(lane.waiting) == 1 and lane.missed_since is not None:
                since, lane.missed_since = lane.missed_since, None
                lane.waiting.append((since, self._recover(name, since)))
            lane.waiting.popleft()
        del self._lanes[name]


async def _until_done(work: Work) -> None:
    rest = 0.1
    while True:
        try:
            await work()
            return
        except RetryLater as error:
            logger.warning("Discord: what happened waits to be stored: %s", error)
            await anyio.sleep(min(_LONGEST_REST, max(rest, error.after.total_seconds())))
            rest = min(_LONGEST_REST, rest * 2)
