"""Which of two answers a person prefers: kept once a person and question."""

from datetime import timedelta
from typing import Literal

import pytest

from chatune_core.messages import EventKey, UserId
from chatune_core.outcomes import AnswerPreferred, MessageErased, PreferenceWithdrawn
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, BEN, ROOM, generated, handle, said

pytestmark = pytest.mark.anyio
FIRST, SECOND, THIRD = (EventKey(f"test:{key}") for key in "123")
LATER = AT + timedelta(minutes=1)


def preferred(
    chosen: EventKey,
    rejected: EventKey,
    user: UserId = ANN,
    how: Literal["choice", "again"] = "choice",
) -> AnswerPreferred:
    return AnswerPreferred(chosen, rejected, user, how, AT)


async def answered(stores: Stores, user: UserId = ANN) -> None:
    """Have one question answered three times."""
    await handle(stores, said("1", user=user), generated("1", user=user))
    for key in "23":
        again = generated(key, question="1", user=user, at=LATER)
        await handle(stores, said(key, user=user), again)


async def kept(stores: Stores, user: UserId) -> list[tuple[object, ...]]:
    exported = await stores.personal_data.export(user)
    records = [item.record for item in exported if item.store == "preferred_answers"]
    return [(each["chosen"], each["rejected"], each["how"]) for each in records]


async def test_a_preference_is_exported_as_it_was_given(stores: Stores) -> None:
    await answered(stores)

    given = preferred(SECOND, FIRST)
    await handle(stores, said("4"), given)

    exported = await stores.personal_data.export(ANN)
    assert [item.record for item in exported if item.store == "preferred_answers"] == [
        {
            "chosen": SECOND, "rejected": FIRST, "user": ANN, "how": "choice",
            "at": AT.isoformat(),
        }
    ]  # fmt: skip
    assert await kept(stores, BEN) == []


async def test_the_last_preference_of_a_person_on_a_question_counts(stores: Stores) -> None:
    await answered(stores)

    await handle(stores, said("4"), preferred(FIRST, SECOND), preferred(SECOND, FIRST))
    await handle(stores, said("5", user=BEN), preferred(FIRST, SECOND, BEN))
    assert await kept(stores, ANN) == [(SECOND, FIRST, "choice")]

    await handle(stores, said("6"), preferred(THIRD, SECOND, how="again"))

    assert await kept(stores, ANN) == [(THIRD, SECOND, "again")]
    assert await kept(stores, BEN) == [(FIRST, SECOND, "choice")]


async def test_an_answer_may_be_preferred_in_the_outcome_that_made_it(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"))
    again = generated("2", question="1")
    await handle(stores, said("2"), again, preferred(SECOND, FIRST, how="again"))

    await handle(stores, said("3"), preferred(FIRST, SECOND))

    assert await kept(stores, ANN) == [(FIRST, SECOND, "choice")]


async def test_preferences_on_several_questions_stand_beside_each_other(stores: Stores) -> None:
    await answered(stores)
    await handle(stores, said("7"), generated("7"))
    await handle(stores, said("8"), generated("8", question="7"))

    await handle(
        stores, said("9"), preferred(FIRST, SECOND),
        preferred(EventKey("test:8"), EventKey("test:7")),
    )  # fmt: skip

    assert await kept(stores, ANN) == [
        (FIRST, SECOND, "choice"), ("test:8", "test:7", "choice")
    ]  # fmt: skip


async def test_it_goes_with_the_person_who_gave_it(stores: Stores) -> None:
    await answered(stores)
    await handle(stores, said("4"), preferred(FIRST, SECOND))
    await handle(stores, said("5", user=BEN), preferred(FIRST, SECOND, BEN))

    receipt = await stores.personal_data.erase(BEN)

    assert receipt.removed["preferred_answers"] == 1
    assert await kept(stores, BEN) == []
    assert await kept(stores, ANN) == [(FIRST, SECOND, "choice")]


@pytest.mark.parametrize("anns_is_chosen", [True, False])
async def test_it_goes_with_either_answer(stores: Stores, *, anns_is_chosen: bool) -> None:
    await handle(stores, said("1"), generated("1"))
    await handle(stores, said("2", user=BEN), generated("2", question="1", user=BEN))
    answers = (FIRST, SECOND) if anns_is_chosen else (SECOND, FIRST)
    await handle(stores, said("3", user=BEN), preferred(*answers, BEN))

    receipt = await stores.personal_data.erase(ANN)

    assert receipt.removed["preferred_answers"] == 1
    assert await kept(stores, BEN) == []


async def test_it_holds_no_text_so_it_stays_when_texts_go(stores: Stores, clock: FakeClock) -> None:
    await answered(stores)
    await handle(stores, said("4"), preferred(FIRST, SECOND))

    await handle(stores, said("5"), MessageErased(ROOM, FIRST))
    await stores.memories.forget(ANN)
    clock.advance(timedelta(days=365))
    await stores.retention.purge(timedelta(days=30))

    assert await kept(stores, ANN) == [(FIRST, SECOND, "choice")]


async def test_a_preference_that_was_taken_back_is_gone_and_one_given_since_stays(
    stores: Stores,
) -> None:
    await answered(stores)
    await handle(stores, said("4"), preferred(SECOND, FIRST))

    await handle(stores, said("5"), PreferenceWithdrawn(FIRST, ANN))
    await handle(stores, said("6"), PreferenceWithdrawn(SECOND, BEN))
    assert await kept(stores, ANN) == [(SECOND, FIRST, "choice")]

    await handle(stores, said("7"), PreferenceWithdrawn(SECOND, ANN))
    assert await kept(stores, ANN) == []


async def test_preferences_of_one_outcome_are_taken_in_order(stores: Stores) -> None:
    await answered(stores)

    given, other = preferred(SECOND, FIRST), preferred(FIRST, THIRD)
    withdrawn = PreferenceWithdrawn(FIRST, ANN)
    await handle(stores, said("4"), given, other, withdrawn)
    assert await kept(stores, ANN) == []

    await handle(stores, said("5"), withdrawn, other)
    assert await kept(stores, ANN) == [(FIRST, THIRD, "choice")]
