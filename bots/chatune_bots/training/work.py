"""What a trainer does in its term, and how it ends whatever happens."""

import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import anyio

from chatune_bots.compose import utc_now
from chatune_bots.leader import Term
from chatune_bots.training.messages import Ended, Hear, Message, Staged
from chatune_core.errors import ChatuneError, RetryLater
from chatune_core.learning.run import Conductor, Order, Workshop
from chatune_core.learning.runs import RunState, Stage, TrainingRun, TrainingRuns
from chatune_core.logs import without_text

logger = logging.getLogger(__name__)
OpenWorkshop = Callable[[Hear], AbstractAsyncContextManager[Workshop]]
"""Opens what a run is made with. It tells of progress from any thread; telling raises once the work
has ended, which ends the thread too."""
Watch = Callable[[], Coroutine[Any, Any, None]]
"""Goes on as long as the work may, then raises why not."""
_TAKEN_OVER = Ended("taken over", "another process goes on with this run")


class Interrupted(Exception):
    """The work is to end; the run is taken up again later."""


class Work:
    """One order, done in the term of a training lease."""

    def __init__(
        self, order: Order, open_workshop: OpenWorkshop, hear: Hear, watches: Sequence[Watch] = ()
    ) -> None:
        self._order, self._open, self._listener = order, open_workshop, hear
        self._watches = watches
        self._over = False
        self.ended = _TAKEN_OVER
        """How it ended; it stays so if the term ends first."""

    async def run(self, runs: TrainingRuns, term: Term) -> None:
        """Do the order; raises nothing but its own cancellation."""
        conductor = Conductor(runs, term.fence, utc_now, new_run_id, self._at)
        try:
            self.ended = await self._conducted(conductor)
        except BaseExceptionGroup as group:
            self.ended = await self._explained(first_of(group), conductor)
        finally:
            self._over = True

    async def _conducted(self, conductor: Conductor) -> Ended:
        async with anyio.create_task_group() as tasks:
            for watch in self._watches:
                tasks.start_soon(watch)
            async with self._open(self._hear) as shop:
                run = await conductor.conduct(self._order, shop)
            tasks.cancel_scope.cancel()
        return _TAKEN_OVER if run is None else _ended_as(run)

    async def _explained(self, error: BaseException, conductor: Conductor) -> Ended:
        """Return how the work ended that raised `error`, and record it if it cannot go on."""
        match error:
            case Interrupted():
                with suppress(RetryLater):  # then it counts as a death
                    await conductor.leave(self._order.model)
                return Ended("interrupted", f"{error}; it goes on at the next start")
            case RetryLater():
                return Ended("put off", f"{error}; it goes on at the next start")
            case ChatuneError():
                reason = str(error)
            case MemoryError():
                reason = "training ran out of memory; lower training.tokens_per_batch"
            case Exception():
                logger.critical("training failed", exc_info=without_text(error))
                reason = unforeseen(error)
            case _:
                raise error
        try:
            await conductor.fail(self._order.model, reason)
        except RetryLater as later:
            return Ended("put off", f"{reason}. It cannot be recorded: {later}")
        return Ended("failed", reason)

    def _at(self, stage: Stage) -> None:
        self._listener(Staged(stage.value, 0.0))

    def _hear(self, message: Message) -> None:
        if self._over:
            raise Interrupted("the work has ended")
        self._listener(message)


def new_run_id() -> str:
    """Return an id for a run: when it began, and what tells it from others."""
    return f"{utc_now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def unforeseen(error: BaseException) -> str:
    """Return one line on an error of ours, without what it says: it may quote what people wrote."""
    return f"something went wrong inside Chatune ({type(error).__name__}); the log says where"


def first_of(error: BaseException) -> BaseException:
    """Return what ended a task group: what is to be recorded goes before what merely stopped it."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    parts = [first_of(part) for part in error.exceptions]
    final = (part for part in parts if not isinstance(part, RetryLater | Interrupted))
    return next(final, parts[0])


def _ended_as(run: TrainingRun) -> Ended:
    match run.state:
        case RunState.MADE:
            return Ended("made", f"{run.lora}: {run.reason}")
        case RunState.REFUSED:
            return Ended("refused", run.reason)
        case RunState.NOTHING:
            return Ended("nothing", run.reason)
        case _:
            return Ended("failed", run.reason)
