"""What people think of answers, for training, from memory."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from chatune_core.learning.permission import needs_permission
from chatune_core.learning.ports import Gathered, JudgedAnswer
from chatune_core.learning.rows import LeftOut
from chatune_core.messages import EventKey
from chatune_core.outcomes import AnswerCorrected, AnswerPreferred, AnswerRated, GenerationMade
from chatune_core.privacy import Purpose
from chatune_storage.memory.links import MemoryLinks
from chatune_storage.memory.logs import MemoryConsents
from chatune_storage.memory.records import Records

_Judgement = AnswerRated | AnswerCorrected | AnswerPreferred


class MemoryEvidence:
    """See Evidence."""

    def __init__(self, records: Records, consents: MemoryConsents, links: MemoryLinks) -> None:
        self._records, self._consents, self._links = records, consents, links

    async def gathered(self, *, platforms_permitted: bool) -> Gathered:
        """See Evidence.gathered."""
        withheld, readable = Counter[LeftOut](), list[_Judgement]()
        for judgement in self._judgements():
            reason = self._withheld_because(judgement, platforms_permitted=platforms_permitted)
            if reason is None:
                readable.append(judgement)
            else:
                withheld[reason] += 1
        answers = _judged(self._records.generations, readable)
        given = (each for each in readable if isinstance(each, AnswerPreferred))
        preferences = sorted(given, key=lambda each: (each.at, each.user))
        people = {each.user for each in readable}.union(*(each.people for each in answers))
        circles = {user: self._links.circle_of(user) & people for user in people}
        same = {user: min(circle) for user, circle in circles.items() if len(circle) > 1}
        return Gathered(answers, preferences, withheld, same)

    async def counted(self) -> Mapping[str, int]:
        """See Evidence.counted."""
        scores = [vote.score for vote in self._records.ratings.values()]
        ways = [each.how for each in self._records.preferred_answers.values()]
        return {
            "good": scores.count(1),
            "bad": scores.count(-1),
            "corrections": len(self._records.corrections),
            "choices": ways.count("choice"),
            "agains": ways.count("again"),
        }

    def _judgements(self) -> Iterator[_Judgement]:
        records = self._records
        # The reason is not read.
        yield from (replace(vote, reason="") for vote in records.ratings.values())
        yield from records.corrections.values()
        yield from records.preferred_answers.values()

    def _withheld_because(
        self, judgement: _Judgement, *, platforms_permitted: bool
    ) -> LeftOut | None:
        answers = [self._records.generations.get(key) for key in _answers_of(judgement)]
        made = [answer for answer in answers if answer is not None]
        people = {judgement.user}.union(*((one.user, *one.heard) for one in made))
        if not all(self._consents.allowed(user, Purpose.TRAINING) for user in people):
            return LeftOut.NOT_AGREED
        places = (*people, *(one.conversation for one in made))
        if not platforms_permitted and any(needs_permission(place) for place in places):
            return LeftOut.NOT_PERMITTED
        if None in answers or not all(one.prompt and one.completion for one in made):
            return LeftOut.FORGOTTEN
        if not all(one.heard for one in made):
            return LeftOut.UNATTRIBUTED
        return None


def _answers_of(judgement: _Judgement) -> tuple[EventKey, ...]:
    if isinstance(judgement, AnswerPreferred):
        return (judgement.chosen, judgement.rejected)
    return (judgement.answers,)


def _judged(
    generations: Mapping[EventKey, GenerationMade], judgements: Sequence[_Judgement]
) -> list[JudgedAnswer]:
    votes = defaultdict[EventKey, list[AnswerRated]](list)
    corrections = defaultdict[EventKey, list[AnswerCorrected]](list)
    for each in sorted(judgements, key=lambda given: (given.at, given.user)):
        match each:
            case AnswerRated(answers=answer):
                votes[answer].append(each)
            case AnswerCorrected(answers=answer):
                corrections[answer].append(each)
    wanted = {key for each in judgements for key in _answers_of(each)}
    made = sorted((generations[key] for key in wanted), key=lambda one: (one.at, one.event))
    return [
        JudgedAnswer(
            answer=one.event,
            question=one.question,
            conversation=one.conversation,
            asker=one.user,
            people=frozenset(one.heard),
            at=one.at,
            model=one.model,
            lora=one.lora,
            prompt=one.prompt,
            completion=one.completion,
            votes=tuple(votes[one.event]),
            corrections=tuple(corrections[one.event]),
        )
        for one in made
    ]
