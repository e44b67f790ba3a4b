"""Forgetting what was said around memories, in memory."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chatune_core.memory.values import MemoryId
from chatune_core.messages import ConversationId, EventKey, Turn, UserId
from chatune_core.outcomes import GenerationMade
from chatune_storage.memory.records import Records, drop

_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a forgetting goes; `judged` chooses votes besides those on `answers`.

    `quotes` chooses answers whose prompts are known to repeat something of it.
    """

    turns: Callable[[Turn], bool]
    answers: Callable[[GenerationMade], bool]
    judged: Callable[[UserId], bool]
    quotes: Callable[[GenerationMade], bool] = lambda made: False
    since: datetime | None = None
    """From when on prompts may repeat it; None for since the first of it."""


def everything(circle: Collection[UserId]) -> Reach:
    """Return all that these people and the bot said to each other."""
    return Reach(
        lambda turn: turn.user in circle,
        lambda made: made.user in circle,
        lambda user: user in circle,
        lambda made: not {*made.heard}.isdisjoint(circle),
        _ALWAYS,
    )


def around(
    records: Records,
    circle: Collection[UserId],
    doomed: Collection[MemoryId],
    sources: Collection[EventKey],
) -> Reach:
    """Return the messages that memories are from, and the answers that used them."""

    def answers(made: GenerationMade) -> bool:
        used = not {*made.memories}.isdisjoint(doomed)
        return made.user in circle and (used or made.event in sources or made.question in sources)

    answered = {made.question for made in records.generations.values() if answers(made)}

    def turns(turn: Turn) -> bool:
        answer = turn.role == "assistant" and turn.event in answered
        return turn.user in circle and (turn.event in sources or answer)

    return Reach(turns, answers, lambda user: False)


def forget(records: Records, reach: Reach) -> dict[str, int]:
    """Remove it all; return rows per store, as far as there was text in them."""
    made = records.generations
    answers = {key for key, item in made.items() if reach.answers(item)}
    since = _since(records, reach, answers)
    reasons = [
        place
        for place, vote in records.ratings.items()
        if vote.reason and (place[0] in answers or reach.judged(place[1]))
    ]
    for place in reasons:
        records.ratings[place] = replace(records.ratings[place], reason="")
    texts = [key for key in answers if made[key].prompt or made[key].completion]
    for key in texts:
        made[key] = replace(made[key], prompt=(), completion="")
    quoting = [
        key
        for key, item in made.items()
        if item.prompt
        and (
            reach.quotes(item)
            or (item.conversation in since and item.at >= since[item.conversation])
        )
    ]
    for key in quoting:
        made[key] = replace(made[key], prompt=())
    return {
        "turns": records.drop_turns(reach.turns),
        "generations": len(texts),
        "ratings": len(reasons),
        "corrections": drop(
            records.corrections, lambda place, _: place[0] in answers or reach.judged(place[1])
        ),
        "quotes": len(quoting),
    }


def _since(
    records: Records, reach: Reach, answers: Collection[EventKey]
) -> dict[ConversationId, datetime]:
    turns = (turn for line in records.turns.values() for turn in line if reach.turns(turn))
    made = (records.generations[key] for key in answers)
    when = [(turn.conversation, turn.at) for turn in turns]
    when += [(item.conversation, item.at) for item in made]
    first: dict[ConversationId, datetime] = {}
    for place, said_at in when:
        at = reach.since or said_at
        first[place] = min(at, first.get(place, at))
    return first
