"""How the answers of one LoRA go down with people, without a word of them."""

from dataclasses import dataclass
from datetime import datetime

from chatune_core.messages import ConversationId, UserId


@dataclass(frozen=True, slots=True)
class LiveVote:
    """A vote that stands; `at` is when it was given."""

    voter: UserId
    conversation: ConversationId
    good: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of the answers of one LoRA, or of the bare model.

    votes: in the order in which they were given. answers: how many were made and shown.
    tokens, tokens_squared: sums over their completions. late: cut short by the deadline.
    withheld: by moderation. lost: the model failed, or said nothing. The last two are not among `answers`.
    """

    votes: tuple[LiveVote, ...] = ()
    answers: int = 0
    tokens: int = 0
    tokens_squared: int = 0
    late: int = 0
    withheld: int = 0
    lost: int = 0

    @property
    def asked(self) -> int:
        """Return how many answers were asked for."""
        return self.answers + self.withheld + self.lost
