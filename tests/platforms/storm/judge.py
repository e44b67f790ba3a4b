"""Judges by what people see: each message has one whole reply, in the order of its conversation."""

import enum
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from platforms.storm.script import answer_to, sentences


class Cause(enum.Enum):
    """What is wrong, or what looks wrong and is not the bot's doing."""

    MISSING = "no reply"
    TWICE = "more than one reply"
    CUT_SHORT = "not the whole text"
    UNFINISHED = "left as a preview"
    STRAY = "answers nothing that was said"
    MISPLACED = "shown in another conversation"
    OUT_OF_ORDER = "shown below the reply to a later message"
    NEVER_TOLD = "the platform gave up bringing the message to the bot"
    BROUGHT_LATE = "shown below a later one, after which the platform brought it"


EXPLAINED = frozenset((Cause.NEVER_TOLD, Cause.BROUGHT_LATE))
"""What no bot can mend: the platform's protocol does not promise it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said. `taken_at` is when the bot surely had it, infinity if that is unknown.

    `given_up` is whether the platform said that it tells the bot no more.
    """

    name: str
    conversation: str
    question: str
    at: float
    taken_at: float
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot's that people see; `position` orders those of one conversation."""

    conversation: str
    position: float
    text: str
    finished: bool = True


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that is not as it should be."""

    cause: Cause
    what: str


def judge(said: Sequence[Said], shown: Iterable[Shown]) -> list[Deviation]:
    """Return what deviates; `said` is in the order in which it was said."""
    replies: defaultdict[str, list[Shown]] = defaultdict(list)
    for message in sorted(shown, key=lambda one: one.position):
        names = {name for name, _ in sentences(message.text)}
        replies[names.pop() if len(names) == 1 else ""].append(message)
    names = {one.name for one in said}
    strays = [message for name, those in replies.items() if name not in names for message in those]
    found = [Deviation(Cause.STRAY, f"{one.conversation}: {one.text[:80]!r}") for one in strays]
    for one in said:
        found += _of_reply(one, replies[one.name])
    return found + _of_order(said, replies)


def unexplained(deviations: Iterable[Deviation]) -> list[Deviation]:
    """Return those that are defects."""
    return [one for one in deviations if one.cause not in EXPLAINED]


def counted(deviations: Iterable[Deviation]) -> dict[str, int]:
    """Return how many there are of each cause."""
    return dict(Counter(one.cause.value for one in deviations))


def _of_reply(said: Said, shown: Sequence[Shown]) -> list[Deviation]:
    if not shown:
        return [Deviation(Cause.NEVER_TOLD if said.given_up else Cause.MISSING, said.name)]
    found = []
    times = Counter(sentence for one in shown for sentence in sentences(one.text))
    whole, there = answer_to(said.question), " ".join(" ".join(one.text for one in shown).split())
    if max(times.values()) > 1:
        found.append(Deviation(Cause.TWICE, f"{said.name} in {len(shown)} messages"))
    elif there != whole:
        found.append(Deviation(Cause.CUT_SHORT, f"{said.name}: {there[-80:]!r}"))
    if not all(one.finished for one in shown):
        found.append(Deviation(Cause.UNFINISHED, said.name))
    if any(one.conversation != said.conversation for one in shown):
        found.append(Deviation(Cause.MISPLACED, said.name))
    return found


def _of_order(said: Sequence[Said], replies: Mapping[str, Sequence[Shown]]) -> list[Deviation]:
    """Find the messages whose reply is below that to a later one of their conversation."""
    conversations: defaultdict[str, list[Said]] = defaultdict(list)
    for one in said:
        if replies[one.name]:
            conversations[one.conversation].append(one)
    found = []
    for those in conversations.values():
        for number, earlier in enumerate(those):
            place = replies[earlier.name][0].position
            above = [one for one in those[number:] if replies[one.name][0].position < place]
            if not above:
                continue
            first = [one for one in above if earlier.taken_at <= one.at]
            cause = Cause.OUT_OF_ORDER if first else Cause.BROUGHT_LATE
            names = ", ".join(one.name for one in first or above)
            found.append(Deviation(cause, f"{earlier.name} below {names}"))
    return found
