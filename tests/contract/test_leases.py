"""Who does what there must be one of."""

from datetime import timedelta

import anyio
import pytest

from chatune_core.leases import Fence
from chatune_storage.stores import Stores
from fakes.clock import FakeClock

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


async def test_one_holds_a_lease_and_renews_it_in_the_same_term(
    rivals: tuple[Stores, Stores], clock: FakeClock
) -> None:
    one, other = rivals

    assert await one.leases.hold("schedule", "one", MINUTE) == 1
    assert await other.leases.hold("schedule", "other", MINUTE) is None
    clock.advance(MINUTE * 0.9)
    assert await one.leases.hold("schedule", "one", MINUTE) == 1
    clock.advance(MINUTE * 0.9)
    assert await other.leases.hold("schedule", "other", MINUTE) is None


async def test_a_lease_that_ran_out_is_taken_in_the_next_term(
    rivals: tuple[Stores, Stores], clock: FakeClock
) -> None:
    one, other = rivals
    await one.leases.hold("schedule", "one", MINUTE)
    clock.advance(MINUTE)

    assert await other.leases.hold("schedule", "other", MINUTE) == 2
    assert await one.leases.hold("schedule", "one", MINUTE) is None
    clock.advance(MINUTE)
    assert await one.leases.hold("schedule", "one", MINUTE) == 3


async def test_who_comes_late_and_finds_nobody_in_between_goes_on_in_its_term(
    stores: Stores, clock: FakeClock
) -> None:
    await stores.leases.hold("schedule", "one", MINUTE)
    clock.advance(MINUTE * 10)

    assert await stores.leases.hold("schedule", "one", MINUTE) == 1


async def test_a_lease_let_go_is_free_at_once_in_a_new_term_even_for_the_same_holder(
    rivals: tuple[Stores, Stores],
) -> None:
    one, other = rivals
    await one.leases.hold("schedule", "one", MINUTE)

    await other.leases.let_go("schedule", "other")  # not theirs: nothing happens
    await other.leases.let_go("nobody's", "other")
    assert await other.leases.hold("schedule", "other", MINUTE) is None
    await one.leases.let_go("schedule", "one")

    assert not await one.leases.stands(Fence("schedule", 2))
    assert await one.leases.hold("schedule", "one", MINUTE) == 2


async def test_leases_of_other_names_are_others(stores: Stores) -> None:
    assert await stores.leases.hold("schedule", "one", MINUTE) == 1
    assert await stores.leases.hold("training", "other", MINUTE) == 1


async def test_a_term_stands_until_the_next_begins(
    rivals: tuple[Stores, Stores], clock: FakeClock
) -> None:
    one, other = rivals
    assert not await one.leases.stands(Fence("schedule", 1))
    await one.leases.hold("schedule", "one", MINUTE)
    clock.advance(MINUTE * 2)

    assert await one.leases.stands(Fence("schedule", 1))
    await other.leases.hold("schedule", "other", MINUTE)

    assert not await one.leases.stands(Fence("schedule", 1))
    assert await other.leases.stands(Fence("schedule", 2))


async def test_who_holds_a_lease_can_be_asked_by_all(
    rivals: tuple[Stores, Stores], clock: FakeClock
) -> None:
    one, other = rivals
    assert await other.leases.holder("schedule") is None
    await one.leases.hold("schedule", "one", MINUTE)
    await one.leases.hold("training", "two", MINUTE)

    assert await other.leases.holder("schedule") == "one"
    await one.leases.let_go("training", "two")
    assert await other.leases.holder("training") is None
    clock.advance(MINUTE)
    assert await other.leases.holder("schedule") is None


async def test_of_many_who_ask_at_once_one_gets_it(
    rivals: tuple[Stores, Stores], clock: FakeClock
) -> None:
    for round_ in range(1, 4):
        terms: list[int | None] = []

        async def ask(holder: str, into: list[int | None] = terms) -> None:
            stores = rivals[int(holder) % 2]
            into.append(await stores.leases.hold("schedule", holder, MINUTE))

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(ask, f"{round_}{number}")

        assert sorted(terms, key=str) == [round_] + [None] * 7
        clock.advance(MINUTE)
