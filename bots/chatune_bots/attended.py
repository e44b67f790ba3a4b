"""Ports with a person in front of them, who would rather hear of an outage than wait for its end."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.generation.requests import ChatMessage, GenerationEvent, GenerationRequest
from chatune_core.messages import ConversationId, Inbound, UserId
from chatune_core.moderation.verdicts import Role, Verdict
from chatune_core.outcomes import Outcome
from chatune_core.ports import EventLease, Generator, Ledger, Moderation


class AttendedGenerator:
    """Fulfils `Generator` over another one.

    On a platform an outage gives the message back to the inbox and the answer comes late; at a
    terminal the person is told at once and decides. `failure` is what they were told last.
    """

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.failure: str | None = None

    @property
    def model(self) -> str:
        """See `Generator.model`."""
        return self._generator.model

    @property
    def context_tokens(self) -> int:
        """See `Generator.context_tokens`."""
        return self._generator.context_tokens

    def count_tokens(self, message: ChatMessage) -> int:
        """See `Generator.count_tokens`."""
        return self._generator.count_tokens(message)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """See `Generator.stream`; never raises `RetryLater`."""
        try:
            async with aclosing(self._generator.stream(request)) as events:
                async for event in events:
                    yield event
        except (RetryLater, GenerationFailed) as error:
            said = str(error).rstrip(".")
            again = " Please try again later." if isinstance(error, RetryLater) else ""
            self.failure = f"No answer from {self.model}: {said}.{again}"
            raise GenerationFailed(self.failure) from error


class AttendedModeration:
    """Fulfils `Moderation` over another one; that it cannot judge is told at once, and ends the turn.

    `failure` is what the person was told last.
    """

    def __init__(self, moderation: Moderation) -> None:
        self._moderation = moderation
        self.failure: str | None = None

    async def check(
        self, text: str, role: Role, conversation: ConversationId, user: UserId
    ) -> Verdict:
        """See `Moderation.check`; never raises `RetryLater`."""
        try:
            return await self._moderation.check(text, role, conversation, user)
        except RetryLater as error:
            said = str(error).rstrip(".")
            self.failure = f"No answer: {said}. Please try again later."
            raise GenerationFailed(self.failure) from error


class AttendedLedger:
    """Fulfils `Ledger` over another one; `tell` hears what keeps an answer from being recorded.

    The worker tries again by itself, and the person learns why nothing comes.
    """

    def __init__(self, ledger: Ledger, tell: Callable[[Inbound, str], None]) -> None:
        self._ledger, self._tell = ledger, tell

    async def commit(self, lease: EventLease, outcome: Outcome) -> bool:
        """See `Ledger.commit`."""
        try:
            return await self._ledger.commit(lease, outcome)
        except RetryLater as error:
            self._tell(lease.event, f"The answer cannot be kept yet: {error}. I try again.")
            raise
