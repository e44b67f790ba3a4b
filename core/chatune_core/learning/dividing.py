"""Which rows to train on and which to judge by: no person and no prompt on both sides. Pure."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from chatune_core.learning.evidence_rows import PersonOf
from chatune_core.learning.rows import Row
from chatune_core.learning.sameness import PromptKey, prompt_key
from chatune_core.messages import UserId

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Halves:
    """Rows on either side, oldest first, and how many belong to neither."""

    train: tuple[Row, ...]
    holdout: tuple[Row, ...]
    dropped: int


def divided(rows: Sequence[Row], share: float, person_of: PersonOf) -> Halves:
    """Return the rows in two halves, about `share` of them held out.

    Held out are the people who voted last, as far as they fit, those together who judged the same
    prompts. A prompt that people of both halves judged belongs to the half with more of its rows;
    while less than half of what is wanted is held out, those prompts that cost training least go over. Its rows of the other half
    are dropped. One person alone is trained on and nothing is held out.

    Args:
        rows: in any order; the result is the same.
        share: between 0, which holds nobody out, and 1.
        person_of: linked identities are one person.
    """
    in_order = sorted(rows, key=lambda row: (row.at, row.id))
    marked = [(row, person_of(row.judge), prompt_key(row.prompt)) for row in in_order]
    wanted = round(share * len(marked)) or 1
    votes = [(row.at, person, prompt) for row, person, prompt in marked]
    apart = _held_out(votes, wanted) if share else frozenset[UserId]()
    here = Counter(prompt for _, person, prompt in marked if person in apart)
    there = Counter(prompt for _, person, prompt in marked if person not in apart)
    theirs = _prompts_held_out(here, there, wanted / 2)
    train, holdout = [], []
    for row, person, prompt in marked:
        if person in apart and prompt in theirs:
            holdout.append(row)
        elif person not in apart and prompt not in theirs:
            train.append(row)
    return Halves(tuple(train), tuple(holdout), len(marked) - len(train) - len(holdout))


def _held_out(
    votes: Sequence[tuple[datetime, UserId, PromptKey]], wanted: int
) -> frozenset[UserId]:
    """Return the persons to hold out, never all of them."""
    counts = Counter(person for _, person, _ in votes)
    if len(counts) < 2:
        return frozenset()
    last = {person: at for at, person, _ in votes}
    groups = _together([(person, prompt) for _, person, prompt in votes])
    newest = defaultdict[object, list[datetime]](list)
    for person, at in last.items():
        newest[groups[person]].append(at)
    # Groups one after the other, so that at most one of them is torn.
    in_order = sorted(
        counts,
        key=lambda who: (max(newest[groups[who]]), groups[who], last[who], who),
        reverse=True,
    )
    apart, room = set[UserId](), wanted
    for person in in_order[:-1]:
        if counts[person] <= room:
            apart.add(person)
            room -= counts[person]
    return frozenset(apart or {min(in_order, key=counts.__getitem__)})


def _together(pairs: Sequence[tuple[UserId, PromptKey]]) -> dict[UserId, UserId]:
    """Return for each person who stands for all that are joined to them by prompts."""
    above: dict[UserId, UserId] = {}

    def top(person: UserId) -> UserId:
        above.setdefault(person, person)
        while above[person] != person:
            above[person] = person = above[above[person]]
        return person

    first: dict[PromptKey, UserId] = {}
    for person, prompt in pairs:
        one, other = top(first.setdefault(prompt, person)), top(person)
        above[max(one, other)] = min(one, other)
    return {person: top(person) for person in above}


def _prompts_held_out(
    here: Counter[PromptKey], there: Counter[PromptKey], least: float
) -> set[PromptKey]:
    """Return the prompts of the held-out half; `here` counts its rows, `there` those to train on."""
    theirs = {prompt for prompt, count in here.items() if count > there[prompt]}
    held = sum(here[prompt] for prompt in theirs)
    left = sum(count for prompt, count in there.items() if prompt not in theirs)
    for prompt in sorted(here.keys() - theirs, key=lambda each: (there[each] / here[each], each)):
        if held >= least or there[prompt] >= left:
            break
        theirs.add(prompt)
        held += here[prompt]
        left -= there[prompt]
    return theirs
