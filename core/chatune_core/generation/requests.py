"""What is asked of a model and what comes back."""

import enum
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NewType

from chatune_core.messages import ConversationId, UserId

RequestId = NewType("RequestId", str)
LoraId = NewType("LoraId", str)
"""The registered name of a LoRA; selected once, at admission."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to stop.

    temperature: 0 is greedy; top_p in (0, 1]; top_k 0 is off; min_p in [0, 1), 0 is off;
    repetition_penalty 1 is off (Keskar et al. 2019, arXiv:1909.05858); seed None draws one, which
    `Finished` reports; max_tokens bounds the completion; stop strings end it and are not shown.
    """

    temperature: float = 0.2
    top_p: float = 0.9
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()


class Priority(enum.IntEnum):
    """Who goes first when the batch is full; lower goes first."""

    INTERACTIVE = 0
    NORMAL = 1
    BACKGROUND = 2


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One completion to make.

    `user` and `conversation` are for fair share alone. `deadline` counts from the moment the
    request is made; a request that is not finished by then ends with reason "deadline" and the
    text so far. `lora` None is the bare model.
    """

    id: RequestId
    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    user: UserId
    conversation: ConversationId
    priority: Priority = Priority.NORMAL
    deadline: timedelta | None = None
    lora: LoraId | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """The request waits; `position` 1 is next to be admitted."""

    position: int


@dataclass(frozen=True, slots=True)
class Delta:
    """More text of the completion; never half a character, never part of a stop string."""

    text: str


FinishReason = Literal["stop", "length", "deadline"]
"""stop: end of turn or a stop string; length: max_tokens or the context is full."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The completion is whole; always the last event of a stream, with what it took.

    Durations are seconds: `queued_s` from request to admission, `first_token_s` from request to
    the first token, `total_s` from request to the end.
    """

    reason: FinishReason
    model: str
    lora: LoraId | None
    seed: int
    prompt_tokens: int
    cached_prompt_tokens: int
    completion_tokens: int
    queued_s: float
    first_token_s: float
    total_s: float


GenerationEvent = Queued | Delta | Finished
