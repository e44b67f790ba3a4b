"""History: what was said, and which answer a person means."""

import pytest

from chatune_core.messages import EventKey, MessageKey
from chatune_core.outcomes import (
    AnswerRated,
    ConversationReset,
    MessageErased,
    RatingWithdrawn,
)
from chatune_storage.stores import Stores
from fakes.events import (
    ANN,
    AT,
    BEN,
    OTHER_ROOM,
    ROOM,
    deliver,
    generated,
    handle,
    reply,
    said,
    turn,
)

pytestmark = pytest.mark.anyio


async def test_the_last_turns_of_a_conversation_come_oldest_first(stores: Stores) -> None:
    for number in range(4):
        await handle(stores, said(str(number)), turn(str(number), f"said {number}"))
    await handle(stores, said("x"), turn("x", "elsewhere", room=OTHER_ROOM))

    turns = await stores.history.recent(ROOM, 2)

    assert [spoken.text for spoken in turns] == ["said 2", "said 3"]
    assert await stores.history.recent(ROOM, 0) == []
    assert len(await stores.history.recent(ROOM, 100)) == 4


async def test_a_turn_comes_back_as_it_was_said(stores: Stores) -> None:
    effect = turn("1", "hé\0\ud800\U0001f600", "assistant", user=BEN)
    await handle(stores, said("1"), effect)

    assert await stores.history.recent(ROOM, 5) == [effect.turn]
    assert effect.turn.at == AT


async def test_the_last_answer_is_the_newest_that_was_generated(stores: Stores) -> None:
    assert await stores.history.last_answer(ROOM) is None

    await handle(stores, said("1"), generated("1"))
    await handle(stores, said("2"), generated("2"))
    await handle(stores, said("3"), turn("3", "a command is no answer"), answer=reply("3"))
    await deliver(stores, "m3")
    await handle(stores, said("4"), generated("4", room=OTHER_ROOM))

    assert await stores.history.last_answer(ROOM) == "test:2"


async def test_an_answer_before_a_reset_is_not_the_last_one(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"))
    await handle(stores, said("2"), ConversationReset(ROOM))
    assert await stores.history.last_answer(ROOM) is None

    await handle(stores, said("3"), generated("3"))
    assert await stores.history.last_answer(ROOM) == "test:3"


async def test_a_shown_message_leads_to_the_answer(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"), answer=reply("1"))
    assert await stores.history.answer_shown_as(MessageKey("m1")) is None

    await deliver(stores, "m1")

    assert await stores.history.answer_shown_as(MessageKey("m1")) == "test:1"


async def test_a_shown_message_leads_to_its_answer_even_after_a_reset(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"), answer=reply("1"))
    await deliver(stores, "m1")
    await handle(stores, said("2"), ConversationReset(ROOM))

    assert await stores.history.answer_shown_as(MessageKey("m1")) == "test:1"


async def test_a_shown_reply_that_no_model_made_is_no_answer(stores: Stores) -> None:
    await handle(stores, said("1"), answer=reply("1", "help text"))
    await deliver(stores, "m1")

    assert await stores.history.answer_shown_as(MessageKey("m1")) is None


async def test_an_answer_knows_its_question(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"))
    await handle(stores, said("2"), generated("2", question="1"))

    assert await stores.history.question_of(EventKey("test:1")) == "test:1"
    assert await stores.history.question_of(EventKey("test:2")) == "test:1"
    assert await stores.history.question_of(EventKey("test:3")) is None


async def test_history_skips_who_was_erased(stores: Stores) -> None:
    await handle(
        stores,
        said("1"),
        turn("1", "from ann"),
        turn("1", "from ben", user=BEN),
        turn("1", "to ann", "assistant"),
    )

    await stores.personal_data.erase(ANN)

    turns = await stores.history.recent(ROOM, 5)
    assert [spoken.text for spoken in turns] == ["from ben"]


async def test_all_answers_to_a_question_are_found_from_any_of_them(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"))
    await handle(stores, said("2"), generated("2"))
    for key in "34":
        await handle(stores, said(key), generated(key, question="1"))

    for key in "134":
        beside = await stores.history.answers_beside(EventKey(f"test:{key}"))
        assert beside == ["test:1", "test:3", "test:4"]
    assert await stores.history.answers_beside(EventKey("test:2")) == ["test:2"]
    assert await stores.history.answers_beside(EventKey("test:9")) == []


async def test_what_an_answer_said_is_known_until_its_message_or_its_person_is_erased(
    stores: Stores,
) -> None:
    for key, user in (("1", ANN), ("2", ANN), ("3", BEN)):
        await handle(
            stores, said(key, user=user), turn(key, "q", user=user), generated(key, user=user)
        )
    first, second, third = (EventKey(f"test:{key}") for key in "123")
    made = generated("1").completion

    assert [await stores.history.answer_text(key) for key in (first, third)] == [made, made]
    assert await stores.history.answer_text(EventKey("test:9")) is None

    await handle(stores, said("4"), MessageErased(ROOM, first))
    await stores.personal_data.erase(BEN)

    assert await stores.history.answer_text(first) is None
    assert await stores.history.answer_text(second) == made
    assert await stores.history.answer_text(third) is None


async def test_a_vote_is_known_as_it_stands(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"))
    answer = EventKey("test:1")
    assert await stores.history.vote_of(ANN, answer) is None

    await handle(stores, said("2"), AnswerRated(answer, ANN, 1, AT))
    await handle(stores, said("3"), AnswerRated(answer, BEN, -1, AT))
    assert await stores.history.vote_of(ANN, answer) == 1
    assert await stores.history.vote_of(BEN, answer) == -1

    await handle(stores, said("4"), RatingWithdrawn(answer, ANN, 1))
    assert await stores.history.vote_of(ANN, answer) is None
    assert await stores.history.vote_of(BEN, answer) == -1
