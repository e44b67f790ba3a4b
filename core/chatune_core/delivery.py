"""The second pump, from outbox to platform: lease a reply, send it, record the receipt."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

import anyio
from anyio.abc import TaskStatus

from chatune_core.errors import DeliveryRefused, RetryLater
from chatune_core.fitting import fitted
from chatune_core.logs import without_text
from chatune_core.messages import EventKey, MessageKey, Reply
from chatune_core.ports import Outbox, ReplyLease, Sender
from chatune_core.settings import CoreSettings
from chatune_core.signal import Signal

logger = logging.getLogger(__name__)
_GOODBYE = 3.0  # seconds to hand leases back when the process is told to end


class Delivery:
    """Sends replies: in order within a conversation, in parallel across.

    Only the sending is ever repeated; the model never runs again for a reply in the outbox.
    `ended` is called with the event key of each reply that was delivered or parked; `press` is
    the command that stands in for buttons.
    """

    def __init__(
        self,
        outbox: Outbox,
        sender_of: Callable[[Reply], Sender],
        settings: CoreSettings,
        ended: Callable[[EventKey], None],
        press: str,
    ) -> None:
        self._outbox, self._sender_of = outbox, sender_of
        self._settings, self._ended = settings, ended
        self._press = press
        self._sending = 0
        self._changed = Signal()
        self._closing = False
        self.wake = self._changed.set
        """Call it to have replies looked for now: one was committed, or is about to be."""

    def close(self) -> None:
        """`run` returns once nothing that is waiting can be sent at once."""
        self._closing = True
        self._changed.set()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Send until cancelled, or until closed and empty."""
        async with anyio.create_task_group() as sending:
            task_status.started()
            while True:
                free = self._settings.lanes - self._sending
                leases = await self._lease(free) if free > 0 else []
                for lease in leases:
                    sending.start_soon(self._send, lease, True)
                if self._closing and not leases and not self._sending:
                    return
                if len(leases) < max(free, 1):
                    await self._changed.wait(self._settings.poll)

    async def step(self) -> bool:
        """Send one reply inline; return False when none can be claimed."""
        for lease in await self._outbox.lease(1):
            self._sending += 1
            await self._send(lease)
            return True
        return False

    async def _lease(self, free: int) -> list[ReplyLease]:
        try:
            leases = list(await self._outbox.lease(free))
        except RetryLater as error:
            logger.warning("the outbox cannot be read: %s", error)
            await anyio.sleep(error.after.total_seconds())
            self._changed.set()
            return []
        self._sending += len(leases)
        return leases

    async def _send(self, lease: ReplyLease, in_time: bool = False) -> None:
        key, shown = lease.reply.answers, None  # the messages, once they are there
        try:
            deliver = self._deliver_in_time if in_time else self._deliver
            shown = await deliver(lease.reply)
            await self._record(lease, shown)
        except DeliveryRefused as error:
            logger.error("the reply to %s is parked: %s", key, error)
            await self._park(lease, str(error))
        except RetryLater as error:
            logger.info("the reply to %s is sent again in %s: %s", key, error.after, error)
            await self._give_back(lease, error.after)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(_GOODBYE, shield=True):
                if shown is None:
                    await self._give_back(lease, timedelta(0))
                else:  # it has been sent: without the receipt it would be sent again
                    await self._record(lease, shown)
            raise
        except Exception as error:
            logger.error("the reply to %s could not be sent", key, exc_info=without_text(error))
            await self._give_back(lease, timedelta(seconds=min(2.0**lease.attempt, 300.0)))
        finally:
            self._sending -= 1
            self._changed.set()

    async def _deliver(self, reply: Reply) -> Sequence[MessageKey]:
        sender = self._sender_of(reply)
        return await sender.deliver(fitted(reply, sender.capabilities, self._press))

    async def _deliver_in_time(self, reply: Reply) -> Sequence[MessageKey]:
        """Send the reply while the claim on it lasts, or another process would send it too."""
        limit_s = self._settings.lease_for.total_seconds() * 0.75
        try:
            with anyio.fail_after(limit_s):
                return await self._deliver(reply)
        except TimeoutError as error:
            raise RetryLater(f"it was not sent within {limit_s:.0f} s", timedelta(0)) from error

    async def _record(self, lease: ReplyLease, shown: Sequence[MessageKey]) -> None:
        """Store the receipt, for as long as it takes: only then is the reply never sent again."""
        while True:
            try:
                await self._outbox.delivered(lease, shown)
                return self._ended(lease.reply.answers)
            except RetryLater as error:
                logger.warning("the receipt of %s waits: %s", lease.reply.answers, error)
                await anyio.sleep(error.after.total_seconds())

    async def _park(self, lease: ReplyLease, reason: str) -> None:
        try:
            # Also when the process is told to end meanwhile, or it would be refused once more.
            with anyio.move_on_after(_GOODBYE, shield=True):
                await self._outbox.park(lease, reason)
        except RetryLater as error:
            await self._give_back(lease, error.after)
        else:
            self._ended(lease.reply.answers)

    async def _give_back(self, lease: ReplyLease, after: timedelta) -> None:
        try:
            with anyio.move_on_after(_GOODBYE, shield=True):
                await self._outbox.release(lease, after)
        except RetryLater as error:  # the lease runs out by itself
            logger.warning("the reply to %s stays leased: %s", lease.reply.answers, error)
