"""One process of all that share a store leads; when it dies, another takes over."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import anyio
from anyio import CancelScope

from chatune_core.errors import RetryLater
from chatune_core.leases import Fence, Leases

logger = logging.getLogger(__name__)
LASTING = timedelta(seconds=30)
"""How long a dead leader is waited for."""
_LETTING_GO_S = 2.0

Sleep = Callable[[float], Awaitable[None]]


class Term:
    """The time for which this process leads."""

    def __init__(
        self,
        fence: Fence,
        held: Callable[[], Awaitable[int | None]],
        scope: CancelScope,
    ) -> None:
        self.fence = fence
        self._held, self._scope = held, scope

    async def stands(self) -> bool:
        """Renew the lease; return whether it is still of this term. If not, the term is cancelled.

        Asked before anything is done: whoever slept learns here that others went on without it.

        Raises:
            RetryLater: the store cannot say at present.
        """
        if await self._held() == self.fence.term:
            return True
        logger.warning("the lease %r was taken by another process", self.fence.lease)
        self._scope.cancel()
        return False


class Leader:
    """Candidate for the lease `lease` under the name `holder`."""

    def __init__(
        self,
        leases: Leases,
        lease: str,
        holder: str,
        now: Callable[[], datetime],
        sleep: Sleep = anyio.sleep,
        lasting: timedelta = LASTING,
    ) -> None:
        self._leases, self._lease, self._holder = leases, lease, holder
        self._now, self._sleep, self._lasting = now, sleep, lasting

    async def run(self, lead: Callable[[Term], Awaitable[None]]) -> None:
        """Run `lead` in each term that this process gets, until cancelled.

        It is cancelled when the term is over, and the lease is let go when this ends.
        """
        try:
            while True:
                term = await self._next_term()
                logger.info("this process leads %r (term %d)", self._lease, term)
                await self._lead(Fence(self._lease, term), lead)
        finally:
            await self._let_go()

    async def lead_now(self, lead: Callable[[Term], Awaitable[None]]) -> bool:
        """Run `lead` in one term if nobody else holds the lease; return whether it was run.

        Raises:
            RetryLater: the store cannot say who holds it.
        """
        term = await self._held()
        if term is None:
            return False
        try:
            await self._lead(Fence(self._lease, term), lead)
        finally:
            await self._let_go()
        return True

    async def _next_term(self) -> int:
        """Wait until nobody else holds the lease."""
        while True:
            try:
                term = await self._held()
            except RetryLater as error:
                logger.warning("who leads %r cannot be seen: %s", self._lease, error)
                term = None
            if term is not None:
                return term
            await self._sleep(self._lasting.total_seconds() / 3)

    async def _lead(self, fence: Fence, lead: Callable[[Term], Awaitable[None]]) -> None:
        async with anyio.create_task_group() as tasks:
            term = Term(fence, self._held, tasks.cancel_scope)
            tasks.start_soon(self._keep, term, tasks.cancel_scope)
            await lead(term)
            tasks.cancel_scope.cancel()

    async def _keep(self, term: Term, scope: CancelScope) -> None:
        """Renew the lease in time; end the term when that has not worked for its whole length."""
        renewed = self._now()
        while self._now() - renewed < self._lasting:
            await self._sleep(self._lasting.total_seconds() / 3)
            asked = self._now()
            try:
                if not await term.stands():
                    return
                renewed = asked
            except RetryLater as error:
                logger.warning("the lease %r cannot be renewed: %s", self._lease, error)
        logger.warning("the lease %r has run out", self._lease)
        scope.cancel()

    async def _held(self) -> int | None:
        return await self._leases.hold(self._lease, self._holder, self._lasting)

    async def _let_go(self) -> None:
        with anyio.move_on_after(_LETTING_GO_S, shield=True):
            try:
                await self._leases.let_go(self._lease, self._holder)
            except RetryLater as error:
                logger.warning("the lease %r is left to run out: %s", self._lease, error)
