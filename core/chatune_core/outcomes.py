"""What an event came to: a reply and effects, committed together or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chatune_core.generation.requests import ChatMessage, LoraId, Sampling
from chatune_core.memory.notes import Note
from chatune_core.memory.places import MemoryPreferences
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import (
    ConversationId,
    EventKey,
    Reply,
    Turn,
    UserId,
    WorkspaceId,
)
from chatune_core.moderation.cases import Case, CaseId, CaseState
from chatune_core.privacy import Purpose


@dataclass(frozen=True, slots=True)
class TurnSaid:
    """A turn joins the history of its conversation."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class TurnReplaced:
    """`turn` takes the place of the turn with the same event and role, where there is one."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class GenerationMade:
    """Full provenance of one completion, keyed by the event that it answers.

    `question` is the event whose message was answered: `event` itself, but for an answer that
    was asked for again.

    `finish` is a `FinishReason` or "stopped". Durations are seconds. `prompt` and `completion`
    are text of `user` and encrypted with their key. `memories` are those in the prompt. `heard`
    are `user` and everyone whose words are in the prompt; empty where that is not known.
    """

    event: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    model: str
    lora: LoraId | None
    sampling: Sampling
    seed: int
    prompt: tuple[ChatMessage, ...]
    completion: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    queued_s: float
    first_token_s: float
    total_s: float
    question: EventKey
    memories: tuple[MemoryId, ...] = ()
    heard: tuple[UserId, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerMissed:
    """No answer to `event` could be shown: moderation withheld it, the model failed or said nothing."""

    event: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    model: str
    lora: LoraId | None
    why: Literal["withheld", "failed", "empty"]


@dataclass(frozen=True, slots=True)
class AnswerRated:
    """`user` rates the answer to `answers`: score +1 or -1.

    One vote per person and answer: a later one replaces the earlier.
    """

    answers: EventKey
    user: UserId
    score: int
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RatingWithdrawn:
    """`user` takes a vote of `score` back; one of another score, given since, stays."""

    answers: EventKey
    user: UserId
    score: int


@dataclass(frozen=True, slots=True)
class AnswerCorrected:
    """`user` says what the answer to `answers` should have been; a later one replaces it."""

    answers: EventKey
    user: UserId
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AnswerPreferred:
    """`user` prefers the answer to `chosen` to the one to `rejected`, both to one question.

    How they came to: "choice" of two side by side, or "again". One a person and question: a later
    one replaces the earlier.
    """

    chosen: EventKey
    rejected: EventKey
    user: UserId
    how: Literal["choice", "again"]
    at: datetime


@dataclass(frozen=True, slots=True)
class PreferenceWithdrawn:
    """`user` no longer prefers the answer to `chosen`; a preference for another one stays."""

    chosen: EventKey
    user: UserId


@dataclass(frozen=True, slots=True)
class ConversationReset:
    """Earlier turns of the conversation leave the prompt; they are erased, not hidden."""

    conversation: ConversationId


@dataclass(frozen=True, slots=True)
class MessageErased:
    """The message behind `event` is gone: its turns, its generation and every prompt with it.

    Prompts of the conversation that were kept since then may quote it, so they go too. A case
    about it loses the text, unless the bot removed the message itself: undoing needs it. What was
    learned from it goes as `MemoriesUnlearned` says.
    """

    conversation: ConversationId
    event: EventKey


@dataclass(frozen=True, slots=True)
class WorkspaceErased:
    """Everything of the workspace goes: its conversations, and people known by it alone."""

    workspace: WorkspaceId


@dataclass(frozen=True, slots=True)
class ModelChosen:
    """The conversation is answered by the configured model `model` from now on."""

    conversation: ConversationId
    model: str


@dataclass(frozen=True, slots=True)
class MemoryLearned:
    """Something is remembered of `memory.user`; it takes the place of those in `supersedes`.

    Memories of other people in `supersedes` are left as they are.
    """

    memory: Memory
    supersedes: tuple[MemoryId, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryEdited:
    """`memory` takes the place of what is stored under its id, if that is of the same person.

    When it was learned and from what stays as it was.
    """

    memory: Memory


@dataclass(frozen=True, slots=True)
class MemoriesUnlearned:
    """What was learned from the message `source` of `user` goes; what it superseded is so again.

    A note of the message goes too.
    """

    user: UserId
    source: EventKey


@dataclass(frozen=True, slots=True)
class MemoryPreferencesChanged:
    """`user`, under every identity linked to this one, says where memories may be used."""

    user: UserId
    preferences: MemoryPreferences


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """`user`, under every identity linked to this one, agrees to `purpose` or no longer does.

    `source` is what they said it with: an event key.
    """

    user: UserId
    purpose: Purpose
    granted: bool
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MemoryNoted:
    """A message waits for a model to read it; see `chatune_core.memory.ports.Notes`."""

    note: Note


MemoryChanged = (
    MemoryLearned | MemoryEdited | MemoriesUnlearned | MemoryPreferencesChanged | MemoryNoted
)
"""What happens to what is remembered."""


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """A moderation case begins; opening it again changes nothing."""

    case: Case


@dataclass(frozen=True, slots=True)
class CaseClaimed:
    """The moderator `by` looks at the case; a later claim takes its place.

    A case that is decided stays as it is.
    """

    case: CaseId
    by: UserId


@dataclass(frozen=True, slots=True)
class CaseDecided:
    """The moderator `by` decides: the case is upheld or undone."""

    case: CaseId
    by: UserId
    at: datetime
    state: CaseState


@dataclass(frozen=True, slots=True)
class CaseAppealed:
    """The author of the message, `user`, asks for another moderator's decision.

    Who had decided before becomes `first_decided_by`, and nobody has claimed or decided the case
    now. From anybody else, or while an appeal is open, it changes nothing.
    """

    case: CaseId
    user: UserId
    text: str


CaseChanged = CaseOpened | CaseClaimed | CaseDecided | CaseAppealed
"""What happens to a case. A case that there is none of, or no more, changes nothing."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A message that nobody asked for: a card for moderators, a warning.

    `reply.answers` is its idempotency key; it is made from the event's key and differs from it.
    """

    reply: Reply


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what. `details` are plain facts and never message text."""

    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Audited:
    """An entry for the audit log."""

    entry: AuditEntry


Effect = (
    TurnSaid
    | TurnReplaced
    | GenerationMade
    | AnswerMissed
    | AnswerRated
    | RatingWithdrawn
    | AnswerCorrected
    | AnswerPreferred
    | PreferenceWithdrawn
    | ConversationReset
    | MessageErased
    | WorkspaceErased
    | ModelChosen
    | CaseChanged
    | MemoryChanged
    | ConsentChanged
    | Audited
    | Announced
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one event came to. No reply is an outcome too (a reaction that was counted)."""

    reply: Reply | None = None
    effects: tuple[Effect, ...] = ()

    @property
    def replies(self) -> Sequence[Reply]:
        """Return everything that is to be sent: the reply and what is announced besides."""
        announced = [effect.reply for effect in self.effects if isinstance(effect, Announced)]
        return announced if self.reply is None else [self.reply, *announced]
