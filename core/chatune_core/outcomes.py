"""What an event came to: a reply and effects, committed together or not at all."""

from dataclasses import dataclass
from datetime import datetime

from chatune_core.generation.requests import ChatMessage, LoraId, Sampling
from chatune_core.messages import ConversationId, EventKey, Reply, Turn, UserId


@dataclass(frozen=True, slots=True)
class TurnSaid:
    """A turn joins the history of its conversation."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class GenerationMade:
    """Full provenance of one completion, keyed by the event that it answers.

    `finish` is a `FinishReason` or "stopped". Durations are seconds. `prompt` and `completion`
    are text of `user` and encrypted with their key.
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


@dataclass(frozen=True, slots=True)
class AnswerRated:
    """`user` rates the answer to `answers`: score +1, -1, or 0 to take the vote back.

    One vote per person and answer: a later one replaces the earlier.
    """

    answers: EventKey
    user: UserId
    score: int
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConversationReset:
    """Earlier turns of the conversation leave the prompt; they are erased, not hidden."""

    conversation: ConversationId


@dataclass(frozen=True, slots=True)
class ModelChosen:
    """The conversation is answered by the configured model `model` from now on."""

    conversation: ConversationId
    model: str


Effect = TurnSaid | GenerationMade | AnswerRated | ConversationReset | ModelChosen


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one event came to. No reply is an outcome too (a reaction that was counted)."""

    reply: Reply | None = None
    effects: tuple[Effect, ...] = ()
