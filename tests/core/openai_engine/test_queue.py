"""The line in front of the server: bounded, visible, by priority, and freed at once."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import timedelta

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.errors import QueueFull
from chatune_core.generation.openai_engine import OpenAIEngine
from chatune_core.generation.places import Places, Ticket
from chatune_core.generation.requests import (
    Delta,
    Finished,
    GenerationEvent,
    Priority,
    Queued,
)
from fakes.asking import answer_to, asked, events_of
from fakes.openai_server import Answer, FakeOpenAIServer

Open = Callable[..., AbstractAsyncContextManager[OpenAIEngine]]

pytestmark = pytest.mark.anyio


async def begun(engine: OpenAIEngine) -> AsyncGenerator[GenerationEvent, None]:
    """Return a stream that holds a place and has shown its first text."""
    stream = engine.stream(asked())
    assert isinstance(await anext(stream), Delta)
    return stream


async def test_who_waits_sees_their_place_in_the_line_and_is_answered(
    server: FakeOpenAIServer, opened: Open
) -> None:
    async with opened(concurrency=1) as engine:
        first, second, third = await begun(engine), engine.stream(asked()), engine.stream(asked())
        places = [await anext(second), await anext(third)]
        await second.aclose()
        places.append(await anext(third))
        await first.aclose()
        places.append(await anext(third))
        await third.aclose()

    assert places == [Queued(1), Queued(2), Queued(1), Delta("Hello")]
    assert server.most_open_streams == 1


async def test_no_more_requests_are_sent_at_once_than_allowed(
    server: FakeOpenAIServer, opened: Open
) -> None:
    async with opened(concurrency=3) as engine, anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(answer_to, engine, asked())

    assert len(server.completions) == 10
    assert server.most_open_streams == 3


async def test_a_person_who_waits_goes_before_work_in_the_background(
    server: FakeOpenAIServer, opened: Open
) -> None:
    served: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        await events_of(engine, asked(name, priority=priority))
        served.append(name)

    async with opened(concurrency=1) as engine, anyio.create_task_group() as tasks:
        first = await begun(engine)
        for name, priority in [
            ("batch", Priority.BACKGROUND),
            ("first", Priority.NORMAL),
            ("person", Priority.INTERACTIVE),
            ("second", Priority.NORMAL),
        ]:
            tasks.start_soon(ask, name, priority)
            await anyio.wait_all_tasks_blocked()
        await first.aclose()

    assert served == ["person", "first", "second", "batch"]


async def test_beyond_the_line_a_request_is_refused_before_anything_is_sent(
    server: FakeOpenAIServer, opened: Open
) -> None:
    async with opened(concurrency=1, queue_limit=1) as engine:
        first, second = await begun(engine), engine.stream(asked())
        await anext(second)

        with pytest.raises(QueueFull) as raised:
            await events_of(engine, asked())
        await second.aclose()
        await first.aclose()

    assert raised.value.waiting == 1
    assert len(server.completions) == 1


async def test_the_deadline_counts_while_waiting(opened: Open) -> None:
    async with opened(concurrency=1) as engine, aclosing(await begun(engine)):
        events = await events_of(engine, asked(deadline=timedelta(seconds=0.05)))

    assert events[0] == Queued(1)
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.reason == "deadline"
    assert end.queued_s == end.total_s >= 0.05


async def test_closing_the_stream_hangs_up_at_once_and_frees_the_place(
    server: FakeOpenAIServer, opened: Open
) -> None:
    server.script = [Answer(wait_last=anyio.Event())]

    async with opened(concurrency=1) as engine:
        stream = await begun(engine)
        await stream.aclose()
        await server.hung_up.wait()
        text, _ = await answer_to(engine, asked())

    assert text == "Hello there."


async def test_cancelling_the_task_hangs_up_at_once_and_frees_the_place(
    server: FakeOpenAIServer, opened: Open
) -> None:
    server.script = [Answer(wait_first=anyio.Event())]

    async with opened(concurrency=1) as engine:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer_to, engine, asked())
            while not server.open_streams:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        await server.hung_up.wait()
        text, _ = await answer_to(engine, asked())

    assert text == "Hello there."


async def test_a_failed_request_frees_its_place(server: FakeOpenAIServer, opened: Open) -> None:
    server.script = [Answer(("Half",), breaks=True)]

    async with opened(concurrency=1) as engine:
        with pytest.raises(Exception, match="Connection error"):
            await events_of(engine, asked())
        text, _ = await answer_to(engine, asked())

    assert text == "Hello there."


steps = st.lists(st.one_of(st.sampled_from(Priority), st.integers(0, 9)), max_size=40)


@given(st.integers(1, 3), st.integers(0, 5), steps)
def test_whoever_comes_and_goes_the_line_is_whole(
    count: int, limit: int, comings_and_goings: list[Priority | int]
) -> None:
    places = Places(count, limit, timedelta(seconds=1))
    held: list[tuple[Priority, int, Ticket]] = []

    for arrival, step in enumerate(comings_and_goings):
        if isinstance(step, Priority):
            waiting = [ticket for *_, ticket in held if ticket.position]
            is_full = len(held) - len(waiting) == count and len(waiting) == limit
            try:
                held.append((step, arrival, places.enter(step)))
            except QueueFull:
                assert is_full
            else:
                assert not is_full
        elif step < len(held):
            places.leave(held.pop(step)[-1])

        line = sorted(entry for entry in held if entry[-1].position)
        assert [ticket.position for *_, ticket in line] == list(range(1, len(line) + 1))
        assert len(held) - len(line) == min(count, len(held))
