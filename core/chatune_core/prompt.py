"""From persona, history and message to a prompt that fits the model. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chatune_core.errors import InvalidInput
from chatune_core.generation.requests import ChatMessage
from chatune_core.memory.recalled import NOTHING_RECALLED, Recalled, part_of_prompt
from chatune_core.memory.style import style_of
from chatune_core.memory.values import Memory
from chatune_core.messages import Turn, UserId

TokenCounter = Callable[[ChatMessage], int]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is given. `completion_tokens` is the room for its answer.

    `memories` are those that it quotes or follows, `heard` are the people of the history in it.
    """

    messages: tuple[ChatMessage, ...]
    completion_tokens: int
    memories: tuple[Memory, ...] = ()
    heard: tuple[UserId, ...] = ()


def build_prompt(
    persona: str,
    history: Sequence[Turn],
    message: str,
    *,
    recalled: Recalled = NOTHING_RECALLED,
    count: TokenCounter,
    context_tokens: int,
    completion_tokens: int,
) -> Prompt:
    """Return the persona, what is recalled, as much of the newest history as fits, and the message.

    What is recalled takes up to half of the room beside persona and message: the least important
    memories are left out first, and never is one cut. How the person wants to be answered may make the
    answer shorter. The persona and the message are always whole; older turns are dropped first and never cut in
    the middle; the history never begins with the bot's words. Neighbouring turns of one role are
    joined, since many chat templates refuse two in a row.

    Args:
        history: oldest first.
        recalled: what is remembered of the person.
        count: prompt tokens of one message, template overhead included.
        context_tokens: prompt and completion together.
        completion_tokens: wanted for the answer; at most half of the context is kept for it.

    Raises:
        InvalidInput: if the message does not fit even without history.
    """
    reserve = min(completion_tokens, context_tokens // 2)
    fixed = _messages(persona, [], message)
    room = context_tokens - reserve - sum(map(count, fixed))
    if room < 0:
        limit = context_tokens - reserve
        raise InvalidInput(
            f"That is more than I can read at once: about {limit - room} tokens, and I have room "
            f"for {limit}. Please send a shorter message or split it."
        )
    memories = recalled.within(room // 2, lambda text: count(ChatMessage("system", text)))
    told = part_of_prompt(memories)
    taken = count(ChatMessage("system", f"\n\n{told}")) if told else 0
    kept = _newest_that_fit(history, count, room - taken)
    system = "\n\n".join(part for part in (persona, told) if part)
    messages = _messages(system, kept, message)
    left = context_tokens - sum(map(count, messages))
    wanted = style_of(memories).max_tokens or completion_tokens
    # The answer to a person may repeat their words, so its turn counts as theirs.
    heard = tuple(dict.fromkeys(turn.user for turn in kept))
    return Prompt(messages, min(completion_tokens, wanted, left), memories, heard)


def _newest_that_fit(history: Sequence[Turn], count: TokenCounter, room: int) -> Sequence[Turn]:
    first = len(history)
    for index in range(len(history) - 1, -1, -1):
        room -= count(_chat_message(history[index]))
        if room < 0:
            break
        first = index
    while first < len(history) and history[first].role == "assistant":
        first += 1
    return history[first:]


def _messages(persona: str, history: Sequence[Turn], message: str) -> tuple[ChatMessage, ...]:
    spoken = [*map(_chat_message, history), ChatMessage("user", message)]
    joined = [ChatMessage("system", persona)] if persona else []
    for item in spoken:
        if joined and joined[-1].role == item.role:
            joined[-1] = replace(item, content=f"{joined[-1].content}\n{item.content}")
        else:
            joined.append(item)
    return tuple(joined)


def _chat_message(turn: Turn) -> ChatMessage:
    return ChatMessage("assistant" if turn.role == "assistant" else "user", turn.text)
