"""Answers that people judged, for tests of what is learned from them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from chatune_core.generation.requests import ChatMessage, LoraId
from chatune_core.learning.dataset import Rules, build_dataset
from chatune_core.learning.ports import Gathered, JudgedAnswer
from chatune_core.learning.rows import Dataset, LeftOut, Pair, Row
from chatune_core.learning.scrubbing import Scrubber
from chatune_core.messages import ConversationId, EventKey, UserId
from chatune_core.moderation.verdicts import Role
from chatune_core.outcomes import AnswerCorrected, AnswerPreferred, AnswerRated

AT = datetime(2026, 1, 1, tzinfo=UTC)
ASKER = UserId("terminal:asker")
WHOLE = Rules(least_rows=1, holdout=0)


def minutes(number: float) -> datetime:
    return AT + timedelta(minutes=number)


def user(name: str) -> UserId:
    return UserId(f"terminal:{name}")


def vote(answer: str, by: str, good: bool = True, at: float = 0, reason: str = "") -> AnswerRated:
    return AnswerRated(EventKey(answer), user(by), 1 if good else -1, minutes(at), reason)


def correction(answer: str, by: str, text: str, at: float = 0) -> AnswerCorrected:
    return AnswerCorrected(EventKey(answer), user(by), text, minutes(at))


def preference(
    chosen: str, rejected: str, by: str, how: Literal["choice", "again"] = "choice", at: float = 0
) -> AnswerPreferred:
    return AnswerPreferred(EventKey(chosen), EventKey(rejected), user(by), how, minutes(at))


def answer(
    key: str,
    *said: AnswerRated | AnswerCorrected,
    prompt: str | None = None,
    text: str | None = None,
    asker: UserId = ASKER,
    model: str = "small",
    lora: str | None = None,
    system: str = "be kind",
) -> JudgedAnswer:
    """Return the answer to `key`; its prompt and text are of its own unless they are given."""
    asked = f"what about {key}" if prompt is None else prompt
    return JudgedAnswer(
        answer=EventKey(key),
        question=EventKey(key),
        conversation=ConversationId("terminal:room"),
        asker=asker,
        people=frozenset({asker}),
        at=AT,
        model=model,
        lora=None if lora is None else LoraId(lora),
        prompt=(ChatMessage("system", system), ChatMessage("user", asked)),
        completion=f"this about {key}" if text is None else text,
        votes=tuple(each for each in said if isinstance(each, AnswerRated)),
        corrections=tuple(each for each in said if isinstance(each, AnswerCorrected)),
    )


def gathered(
    *answers: JudgedAnswer,
    preferences: Iterable[AnswerPreferred] = (),
    withheld: dict[LeftOut, int] | None = None,
    same_person: dict[UserId, UserId] | None = None,
) -> Gathered:
    return Gathered(answers, tuple(preferences), withheld or {}, same_person or {})


async def nothing_acts(text: str, role: Role) -> bool:
    return False


async def dataset_of(evidence: Gathered, rules: Rules | None = None) -> Dataset:
    """Return the dataset; without `rules`, nothing is held out."""
    rules = rules or WHOLE
    return await build_dataset(evidence, rules, nothing_acts, Scrubber(), AT)


def rows_of(dataset: Dataset) -> list[Row]:
    return sorted((*dataset.train, *dataset.holdout), key=lambda row: (row.at, row.id))


def pairs_of(dataset: Dataset) -> list[Pair]:
    return [row for row in rows_of(dataset) if isinstance(row, Pair)]


def left_out(dataset: Dataset) -> dict[LeftOut, int]:
    return dict(dataset.manifest.left_out)
