"""Events, outcomes and the shortest way from one to the next, for tests of the stores."""

from datetime import UTC, datetime, timedelta

from chatune_core.generation.requests import ChatMessage, LoraId, Sampling
from chatune_core.messages import (
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    MessageReceived,
    Reply,
    StopRequested,
    Turn,
    UserId,
)
from chatune_core.moderation.cases import Case, Measure, Taken, case_id
from chatune_core.moderation.verdicts import Category, Finding, Level, Span
from chatune_core.outcomes import CaseOpened, Effect, GenerationMade, Outcome, TurnSaid
from chatune_core.ports import EventLease, ReplyLease
from chatune_storage.stores import Stores

AT = datetime(2026, 1, 1, tzinfo=UTC)
ROOM, OTHER_ROOM = ConversationId("test:room"), ConversationId("test:other room")
ANN, BEN = UserId("test:ann"), UserId("test:ben")


def said(
    key: str, text: str = "hello", room: ConversationId = ROOM, user: UserId = ANN
) -> MessageReceived:
    """Return a message with the key `test:KEY`."""
    return MessageReceived(EventKey(f"test:{key}"), room, user, AT, text)


def elsewhere(key: str, user: UserId = ANN) -> MessageReceived:
    """Return a message in a conversation of its own, which no reply of another holds up."""
    return said(key, room=ConversationId(f"test:of {key}"), user=user)


def stop(key: str, room: ConversationId = ROOM, user: UserId = ANN) -> StopRequested:
    """Return a request to stop."""
    return StopRequested(EventKey(f"test:{key}"), room, user, AT)


def reply(key: str, text: str = "hi", room: ConversationId = ROOM, user: UserId = ANN) -> Reply:
    """Return the reply to the event `test:KEY`."""
    return Reply(EventKey(f"test:{key}"), room, user, text)


def turn(
    key: str,
    text: str,
    role: str = "user",
    room: ConversationId = ROOM,
    user: UserId = ANN,
    at: datetime = AT,
) -> TurnSaid:
    """Return the effect that a turn was said."""
    return TurnSaid(Turn(EventKey(f"test:{key}"), room, user, role, text, at))


def generated(
    key: str,
    prompt: str = "a prompt",
    completion: str = "a completion",
    room: ConversationId = ROOM,
    user: UserId = ANN,
    at: datetime = AT,
    question: str | None = None,
    heard: tuple[UserId, ...] = (),
) -> GenerationMade:
    """Return the effect that an answer was generated; `heard` are people besides `user`."""
    return GenerationMade(
        EventKey(f"test:{key}"),
        room,
        user,
        at,
        model="small",
        lora=LoraId("terse"),
        sampling=Sampling(stop=("END",)),
        seed=2**64 - 1,
        prompt=(ChatMessage("user", prompt),),
        completion=completion,
        finish="stop",
        prompt_tokens=3,
        completion_tokens=2,
        queued_s=0.5,
        first_token_s=0.75,
        total_s=1.5,
        question=EventKey(f"test:{question or key}"),
        heard=(user, *heard),
    )


FOUND = (
    Finding(Category.HATE, 0.75, "model", by_model=True, where="name", digest="0f"),
    Finding(Category.SPAM, 1.0, "link.denied", (Span(0, 4, "link.denied"), Span(6, 9, "x"))),
)
TAKEN = (
    Taken(Measure.TIME_OUT, until=AT + timedelta(minutes=10)),
    Taken(Measure.FLAG, failed="no permission"),
)


def opened(
    key: str,
    text: str = "a foul word",
    room: ConversationId = ROOM,
    user: UserId = ANN,
    measures: tuple[Taken, ...] = TAKEN,
) -> CaseOpened:
    """Return the effect that a case begins about the message `test:m-KEY`."""
    event, message = EventKey(f"test:{key}"), MessageKey(f"test:m-{key}")
    return CaseOpened(
        Case(
            case_id(event), event, room, user, message, AT, text, Level.ACT, FOUND, "policy 1",
            "model 2", measures,
        )
    )  # fmt: skip


async def handle(
    stores: Stores, event: Inbound, *effects: Effect, answer: Reply | None = None
) -> EventLease:
    """Put the event, claim it and commit what it came to."""
    assert await stores.inbox.put(event)
    [lease] = await stores.inbox.lease(1)
    assert lease.event == event
    assert await stores.ledger.commit(lease, Outcome(answer, effects))
    return lease


async def deliver(stores: Stores, *messages: str) -> ReplyLease:
    """Claim the next reply and have it shown as `messages`."""
    [lease] = await stores.outbox.lease(1)
    await stores.outbox.delivered(lease, [MessageKey(message) for message in messages])
    return lease
