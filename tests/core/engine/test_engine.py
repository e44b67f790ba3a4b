"""The engine from the outside: what a consumer of `stream` sees, over a runner without a model."""

from contextlib import aclosing

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from chatune_core.errors import GenerationFailed, QueueFull
from chatune_core.generation.engine import Engine
from chatune_core.generation.requests import (
    Delta,
    Finished,
    Queued,
)
from chatune_core.generation.runner import Runner
from chatune_core.ports import Generator
from fakes.engines import Seconds, ask, endless, engine_over, keep, read
from fakes.runner import ScriptedRunner

pytestmark = pytest.mark.anyio

port_fits: type[Generator] = Engine
runner_fits: type[Runner] = ScriptedRunner


async def test_an_answer_comes_as_text_and_then_one_finish_with_what_it_took() -> None:
    async with engine_over(ScriptedRunner()) as engine:
        text, finished = await read(engine, ask("hello"))

    assert text == "bare heard hello"
    assert finished == Finished("stop", "scripted", None, 77, 6, 0, 17, 0.0, 0.0, 0.0)


async def test_requests_that_come_and_go_at_any_time_each_get_their_own_answer() -> None:
    texts: dict[str, str] = {}

    async def one(engine: Engine, number: int) -> None:
        for _ in range(number % 7):
            await checkpoint()
        question = f"système · {'long ' * (number % 5 * 9)}question {number} 🙂"
        texts[question] = (await read(engine, ask(question, user=f"user {number % 3}")))[0]

    runner = ScriptedRunner(slots=3)
    async with (
        engine_over(runner, prefill_tokens_per_step=40) as engine,
        anyio.create_task_group() as tasks,
    ):
        for number in range(30):
            tasks.start_soon(one, engine, number)

    assert len(texts) == 30
    assert all(text == f"bare heard {question}" for question, text in texts.items())


async def test_a_late_joiner_gets_its_first_token_before_the_others_end() -> None:
    runner = ScriptedRunner(answer=endless)
    runner.hold()
    events: list[object] = []
    late: list[object] = []
    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(keep, engine, ask(f"early {number}", tokens=50), events)
        await wait_all_tasks_blocked()
        runner.allow(10)
        tasks.start_soon(keep, engine, ask("late", tokens=50), late)
        await wait_all_tasks_blocked()
        runner.allow(3)
        while not late:
            await checkpoint()

        assert not any(isinstance(event, Finished) for event in events)

        runner.resume()
    assert sum(isinstance(event, Finished) for event in [*events, *late]) == 4


async def test_everyone_who_waits_sees_a_place_and_sees_it_move_up() -> None:
    runner = ScriptedRunner(slots=1)
    runner.hold()
    seen: dict[str, list[object]] = {name: [] for name in ("ann", "bob", "cid")}
    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
        for name, events in seen.items():
            tasks.start_soon(keep, engine, ask("hello", user=name), events)
            await wait_all_tasks_blocked()
        runner.allow(1)
        while not (seen["bob"] and seen["cid"]):
            await checkpoint()

        assert (seen["bob"], seen["cid"]) == ([Queued(1)], [Queued(2)])

        runner.allow(len("bare heard hello") + 1)
        while len(seen["cid"]) < 2:
            await checkpoint()

        assert seen["cid"] == [Queued(2), Queued(1)]

        runner.resume()
    assert not any(isinstance(event, Queued) for event in seen["ann"])


async def test_a_full_queue_refuses_before_anything_is_yielded() -> None:
    runner = ScriptedRunner(slots=1)
    runner.hold()
    events: list[object] = []
    async with engine_over(runner, queue_limit=2) as engine, anyio.create_task_group() as tasks:
        for name in ("ann", "bob", "cid"):
            tasks.start_soon(keep, engine, ask("hello", user=name), events)
        await wait_all_tasks_blocked()
        runner.allow(1)
        refused: list[object] = []
        while engine.stats().waiting < 2:
            await checkpoint()
        tasks.start_soon(keep, engine, ask("hello", user="dot"), refused)
        await wait_all_tasks_blocked()
        runner.resume()

    assert len(refused) == 1
    assert isinstance(refused[0], QueueFull)
    assert refused[0].waiting == 2


async def test_text_that_came_while_the_consumer_was_busy_is_one_delta() -> None:
    runner = ScriptedRunner(answer=lambda prompt, lora: "abcdefgh")
    runner.hold()
    async with engine_over(runner) as engine, aclosing(engine.stream(ask("go"))) as events:
        runner.allow(1)
        first = await anext(events)
        runner.resume()
        while engine.stats().running:
            await checkpoint()
        rest = [event async for event in events]

    assert first == Delta("a")
    assert rest[0] == Delta("bcdefgh")
    assert isinstance(rest[1], Finished)


async def test_a_consumer_that_never_reads_does_not_stall_the_others() -> None:
    runner = ScriptedRunner(answer=endless)
    async with engine_over(runner) as engine, aclosing(engine.stream(ask("slow"))) as slow:
        await anext(slow)

        text, _ = await read(engine, ask("fast", tokens=300))

    assert len(text) == 300


async def test_closing_the_stream_frees_the_slot_at_once() -> None:
    runner = ScriptedRunner(slots=1, answer=endless)
    async with engine_over(runner) as engine:
        async with aclosing(engine.stream(ask("first"))) as events:
            await anext(events)
        text, _ = await read(engine, ask("second", tokens=3))

        assert text == "xxx"
        assert engine.stats().completion_tokens < 400


