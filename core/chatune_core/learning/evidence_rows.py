"""From what people said of answers to rows, one a person and answer. Pure."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from chatune_core.learning.ports import Gathered, JudgedAnswer
from chatune_core.learning.rows import LeftOut, Origin, Pair, Row, RowId, Thumb
from chatune_core.messages import EventKey, UserId
from chatune_core.outcomes import AnswerCorrected, AnswerPreferred, AnswerRated

_WAYS = {"choice": Origin.CHOICE, "again": Origin.AGAIN}
PersonOf = Callable[[UserId], UserId]
"""Of the linked identities of a person, the one that stands for all of them."""
Given = TypeVar("Given", AnswerRated, AnswerCorrected)


def rows_from(
    gathered: Gathered, models: Collection[str] | None, person_of: PersonOf
) -> tuple[list[Row], Counter[LeftOut]]:
    """Return a row for each judgement that says something, and how many do not, by reason.

    Thumbs become votes; corrections, choices and agains become pairs. Of one person's several
    judgements of one answer the last counts, and a correction counts more than a thumb. Only answers
    of `models` are taken, or of all if it is None.
    """
    left_out: Counter[LeftOut] = Counter()
    rows: list[Row] = []
    answers = {answer.answer: answer for answer in gathered.answers}
    for answer in gathered.answers:
        if models is None or answer.model in models:
            rows += _rows_of(answer, person_of, left_out)
        else:
            left_out[LeftOut.OTHER_MODEL] += len(answer.votes) + len(answer.corrections)
    for preferred in gathered.preferences:
        chosen, rejected = answers[preferred.chosen], answers[preferred.rejected]
        if models is not None and not {chosen.model, rejected.model} <= {*models}:
            left_out[LeftOut.OTHER_MODEL] += 1
        elif chosen.completion.strip() == rejected.completion.strip():
            left_out[LeftOut.DUPLICATE] += 1
        else:
            rows.append(_preference(preferred, chosen, rejected))
    return rows, left_out


def _rows_of(
    answer: JudgedAnswer, person_of: PersonOf, left_out: Counter[LeftOut]
) -> Iterator[Row]:
    corrections = _last_of_each(answer.corrections, person_of)
    votes = _last_of_each(answer.votes, person_of)
    said = len(answer.votes) + len(answer.corrections)
    for person, correction in corrections.items():
        votes.pop(person, None)
        if correction.text.strip() and correction.text.strip() != answer.completion.strip():
            said -= 1
            yield _correction(correction, answer)
    for vote in votes.values():
        said -= 1
        yield _thumb(vote, answer)
    left_out[LeftOut.DUPLICATE] += said


def _last_of_each(given: Collection[Given], person_of: PersonOf) -> dict[UserId, Given]:
    in_order = sorted(given, key=lambda each: (each.at, each.user))
    return {person_of(each.user): each for each in in_order}


def _thumb(vote: AnswerRated, answer: JudgedAnswer) -> Thumb:
    return Thumb(
        _row_id(Origin.THUMB, vote.user, answer.answer),
        answer.answer,
        answer.prompt,
        answer.completion,
        vote.score > 0,
        vote.user,
        answer.people | {vote.user},
        vote.at,
    )


def _correction(correction: AnswerCorrected, answer: JudgedAnswer) -> Pair:
    return Pair(
        _row_id(Origin.CORRECTION, correction.user, answer.answer),
        answer.answer,
        answer.prompt,
        correction.text,
        answer.completion,
        Origin.CORRECTION,
        correction.user,
        answer.people | {correction.user},
        correction.at,
    )


def _preference(preferred: AnswerPreferred, chosen: JudgedAnswer, rejected: JudgedAnswer) -> Pair:
    origin = _WAYS[preferred.how]
    return Pair(
        _row_id(origin, preferred.user, chosen.answer, rejected.answer),
        chosen.answer,
        chosen.prompt,
        chosen.completion,
        rejected.completion,
        origin,
        preferred.user,
        chosen.people | rejected.people | {preferred.user},
        preferred.at,
        rejected.answer,
    )


def _row_id(origin: Origin, judge: UserId, *answers: EventKey) -> RowId:
    """Return an id that is the same whenever this judgement is read, and names nobody."""
    said = "\n".join((origin.value, judge, *answers)).encode(errors="surrogatepass")
    return RowId(f"{origin.value}-{hashlib.sha256(said).hexdigest()[:24]}")
