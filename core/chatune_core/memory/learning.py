"""From candidates to what is committed: which are new, what they take the place of, where from. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chatune_core.memory.answers import numbered
from chatune_core.memory.extraction import Candidate
from chatune_core.memory.supersession import settled
from chatune_core.memory.values import Kind, Memory, MemoryId
from chatune_core.messages import ConversationId, EventKey, UserId
from chatune_core.outcomes import MemoryLearned

MOST_MEMORIES = 10_000
"""Of one person; nothing more is learned until something is forgotten."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Who said something, where and when; `private` if others do not read there."""

    user: UserId
    source: EventKey
    place: ConversationId
    at: datetime
    private: bool


def learned(
    lesson: Lesson,
    candidates: Sequence[Candidate],
    known: Sequence[Memory],
    new_token: Callable[[], str],
) -> tuple[MemoryLearned, ...]:
    """Return what is new of `candidates`, given all that is known of the person.

    `new_token` returns something that no memory was ever called by.

    What was said before the newest known thing of its slot, by a clock that has jumped, begins
    when that began: of two values of one slot the one that was said last is in force.
    """
    room = MOST_MEMORIES - len(known)
    begun = {memory.id: memory.valid_from for memory in known}
    effects = []
    for nth, change in enumerate(settled(known, candidates)[: max(room, 0)], start=1):
        since = max([lesson.at, *(begun[memory] for memory in change.supersedes)])
        memory = _memory(lesson, change.candidate, numbered(new_token(), known, nth), since)
        effects.append(MemoryLearned(memory, change.supersedes))
    return tuple(effects)


def _memory(lesson: Lesson, candidate: Candidate, id: MemoryId, since: datetime) -> Memory:
    style = candidate.kind is Kind.STYLE
    return Memory(
        id=id,
        user=lesson.user,
        text=candidate.text,
        kind=candidate.kind,
        source=lesson.source,
        learned_at=lesson.at,
        valid_from=since,
        place=lesson.place,
        slot=candidate.slot,
        polarity=candidate.polarity,
        confidence=candidate.confidence,
        private=lesson.private,
        pinned=style or (candidate.explicit and candidate.kind is Kind.PREFERENCE),
    )
