"""Which channels are watched, who is told of what is found there, and what is done about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from chatune_core.messages import ConversationId
from chatune_core.moderation.cases import Measure
from chatune_core.moderation.verdicts import Category


@dataclass(frozen=True, slots=True)
class Watch:
    """How one channel is watched.

    `review` is the moderators' channel, None if nobody is told. `measures` are taken at once, in
    this order, when a verdict acts; a category that is not in it goes to review alone.
    """

    review: ConversationId | None = None
    measures: Mapping[Category, tuple[Measure, ...]] = field(default_factory=dict)
    time_out: timedelta = timedelta(minutes=10)
    slow_mode: timedelta = timedelta(seconds=30)
    """Between two messages of one person while the channel is slowed down."""
    slow_mode_for: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Watching:
    """Watched places by the beginning of a conversation's id; None switches watching off there."""

    places: Mapping[str, Watch | None] = field(default_factory=dict)

    def at(self, conversation: ConversationId) -> Watch | None:
        """Return how `conversation` is watched: by the longest beginning that is set."""
        for place in _beginnings(conversation):
            if place in self.places:
                return self.places[place]
        return None

    def review_channels(self) -> frozenset[ConversationId]:
        """Return every moderators' channel."""
        set_ = (watch.review for watch in self.places.values() if watch is not None)
        return frozenset(review for review in set_ if review is not None)


def _beginnings(conversation: str) -> Iterator[str]:
    while conversation:
        yield conversation
        conversation = conversation.rpartition(":")[0]
