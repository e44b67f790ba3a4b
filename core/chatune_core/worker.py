"""The pump from inbox to ledger: lease, run, commit. Retry, stop and crash policy live here only."""

import logging
from collections.abc import Callable
from datetime import timedelta

import anyio
from anyio.abc import TaskStatus

from chatune_core.dispatch import Dispatch, waits
from chatune_core.errors import RetryLater
from chatune_core.logs import without_text
from chatune_core.messages import EventKey, Inbound, Reply, StopRequested
from chatune_core.outcomes import Outcome
from chatune_core.ports import EventLease, Inbox, Ledger, Standing
from chatune_core.settings import CoreSettings
from chatune_core.signal import Signal
from chatune_core.stop import Stop

logger = logging.getLogger(__name__)
APOLOGY = "Sorry, something went wrong on my side and I could not answer. The error is in my log."
_GOODBYE = 3.0  # seconds to hand leases back when the process is told to end


class Worker:
    """Runs turns: in order within a conversation, in parallel across, `lanes` at a time.

    `ends` is called when an outcome is about to be committed, so that who waits for it can look
    in the same transaction; `ended` with each event that was committed and with its outcome.
    """

    def __init__(
        self,
        inbox: Inbox,
        ledger: Ledger,
        dispatch: Dispatch,
        settings: CoreSettings,
        ends: Callable[[], None],
        ended: Callable[[Inbound, Outcome], None],
    ) -> None:
        self._inbox, self._ledger, self._dispatch = inbox, ledger, dispatch
        self._settings, self._ends, self._ended = settings, ends, ended
        self._running: dict[EventKey, tuple[EventLease, Stop]] = {}
        self._changed = Signal()
        self._closing = False
        self.wake = self._changed.set
        """Call it to have work looked for now: an event was stored, or is about to be."""

    def close(self) -> None:
        """Take no more work; `run` returns when the running turns have ended."""
        self._closing = True
        self._changed.set()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled or closed; a cancelled turn gives its lease back at once."""
        async with anyio.create_task_group() as background:
            background.start_soon(self._renew)
            async with anyio.create_task_group() as turns:
                task_status.started()
                while not self._closing:
                    free = self._settings.lanes - len(self._running)
                    leases = await self._lease(free) if free > 0 else []
                    for lease in leases:
                        turns.start_soon(self._turn, lease)
                    if len(leases) < max(free, 1):
                        await self._changed.wait(self._settings.poll)
            background.cancel_scope.cancel()

    async def step(self) -> bool:
        """Run one turn inline; return False when nothing can be claimed."""
        for lease in await self._inbox.lease(1):
            await self._turn(lease)
            return True
        return False

    async def _lease(self, free: int) -> list[EventLease]:
        try:
            leases = list(await self._inbox.lease(free))
        except RetryLater as error:
            logger.warning("the inbox cannot be read: %s", error)
            await anyio.sleep(error.after.total_seconds())
            self._changed.set()
            return []
        for lease in leases:  # counted before its task starts, so that lanes are never exceeded
            self._running[lease.event.key] = (lease, Stop())
        return leases

    async def _turn(self, lease: EventLease) -> None:
        event = lease.event
        _, stop = self._running.setdefault(event.key, (lease, Stop()))
        try:
            if type(event) is StopRequested:
                outcome = await self._stop(event)
            else:
                outcome = await self._dispatch.outcome_of(event, stop)
            await self._commit(lease, outcome)
        except RetryLater as error:
            logger.info("%s is tried again in %s: %s", event.key, error.after, error)
            await self._give_back(lease, error.after)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(_GOODBYE, shield=True):
                await self._give_back(lease, timedelta(0))
            raise
        except Exception as error:  # noqa: BLE001 - the one place: a defect must not end the pump
            await self._failed(lease, error)
        finally:
            self._running.pop(event.key, None)
            self._changed.set()

    async def _stop(self, event: StopRequested) -> Outcome:
        stopped = await self._inbox.request_stop(event)
        if stopped in self._running:  # if not, it runs in another process, whose renewal tells it
            self._running[stopped][1].request()
        text = "Stopped." if stopped else "There is nothing to stop."
        line = (event.key, event.conversation, event.user)
        return Outcome(Reply(*line, text, private=True, via=event.via))

    async def _commit(self, lease: EventLease, outcome: Outcome) -> None:
        """Commit for as long as it takes: what the model has said is not thrown away."""
        while True:
            self._ends()
            try:
                if await self._ledger.commit(lease, outcome):
                    self._ended(lease.event, outcome)
                return
            except RetryLater as error:
                logger.warning("the answer to %s waits to be stored: %s", lease.event.key, error)
                await anyio.sleep(error.after.total_seconds())

    async def _failed(self, lease: EventLease, error: Exception) -> None:
        """Record a defect: try again a few times, then apologise rather than stay silent."""
        event = lease.event
        logger.error(
            "%s failed at attempt %d", event.key, lease.attempt, exc_info=without_text(error)
        )
        if lease.attempt < self._settings.attempts:
            await self._give_back(lease, timedelta(seconds=2.0**lease.attempt))
        else:
            line = (event.key, event.conversation, event.user)
            reply = Reply(*line, APOLOGY, via=event.via, failed=True) if waits(event) else None
            try:
                upkeep = await self._dispatch.upkeep_of(event)
            except RetryLater as outage:
                return await self._give_back(lease, outage.after)
            await self._commit(lease, Outcome(reply, upkeep))

    async def _give_back(self, lease: EventLease, after: timedelta) -> None:
        try:
            await self._inbox.release(lease, after)
        except RetryLater as error:  # the lease runs out by itself
            logger.warning("the lease of %s could not be given back: %s", lease.event.key, error)

    async def _renew(self) -> None:
        while True:
            await anyio.sleep(self._settings.lease_for.total_seconds() / 3)
            try:
                standings = await self._inbox.renew([lease for lease, _ in self._running.values()])
            except RetryLater as error:
                logger.warning("leases could not be renewed: %s", error)
                continue
            for key, standing in standings.items():
                if standing is not Standing.HELD and key in self._running:
                    self._running[key][1].request()
