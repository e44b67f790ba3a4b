"""What learning needs from storage; see `chatune_core.ports` for the rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chatune_core.generation.requests import ChatMessage, LoraId
from chatune_core.learning.live import Arm
from chatune_core.learning.rows import LeftOut
from chatune_core.learning.versions import LoraState, LoraVersion, Served, Sources
from chatune_core.messages import ConversationId, EventKey, UserId
from chatune_core.outcomes import AnswerCorrected, AnswerPreferred, AnswerRated


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A generated answer and what people said of it, all of whom agreed to training.

    people: everyone whose words are in the prompt, the asker included.
    """

    answer: EventKey
    question: EventKey
    conversation: ConversationId
    asker: UserId
    people: frozenset[UserId]
    at: datetime
    model: str
    lora: LoraId | None
    prompt: tuple[ChatMessage, ...]
    completion: str
    votes: tuple[AnswerRated, ...] = ()
    corrections: tuple[AnswerCorrected, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that may be learned from.

    withheld: how many votes, corrections and preferences may not, by reason.
    same_person: of everyone with linked identities, the one that stands for all of them.
    """

    answers: Sequence[JudgedAnswer]
    preferences: Sequence[AnswerPreferred]
    """Both answers of each are among `answers`."""
    withheld: Mapping[LeftOut, int]
    same_person: Mapping[UserId, UserId] = field(default_factory=dict)


class Evidence(Protocol):
    """What people think of answers, for training alone: consent is checked where it is read."""

    async def gathered(self, *, platforms_permitted: bool) -> Gathered:
        """Return what may be learned from, oldest answer first.

        Whatever a person without a standing consent to training said, asked or voted stays unread, and so
        does, unless `platforms_permitted`, everything of a platform that is not this machine's terminal
        (see `chatune_core.learning.permission`). Reasons of votes are not read at all.
        """
        ...

    async def counted(self) -> Mapping[str, int]:
        """Return how many judgements there are, by kind; no text is read.

        The kinds: good, bad, corrections, choices, agains.
        """
        ...


class LoraRegistry(Protocol):
    """Versions of LoRAs. For each model at most one is active and at most one a canary.

    Every change is in the audit log, in the same transaction. A version becomes stale, for good, in
    the very transaction that takes back a consent to training, or the text of an answer that it
    learned from; what it learned from is then no longer known here.
    """

    async def add(self, version: LoraVersion, sources: Sources, by: str = "system") -> None:
        """Store a new candidate and what it learned from; repeating it changes nothing.

        What was taken back while it was trained makes it stale at once, and so does whoever or
        whatever is not known here.

        Raises:
            ValueError: it is no candidate, or has no sources.
        """
        ...

    async def find(self, lora: LoraId) -> LoraVersion | None:
        """Return the version."""
        ...

    async def versions(self, model: str | None = None) -> Sequence[LoraVersion]:
        """Return all versions, or those of one model, newest first."""
        ...

    async def served(self, model: str) -> Served:
        """Return what answers for `model`."""
        ...

    async def move(
        self,
        lora: LoraId,
        was: Collection[LoraState],
        to: LoraState,
        reason: str,
        share: float = 0.0,
        by: str = "system",
    ) -> bool:
        """Move the version on if it stands as one of `was`; return whether it did.

        Whatever stands in its way (the active version when it becomes active, the canary when it becomes
        that) is retired in the same transaction. A stale version becomes neither. `share` is kept of
        a canary alone. `by` is for the audit log: who or what moves it; `reason` has no names in it.
        """
        ...


class LoraChoice(Protocol):
    """Which LoRA answers where."""

    def lora_for(self, model: str, conversation: ConversationId) -> LoraId | None:
        """Return the LoRA that answers with the configured `model` now, None for the bare model.

        It is loaded, and stays so for as long as a request for it may wait and run.
        """
        ...


class LiveAnswers(Protocol):
    """How people take answers; no text is read."""

    async def arm(self, model: str, lora: LoraId | None, since: datetime) -> Arm:
        """Return what is known of answers since then by `lora`, or by the bare `model` without one.

        `model` is as in `GenerationMade`.
        """
        ...
