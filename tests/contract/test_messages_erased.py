"""A message that is gone from the platform is gone here, and whatever may quote it."""

from datetime import timedelta

import pytest

from chatune_core.messages import EventKey, MessageKey
from chatune_core.outcomes import AnswerCorrected, AnswerRated, MessageErased, TurnReplaced
from chatune_storage.stores import Stores
from fakes.events import (
    ANN,
    AT,
    BEN,
    OTHER_ROOM,
    ROOM,
    deliver,
    elsewhere,
    generated,
    handle,
    reply,
    said,
    turn,
)

pytestmark = pytest.mark.anyio
LATER = AT + timedelta(minutes=1)
GONE = MessageErased(ROOM, EventKey("test:2"))


async def texts(stores: Stores) -> list[str]:
    return [spoken.text for spoken in await stores.history.recent(ROOM, 9)]


async def kept(stores: Stores) -> dict[object, tuple[bool, bool]]:
    """Return which answers of Ann still have a prompt and a completion."""
    exported = await stores.personal_data.export(ANN)
    made = [item.record for item in exported if item.store == "generations"]
    return {item["event"]: (bool(item["prompt"]), bool(item["completion"])) for item in made}


async def test_its_turns_its_answer_and_what_may_quote_it_go(stores: Stores) -> None:
    for number in ("1", "2", "3"):
        at = AT + timedelta(minutes=int(number))
        said_at = turn(number, f"said {number}", at=at)
        answer = turn(number, f"answered {number}", "assistant", at=at)
        await handle(stores, said(number), said_at, answer, generated(number, at=at))
    elsewhere = generated("4", room=OTHER_ROOM, at=AT + timedelta(hours=1))
    await handle(stores, said("4", room=OTHER_ROOM), elsewhere)

    await handle(stores, said("5"), GONE)

    assert await texts(stores) == ["said 1", "answered 1", "said 3", "answered 3"]
    assert await kept(stores) == {
        "test:1": (True, True),
        "test:2": (False, False),
        "test:3": (False, True),
        "test:4": (True, True),
    }


async def test_an_answer_that_was_asked_for_again_goes_with_its_question(stores: Stores) -> None:
    await handle(stores, said("2"), turn("2", "a secret"), generated("2"))
    again = generated("3", question="2", at=LATER)
    await handle(stores, said("3"), again)

    await handle(stores, said("4"), GONE)

    assert await kept(stores) == {"test:2": (False, False), "test:3": (False, False)}


async def test_votes_stay_as_votes_and_corrections_go(stores: Stores) -> None:
    answer = EventKey("test:2")
    await handle(stores, said("2"), generated("2"), AnswerRated(answer, ANN, 1, AT, "so true"))
    await handle(stores, said("3", user=BEN), AnswerCorrected(answer, BEN, "a secret", AT))

    await handle(stores, said("4"), GONE)

    exported = [*await stores.personal_data.export(ANN), *await stores.personal_data.export(BEN)]
    judged = [item for item in exported if item.store in ("ratings", "corrections")]
    assert [(item.record["score"], item.record["reason"]) for item in judged] == [(1, "")]


async def test_a_reply_on_its_way_still_goes(stores: Stores) -> None:
    await handle(stores, said("2"), turn("2", "a secret"), answer=reply("2"))

    await handle(stores, elsewhere("3"), GONE)

    assert [lease.reply for lease in await stores.outbox.lease(5)] == [reply("2")]


async def test_a_message_that_was_never_kept_takes_nothing_with_it(stores: Stores) -> None:
    await handle(stores, said("1"), turn("1", "hello"), generated("1"))

    await handle(stores, said("3"), GONE)

    assert await texts(stores) == ["hello"]
    assert await kept(stores) == {"test:1": (True, True)}


async def test_what_comes_after_in_the_same_outcome_stays(stores: Stores) -> None:
    await handle(
        stores, said("2"), turn("2", "before"), GONE, turn("2", "after"), generated("2", at=LATER)
    )

    assert await texts(stores) == ["after"]
    assert await kept(stores) == {"test:2": (True, True)}


async def test_a_replaced_turn_keeps_its_place(stores: Stores) -> None:
    await handle(stores, said("1"), turn("1", "first"), turn("1", "answer", "assistant"))
    await handle(stores, said("2"), turn("2", "second"))
    other = turn("1", "another answer", "assistant", user=BEN, at=LATER).turn

    await handle(stores, said("3"), TurnReplaced(other))

    assert await texts(stores) == ["first", "another answer", "second"]
    assert (await stores.history.recent(ROOM, 9))[1] == other


async def test_a_turn_is_replaced_only_where_there_is_one(stores: Stores) -> None:
    await handle(stores, said("1"), turn("1", "first"))

    await handle(
        stores,
        said("2"),
        TurnReplaced(turn("1", "no answer yet", "assistant").turn),
        TurnReplaced(turn("1", "elsewhere", room=OTHER_ROOM).turn),
        TurnReplaced(turn("9", "never said").turn),
    )

    assert await texts(stores) == ["first"]
    assert await stores.history.recent(OTHER_ROOM, 9) == []


async def test_a_turn_may_be_replaced_in_the_outcome_that_said_it(stores: Stores) -> None:
    await handle(stores, said("1"), turn("1", "first"), TurnReplaced(turn("1", "edited").turn))

    assert await texts(stores) == ["edited"]


async def test_who_replaced_a_turn_owns_it(stores: Stores) -> None:
    await handle(stores, said("1"), turn("1", "of ann"))
    await handle(stores, said("2"), TurnReplaced(turn("1", "of ben", user=BEN).turn))

    await stores.personal_data.erase(ANN)
    assert await texts(stores) == ["of ben"]

    await stores.personal_data.erase(BEN)
    assert await texts(stores) == []


async def test_every_message_of_a_long_reply_leads_to_its_answer(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"), answer=reply("1"))
    await deliver(stores, "m1", "m2", "m3")

    for message in ("m1", "m2", "m3"):
        assert await stores.history.answer_shown_as(MessageKey(message)) == "test:1"
