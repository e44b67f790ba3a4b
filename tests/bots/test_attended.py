"""What a person at a terminal hears of outages."""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from chatune_bots.attended import AttendedGenerator, AttendedLedger
from chatune_core.errors import GenerationFailed, QueueFull, RetryLater
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    GenerationRequest,
    RequestId,
    Sampling,
)
from chatune_core.messages import ConversationId, EventKey, Inbound, MessageReceived, UserId
from chatune_core.outcomes import Outcome
from chatune_core.ports import EventLease, Generator, Ledger
from fakes.generator import ScriptedGenerator

pytestmark = pytest.mark.anyio
SOON = timedelta(seconds=1)
REQUEST = GenerationRequest(
    RequestId("r"),
    (ChatMessage("user", "hello you"),),
    Sampling(),
    UserId("terminal:ann"),
    ConversationId("terminal:1"),
)


async def _deltas(generator: Generator) -> list[str]:
    async with aclosing(generator.stream(REQUEST)) as events:
        return [event.text async for event in events if isinstance(event, Delta)]


async def test_a_model_that_answers_is_left_alone() -> None:
    inner = ScriptedGenerator()
    attended = AttendedGenerator(inner)

    assert await _deltas(attended) == ["hello ", "you "]
    assert (attended.failure, inner.closed) == (None, 1)
    assert (attended.model, attended.context_tokens) == (inner.model, inner.context_tokens)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RetryLater("the server is down", SOON),
            "No answer from scripted: the server is down. Please try again later.",
        ),
        (
            QueueFull(7, SOON),
            (
                "No answer from scripted: the generation queue is full, 7 requests are waiting. "
                "Please try again later."
            ),
        ),
        (GenerationFailed("It is too long."), "No answer from scripted: It is too long."),
    ],
)
async def test_an_outage_is_told_at_once_instead_of_tried_again(
    error: Exception, said: str
) -> None:
    attended = AttendedGenerator(ScriptedGenerator(lambda request: ["hel", error]))

    with pytest.raises(GenerationFailed) as caught:
        await _deltas(attended)

    assert str(caught.value) == attended.failure == said


class _FullLedger:
    async def commit(self, lease: EventLease, outcome: Outcome) -> bool:
        raise RetryLater("the disk is full", SOON)


async def test_an_answer_that_cannot_be_kept_is_told_and_stays_with_the_worker() -> None:
    told: list[tuple[Inbound, str]] = []
    ledger: Ledger = AttendedLedger(_FullLedger(), lambda event, why: told.append((event, why)))
    event = MessageReceived(
        EventKey("k"), REQUEST.conversation, REQUEST.user, datetime(2026, 1, 1, tzinfo=UTC), "hi"
    )

    with pytest.raises(RetryLater):
        await ledger.commit(EventLease(event, 1), Outcome())

    assert told == [(event, "The answer cannot be kept yet: the disk is full. I try again.")]
