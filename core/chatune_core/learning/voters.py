"""Votes that say nothing: of people who contradict themselves, and who came together to vote. Pure."""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chatune_core.learning.evidence_rows import PersonOf
from chatune_core.learning.ports import JudgedAnswer
from chatune_core.learning.rows import Row, Thumb
from chatune_core.learning.sameness import Print, PromptKey, prompt_key
from chatune_core.messages import EventKey, UserId

_HONEST = 0.18
"""How often an honest person votes otherwise on the same thing: one vote in ten is a slip, and
2 * 0.1 * 0.9 is how often one of two is."""
_BY_CHANCE = 0.01
_LOOKED_AT = 16
"""Different answers of one prompt and person that a new one is compared with, so that the time is bounded."""


def contradicting(rows: Sequence[Row], person_of: PersonOf) -> set[UserId]:
    """Return the persons who vote otherwise on the same thing more often than slips explain.

    The votes of one person on nearly the same answers to the same prompt are taken two by two, in
    the order in which they were given. Of n such pairs at least as many as there are disagree by chance
    with the upper tail of a binomial distribution at `_HONEST`; below one in a hundred the person
    is dropped: that is from three of three, or four of five, on.
    """
    votes = defaultdict[UserId, list[Thumb]](list)
    for row in sorted(rows, key=lambda row: (row.at, row.id)):
        if isinstance(row, Thumb):
            votes[person_of(row.judge)].append(row)
    return {person for person, given in votes.items() if _contradicts(given)}


def _contradicts(votes: Sequence[Thumb]) -> bool:
    by_prompt = defaultdict[PromptKey, list[Thumb]](list)
    for vote in votes:
        by_prompt[prompt_key(vote.prompt)].append(vote)
    pairs = [pair for same in by_prompt.values() if len(same) > 1 for pair in _pairs(same)]
    against = sum(one is not other for one, other in pairs)
    return against > 0 and _at_least(against, len(pairs), _HONEST) < _BY_CHANCE


def _pairs(votes: Sequence[Thumb]) -> Iterator[tuple[bool, bool]]:
    """Yield the votes on nearly the same answers, two by two."""
    seen: deque[tuple[Print, list[bool]]] = deque(maxlen=_LOOKED_AT)
    for vote in votes:
        mine = Print(vote.completion)
        waiting = next((waiting for each, waiting in seen if each.like(mine)), None)
        if waiting is None:
            seen.append((mine, [vote.good]))
        elif waiting:
            yield waiting.pop(), vote.good
        else:
            waiting.append(vote.good)


def _at_least(hits: int, of: int, probability: float) -> float:
    """Return how likely `hits` or more of `of` independent events are."""
    logs = math.log(probability), math.log1p(-probability)
    return math.fsum(
        math.exp(
            math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
            + k * logs[0] + (of - k) * logs[1]
        )
        for k in range(hits, of + 1)
    )  # fmt: skip


_Group = tuple[object, ...]
"""Which way people vote, and on whose answers; or who votes so, and on which LoRA's."""


@dataclass(frozen=True, slots=True)
class Brigade:
    """From how many votes, on how many answers and within which time on a group counts as one.

    One answer that many like at once is no brigade.
    """

    votes: int = 5
    answers: int = 3
    within: timedelta = timedelta(hours=1)


def brigading(
    rows: Sequence[Row],
    answers: Mapping[EventKey, JudgedAnswer],
    person_of: PersonOf,
    brigade: Brigade,
) -> set[UserId]:
    """Return the persons who came together only to vote.

    That is whoever was never heard in any of `answers`, never corrected or chose, and whose votes
    all go one way within one time span: on the answers to one person, where all who do so give
    `brigade.votes` or more together on several answers, or on those of one LoRA, where they give as many
    alone (everybody votes on the LoRA that answers at the time). Honest readers may look the same; their
    votes are given up, since nothing tells them apart.
    """
    talkers = {person_of(user) for answer in answers.values() for user in answer.people}
    talkers |= {person_of(row.judge) for row in rows if not isinstance(row, Thumb)}
    votes = defaultdict[UserId, list[Thumb]](list)
    for row in rows:
        person = person_of(row.judge)
        if isinstance(row, Thumb) and person not in talkers:
            votes[person].append(row)
    groups = defaultdict[_Group, list[Thumb]](list)
    for person, given in votes.items():
        ways, times = {vote.good for vote in given}, [vote.at for vote in given]
        if len(ways) == 1 and max(times) - min(times) <= brigade.within:
            judged = [answers[vote.answer] for vote in given]
            askers, loras = {person_of(one.asker) for one in judged}, {one.lora for one in judged}
            if len(askers) == 1:
                groups[*ways, *askers] += given
            if len(loras) == 1 and loras != {None}:
                groups[*ways, *loras, person] += given
    return {
        person_of(vote.judge) for given in groups.values() for vote in _in_bursts(given, brigade)
    }


def _in_bursts(votes: Sequence[Thumb], brigade: Brigade) -> list[Thumb]:
    """Return the votes that lie, with enough others, within the time span."""
    in_order = sorted(votes, key=lambda vote: (vote.at, vote.id))
    found: list[Thumb] = []
    on: Counter[EventKey] = Counter()
    first, taken = 0, 0
    for last, vote in enumerate(in_order):
        on[vote.answer] += 1
        while vote.at - in_order[first].at > brigade.within:
            on -= Counter([in_order[first].answer])
            first += 1
        if last - first + 1 >= brigade.votes and len(on) >= brigade.answers:
            found += in_order[max(first, taken) : last + 1]
            taken = last + 1
    return found
