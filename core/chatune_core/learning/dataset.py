"""From what people said of answers to a dataset: who may be heard, what is worth learning, in two halves.

Nothing here reads a store, a clock or a random number: equal evidence makes an equal dataset.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chatune_core.learning.capping import capped, newest
from chatune_core.learning.dividing import divided
from chatune_core.learning.evidence_rows import PersonOf, rows_from
from chatune_core.learning.manifest import manifest_of
from chatune_core.learning.ports import Gathered
from chatune_core.learning.rows import Dataset, LeftOut, Row, Thumb
from chatune_core.learning.scrubbing import Scrubber
from chatune_core.learning.voters import Brigade, brigading, contradicting
from chatune_core.messages import UserId
from chatune_core.moderation.verdicts import Role

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_LOOKED_AT = 10
"""How many times their share of a person's rows are looked at, so that nobody makes it take forever."""
Acts = Callable[[str, Role], Awaitable[bool]]
"""Whether moderation would do something about a text of this role."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a dataset.

    models: by the names that answers were recorded under; None takes all. least_rows: with fewer it
    is not worth training. rows_per_person: the most that count of one person, so that nobody has more
    than rows_per_person / least_rows of the say. holdout: the share of rows to judge by.
    """

    models: frozenset[str] | None = None
    least_rows: int = 200
    rows_per_person: int = 100
    holdout: float = 0.2
    brigade: Brigade = field(default_factory=Brigade)


async def build_dataset(
    gathered: Gathered,
    rules: Rules,
    acts: Acts,
    scrubber: Scrubber,
    made_at: datetime,
    licences: Mapping[str, str] | None = None,
) -> Dataset:
    """Return the dataset of what was gathered; it may be empty (see `missing`).

    In this order: one row a person and answer, of the right model; not more than ten times a person's
    share; personal data and secrets scrubbed; rows dropped that moderation would act on, then those of people who contradict
    themselves or came together only to vote, then repetitions and what is over one person's share; the rest in two
    halves. Whatever is left out is counted once, under the first reason.

    Args:
        acts: asked once for each distinct text.
        made_at: the present time, for the manifest alone.
        licences: of other sources that are trained on besides, by name.
    """

    def person_of(user: UserId) -> UserId:
        return gathered.same_person.get(user, user)

    rows, left_out = rows_from(gathered, rules.models, person_of)
    left_out += Counter(gathered.withheld)
    rows, over = newest(rows, _LOOKED_AT * rules.rows_per_person, person_of)
    left_out[LeftOut.CAPPED] += over
    rows = await _moderated([scrubber.row(row) for row in rows], acts, left_out)
    rows = _of_honest_voters(rows, gathered, rules, person_of, left_out)
    rows, dropped = capped(rows, rules.rows_per_person, person_of)
    left_out += dropped
    halves = divided(rows, rules.holdout, person_of)
    left_out[LeftOut.DIVIDED] += halves.dropped
    manifest = manifest_of(halves.train, halves.holdout, left_out, licences or {}, made_at)
    return Dataset(halves.train, halves.holdout, manifest)


def missing(dataset: Dataset, rules: Rules) -> str:
    """Return what is missing to train on the dataset, for people: "not yet: 37 of 200"; else ""."""
    rows = len(dataset.train) + len(dataset.holdout)
    if rows < rules.least_rows:
        return f"not yet: {rows} of {rules.least_rows} rows"
    if not dataset.holdout:
        return (
            f"not yet: of {rows} rows none can be held out to judge by; somebody else must vote, "
            "on other questions"
        )
    for half, purpose in ((dataset.train, "to train on"), (dataset.holdout, "to judge by")):
        only = _one_sided(half)
        if only:
            return f"not yet: every vote {purpose} is {only}; both kinds are needed, or corrections"
    return ""


def _one_sided(rows: Sequence[Row]) -> str:
    ways = {row.good if isinstance(row, Thumb) else None for row in rows}
    return "good" if ways == {True} else "bad" if ways == {False} else ""


async def _moderated(rows: list[Row], acts: Acts, left_out: Counter[LeftOut]) -> list[Row]:
    judged: dict[tuple[str, Role], bool] = {}
    kept = []
    for row in rows:
        for text in _texts_of(row):
            if text not in judged:
                judged[text] = await acts(*text)
            if judged[text]:
                left_out[LeftOut.MODERATED] += 1
                break
        else:
            kept.append(row)
    return kept


def _texts_of(row: Row) -> list[tuple[str, Role]]:
    """Return what people and models say in the row; the operator's own instructions are theirs to judge."""
    said = [(each.content, _ROLES[each.role]) for each in row.prompt if each.role in _ROLES]
    answers = [row.completion] if isinstance(row, Thumb) else [row.chosen, row.rejected]
    return [*said, *((answer, Role.ASSISTANT) for answer in answers)]


def _of_honest_voters(
    rows: list[Row],
    gathered: Gathered,
    rules: Rules,
    person_of: PersonOf,
    left_out: Counter[LeftOut],
) -> list[Row]:
    answers = {answer.answer: answer for answer in gathered.answers}
    dropped = dict.fromkeys(brigading(rows, answers, person_of, rules.brigade), LeftOut.BRIGADING)
    # The earlier reason of the two.
    dropped |= dict.fromkeys(contradicting(rows, person_of), LeftOut.CONTRADICTORY)
    kept = []
    for row in rows:
        reason = dropped.get(person_of(row.judge))
        if reason is None:
            kept.append(row)
        else:
            left_out[reason] += 1
    return kept
