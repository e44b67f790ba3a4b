"""Many callers, one flush at a time, and nobody pays for another."""

import asyncio
from collections.abc import Callable, Sequence

import anyio
import pytest
from anyio.lowlevel import checkpoint

from chatune_storage.coalescer import Coalescer

pytestmark = pytest.mark.anyio


class Flushes:
    """Doubles numbers; records its batches, and waits for the gate if there is one."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate: anyio.Event | None = None
        self.at_end: Callable[[], object] = lambda: None
        self.running = 0

    async def __call__(self, units: Sequence[int]) -> Sequence[int | Exception]:
        self.running += 1
        assert self.running == 1, "one flush at a time"
        self.batches.append(list(units))
        if self.gate is not None:
            await self.gate.wait()
        await checkpoint()
        self.running -= 1
        self.at_end()
        if 13 in units:
            raise OSError("bad luck")
        return [ValueError(unit) if unit < 0 else 2 * unit for unit in units]


async def submit_all(
    coalescer: Coalescer[int, int], units: Sequence[int]
) -> dict[int, int | Exception]:
    results: dict[int, int | Exception] = {}

    async def submit(unit: int) -> None:
        try:
            results[unit] = await coalescer.submit(unit)
        except Exception as error:  # noqa: BLE001 - looked at below
            results[unit] = error

    async with anyio.create_task_group() as tasks:
        for unit in units:
            tasks.start_soon(submit, unit)
    return results


async def test_who_comes_while_a_flush_runs_shares_the_next() -> None:
    flushes = Flushes()

    results = await submit_all(Coalescer(flushes, limit=100), range(5))

    assert results == {unit: 2 * unit for unit in range(5)}
    assert flushes.batches == [[0], [1, 2, 3, 4]]


async def test_who_is_woken_by_the_same_cause_shares_the_flush_if_it_gathers() -> None:
    flushes, cause = Flushes(), anyio.Event()
    coalescer = Coalescer(flushes, limit=100, gathering=3)

    async def follow() -> None:
        await cause.wait()
        await coalescer.submit(2)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await checkpoint()
        cause.set()
        await coalescer.submit(1)

    assert flushes.batches == [[1, 2]]


async def test_a_caller_that_is_cut_off_while_it_gathers_leaves_the_others_alone() -> None:
    flushes = Flushes()
    coalescer = Coalescer(flushes, limit=100, gathering=3)
    leader = asyncio.ensure_future(coalescer.submit(1))
    await checkpoint()
    other = asyncio.ensure_future(coalescer.submit(2))
    await checkpoint()

    leader.cancel()  # behind anyio's back: its shields do not hold
    await asyncio.wait([leader])

    assert await other == 4
    assert flushes.batches == [[2]]


async def test_a_batch_has_a_bound() -> None:
    flushes = Flushes()

    results = await submit_all(Coalescer(flushes, limit=3), range(8))

    assert results == {unit: 2 * unit for unit in range(8)}
    assert flushes.batches == [[0], [1, 2, 3], [4, 5, 6], [7]]


async def test_an_error_of_one_is_nobody_elses() -> None:
    results = await submit_all(Coalescer(Flushes(), limit=100), [1, -2, 3])

    assert (results[1], results[3]) == (2, 6)
    assert isinstance(results[-2], ValueError)


async def test_a_flush_that_fails_fails_all_that_were_in_it_and_no_other() -> None:
    coalescer = Coalescer(Flushes(), limit=2)

    results = await submit_all(coalescer, [1, 13, 3, 4])

    assert isinstance(results[13], OSError)
    assert isinstance(results[3], OSError)
    assert results[4] == 8
    assert await coalescer.submit(5) == 10


async def test_a_cancelled_caller_that_waits_takes_its_unit_back() -> None:
    flushes, results = Flushes(), dict[int, int]()
    coalescer, flushes.gate = Coalescer(flushes, limit=100), anyio.Event()

    async def submit(unit: int, scope: anyio.CancelScope) -> None:
        with scope:
            results[unit] = await coalescer.submit(unit)

    scopes = [anyio.CancelScope() for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for unit, scope in enumerate(scopes):
            tasks.start_soon(submit, unit, scope)
        await anyio.wait_all_tasks_blocked()
        scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        flushes.gate.set()

    assert flushes.batches == [[0], [2]]
    assert results == {0: 0, 2: 4}


async def test_a_caller_cancelled_just_as_its_turn_to_lead_comes_passes_it_on() -> None:
    flushes = Flushes()
    coalescer, flushes.gate = Coalescer(flushes, limit=1), anyio.Event()
    loop = asyncio.get_running_loop()
    callers = [loop.create_task(coalescer.submit(unit)) for unit in range(3)]
    await anyio.wait_all_tasks_blocked()
    # Cancelled but not yet run when the end of the first flush wakes it as the next leader.
    flushes.at_end = callers[1].cancel

    flushes.gate.set()

    assert await callers[2] == 4
    assert flushes.batches == [[0], [2]]
    assert callers[1].cancelled()


async def test_a_leader_that_is_cancelled_finishes_for_the_others() -> None:
    flushes, results = Flushes(), dict[int, int]()
    coalescer = Coalescer(flushes, limit=100)
    flushes.gate = anyio.Event()
    scope = anyio.CancelScope()

    async def submit(unit: int) -> None:
        results[unit] = await coalescer.submit(unit)

    async def lead() -> None:
        with scope:
            await submit(0)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lead)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(submit, 1)
        tasks.start_soon(submit, 2)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        flushes.gate.set()

    assert flushes.batches == [[0], [1, 2]]
    assert (results[1], results[2]) == (2, 4)


async def test_what_came_for_a_caller_that_left_is_handed_to_whom_it_named() -> None:
    flushes, abandoned = Flushes(), list[int]()
    coalescer, flushes.gate = Coalescer(flushes, limit=100), anyio.Event()
    scope = anyio.CancelScope()

    async def give_up(result: int) -> None:
        abandoned.append(result)

    async def follow() -> None:
        with scope:
            await coalescer.submit(7, give_up)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(coalescer.submit, 1)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(coalescer.submit, 2)
        tasks.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        first, flushes.gate = flushes.gate, anyio.Event()
        first.set()
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        flushes.gate.set()

    assert flushes.batches == [[1], [2, 7]]
    assert abandoned == [14]


async def test_a_leader_cancelled_behind_anyios_back_leaves_nobody_waiting() -> None:
    flushes = Flushes()
    coalescer, flushes.gate = Coalescer(flushes, limit=100), anyio.Event()
    results: list[int | Exception] = []

    async def follow(unit: int) -> None:
        results.append(await coalescer.submit(unit))

    leader = asyncio.get_running_loop().create_task(coalescer.submit(1))
    async with anyio.create_task_group() as tasks:
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(follow, 2)
        await anyio.wait_all_tasks_blocked()
        leader.cancel()
        flushes.running, flushes.gate = 0, None

    assert results == [4]
    with pytest.raises(asyncio.CancelledError):
        await leader