async def test_cancelling_a_task_that_waits_gives_up_its_place() -> None:
    runner = ScriptedRunner(slots=1)
    runner.hold()
    behind: list[object] = []
    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(keep, engine, ask("first", user="ann"), [])
        await wait_all_tasks_blocked()
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(keep, engine, ask("second", user="bob"), [])
            await wait_all_tasks_blocked()
            tasks.start_soon(keep, engine, ask("third", user="cid"), behind)
            await wait_all_tasks_blocked()
            waiting.cancel_scope.cancel()
        runner.allow(2)
        while not behind:
            await checkpoint()
        assert behind[0] == Queued(1)
        assert engine.stats().waiting == 1
        runner.resume()


async def test_a_deadline_that_passes_while_waiting_ends_with_no_text() -> None:
    runner, clock = ScriptedRunner(slots=1), Seconds()
    runner.hold()
    events: list[object] = []
    async with engine_over(runner, clock) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(keep, engine, ask("first", user="ann"), [])
        await wait_all_tasks_blocked()
        tasks.start_soon(keep, engine, ask("second", user="bob", deadline=3.0), events)
        await wait_all_tasks_blocked()
        clock.now += 3.0
        runner.resume()

    (finished,) = [event for event in events if not isinstance(event, Queued)]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.queued_s, finished.total_s) == ("deadline", 3.0, 3.0)


async def test_a_deadline_that_passes_while_answering_ends_with_the_text_so_far() -> None:
    runner, clock = ScriptedRunner(answer=lambda prompt, lora: "0123456789" * 50), Seconds()
    runner.hold()
    async with engine_over(runner, clock) as engine:
        stream = engine.stream(ask("count", deadline=3.0, stop=("90123X",)))
        async with aclosing(stream) as events:
            runner.allow(1)
            shown = [await anext(events)]
            clock.now += 3.5
            runner.resume()
            shown += [event async for event in events]

    text = "".join(event.text for event in shown if isinstance(event, Delta))
    finished = shown[-1]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.first_token_s, finished.total_s) == ("deadline", 0.0, 3.5)
    assert len(text) == finished.completion_tokens <= 2


async def test_the_context_bounds_the_answer() -> None:
    async with engine_over(ScriptedRunner(context_tokens=40, answer=endless)) as engine:
        text, finished = await read(engine, ask("0123456789"))

    assert (len(text), finished.reason) == (29, "length")


async def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers() -> None:
    async with engine_over(ScriptedRunner(context_tokens=40)) as engine:
        with pytest.raises(GenerationFailed, match=r"101 tokens.* 40 "):
            await read(engine, ask("x" * 100))


async def test_a_stop_string_ends_the_answer_and_is_not_shown() -> None:
    async with engine_over(ScriptedRunner()) as engine:
        text, finished = await read(engine, ask("one END two", stop=("END",)))

    assert (text, finished.reason) == ("bare heard one ", "stop")


async def test_a_seed_gives_the_same_answer_alone_and_in_company() -> None:
    question = ask("draw", temperature=1.0, seed=5, tokens=60)
    answers: list[str] = []

    async def again(engine: Engine) -> None:
        answers.append((await read(engine, question))[0])

    async with engine_over(ScriptedRunner(slots=8, answer=endless, flat=0.5)) as engine:
        await again(engine)
        async with anyio.create_task_group() as tasks:
            for number in range(6):
                other = ask(f"other {number}", temperature=1.0, seed=number, tokens=50)
                tasks.start_soon(keep, engine, other, [])
                if number % 2:
                    tasks.start_soon(again, engine)

    assert len(answers) == 4
    assert len(set(answers)) == 1
    assert len(set(answers[0])) > 5


async def test_the_next_turn_does_not_run_its_history_again() -> None:
    runner = ScriptedRunner()
    async with engine_over(runner) as engine:
        await read(engine, ask("x" * 200))
        before = runner.tokens_run
        _, finished = await read(engine, ask("x" * 200, tokens=1))

    assert runner.tokens_run - before == 1
    assert finished.cached_prompt_tokens == 200


async def test_a_refusal_does_not_wait_for_the_step_that_runs_next() -> None:
    runner = ScriptedRunner()
    runner.hold()
    refused: list[object] = []
    async with (
        engine_over(runner, prefill_tokens_per_step=10) as engine,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(keep, engine, ask("x" * 100), [])
        await wait_all_tasks_blocked()
        tasks.start_soon(keep, engine, ask("hello", lora="nobody"), refused)
        await wait_all_tasks_blocked()
        runner.allow(1)
        while not refused:
            await checkpoint()

        assert engine.stats().completion_tokens == 0
        runner.resume()


async def test_the_state_of_the_moment_can_be_read_while_it_runs() -> None:
    runner = ScriptedRunner(slots=2, answer=endless)
    runner.hold()
    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(keep, engine, ask("hello", user=f"user {number}", tokens=20), [])
        await wait_all_tasks_blocked()
        runner.allow(4)
        while engine.stats().steps < 4:
            await checkpoint()
        stats = engine.stats()
        runner.resume()

    assert (stats.running, stats.waiting, stats.free_slots) == (2, 1, 0)
    assert stats.prompt_tokens == 12
    assert not stats.stopped
    assert engine.stats().completion_tokens == 60
