"""A platform on which measures are taken, in memory."""

from collections.abc import Collection
from datetime import datetime, timedelta

from chatune_core.errors import MeasureRefused
from chatune_core.messages import ConversationId, MessageKey, UserId
from chatune_core.moderation.cases import Measure


class FakeEnforcer:
    """Fulfils `Enforcer`. `refused` says why a measure is not allowed; `outages` are raised first."""

    def __init__(self, measures: Collection[Measure] = tuple(Measure)) -> None:
        self.measures = frozenset(measures)
        self.removed: set[MessageKey] = set()
        self.flagged: set[MessageKey] = set()
        self.timed_out: dict[UserId, datetime] = {}
        self.pauses: dict[ConversationId, timedelta] = {}
        self.ends: dict[ConversationId, datetime | None] = {}
        self.refused: dict[Measure, str] = {}
        self.outages: list[Exception] = []
        self.calls = 0

    @property
    def untouched(self) -> bool:
        """Whether nothing is in force."""
        return not (self.removed or self.flagged or self.timed_out or self.pauses)

    async def remove(self, conversation: ConversationId, message: MessageKey) -> None:
        self._admit(Measure.REMOVE)
        self.removed.add(message)

    async def flag(self, conversation: ConversationId, message: MessageKey, *, on: bool) -> None:
        self._admit(Measure.FLAG)
        (self.flagged.add if on else self.flagged.discard)(message)

    async def time_out(
        self, conversation: ConversationId, user: UserId, until: datetime | None
    ) -> None:
        self._admit(Measure.TIME_OUT)
        self.timed_out.pop(user, None)
        if until is not None:
            self.timed_out[user] = until

    async def slow_down(
        self, conversation: ConversationId, pause: timedelta, until: datetime | None = None
    ) -> None:
        self._admit(Measure.SLOW_DOWN)
        self.pauses.pop(conversation, None)
        if pause:
            self.pauses[conversation] = pause
            self.ends[conversation] = until

    def aside(self, conversation: ConversationId, user: UserId) -> ConversationId:
        platform = conversation.partition(":")[0]
        return ConversationId(f"{platform}:aside:{user.rpartition(':')[2]}")

    def _admit(self, measure: Measure) -> None:
        self.calls += 1
        if self.outages:
            raise self.outages.pop(0)
        if measure not in self.measures:
            raise MeasureRefused("this platform has no such thing")
        if measure in self.refused:
            raise MeasureRefused(self.refused[measure])
