"""One request as the scheduler sees it: tokens, claims and progress, no text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatune_core.generation.requests import LoraId, Priority
from chatune_core.messages import ConversationId, UserId

COMPLETION_WEIGHT = 2
"""What a completion token costs in prompt tokens, as in Sheng et al. 2024, arXiv:2401.00588."""


@dataclass(slots=True, eq=False)
class Job:
    """A request from its arrival to its end; compared by identity. Only the scheduler writes it.

    `deadline_at` and `admitted_at` are seconds of the scheduler's clock. `tokens` is the prompt
    and what was sampled after it, of which the first `cached` lie in the cache of `slot`, and
    the first `reused` did not have to be computed.
    """

    prompt: Sequence[int]
    max_tokens: int
    user: UserId
    conversation: ConversationId
    priority: Priority = Priority.NORMAL
    lora: LoraId | None = None
    deadline_at: float | None = None
    tokens: list[int] = field(default_factory=list, init=False)
    slot: int | None = field(default=None, init=False)
    cached: int = field(default=0, init=False)
    reused: int = field(default=0, init=False)
    admitted_at: float | None = field(default=None, init=False)
    joined_clock: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.tokens = list(self.prompt)

    @property
    def completion_tokens(self) -> int:
        """How many tokens were sampled so far."""
        return len(self.tokens) - len(self.prompt)

    @property
    def unread(self) -> int:
        """How many prompt tokens are still to be computed; 0 once the job decodes."""
        return max(0, len(self.prompt) - self.cached)

    @property
    def exhausted(self) -> bool:
        """Whether no further token may be sampled."""
        return self.completion_tokens >= self.max_tokens

    @property
    def charge(self) -> int:
        """The most that the job may cost, in weighted tokens."""
        return len(self.prompt) + COMPLETION_WEIGHT * self.max_tokens

    @property
    def cost(self) -> int:
        """What the job has cost so far, in weighted tokens."""
        computed = min(self.cached, len(self.prompt)) - self.reused
        return computed + COMPLETION_WEIGHT * self.completion_tokens
