"""The engine from the outside: what a consumer of `stream` sees, over a runner without a model."""

import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import anyio
import pytest
import torch
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from chatune_core.errors import GenerationFailed, QueueFull, RetryLater
from chatune_core.generation.engine import Engine, open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
    LoraId,
    Queued,
    RequestId,
    Sampling,
)
from chatune_core.generation.runner import Chunk, Runner
from chatune_core.messages import ConversationId, UserId
from chatune_core.ports import Generator
from fakes.runner import ByteTokenizer, ScriptedRunner

pytestmark = pytest.mark.anyio


class Seconds:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ask(
    text: str,
    *,
    user: str = "ann",
    lora: str | None = None,
    deadline: float | None = None,
    temperature: float = 0.0,
    seed: int | None = None,
    tokens: int = 400,
    stop: tuple[str, ...] = (),
) -> GenerationRequest:
    return GenerationRequest(
        id=RequestId(text),
        messages=(ChatMessage("user", text),),
        sampling=Sampling(temperature=temperature, seed=seed, max_tokens=tokens, stop=stop),
        user=UserId(user),
        conversation=ConversationId(user),
        deadline=None if deadline is None else timedelta(seconds=deadline),
        lora=None if lora is None else LoraId(lora),
    )


@asynccontextmanager
async def engine_over(
    runner: ScriptedRunner, clock: Seconds | None = None, **settings: int
) -> AsyncGenerator[Engine, None]:
    limits = EngineSettings(**settings)  # type: ignore[arg-type]
    try:
        with anyio.fail_after(30):
            async with open_engine(
                runner,
                ByteTokenizer(),
                "scripted",
                limits,
                monotonic=clock or Seconds(),
                new_seed=lambda: 77,
            ) as engine:
                try:
                    yield engine
                finally:
                    # A step that a test holds back must not hold back the end of the test.
                    runner.resume()
    finally:
        assert len(runner.threads) <= 1, "every forward comes from one thread"
        assert threading.get_ident() not in runner.threads


async def read(engine: Engine, request: GenerationRequest) -> tuple[str, Finished]:
    events = [event async for event in engine.stream(request)]
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events if isinstance(event, Delta)), events[-1]


async def keep(engine: Engine, request: GenerationRequest, into: list[object]) -> None:
    """Collect what happens to a request: its events, or the error that ends it."""
    try:
        async for event in engine.stream(request):
            into.append(event)
    except (RetryLater, GenerationFailed) as error:
        into.append(error)


def endless(prompt: str, lora: LoraId | None) -> str:
    return "x" * 100_000


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
    async with engine_over(runner, prefill_tokens_per_step=40) as engine, _tasks() as tasks:
        for number in range(30):
            tasks.start_soon(one, engine, number)

    assert len(texts) == 30
    assert all(text == f"bare heard {question}" for question, text in texts.items())


async def test_a_late_joiner_gets_its_first_token_before_the_others_end() -> None:
    runner = ScriptedRunner(answer=endless)
    runner.hold()
    events: list[object] = []
    late: list[object] = []
    async with engine_over(runner) as engine, _tasks() as tasks:
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
    async with engine_over(runner) as engine, _tasks() as tasks:
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
    async with engine_over(runner, queue_limit=2) as engine, _tasks() as tasks:
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
    async with engine_over(runner) as engine, _tasks() as tasks:
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
    async with engine_over(runner, clock) as engine, _tasks() as tasks:
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
        async with _tasks() as tasks:
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


async def test_a_request_that_the_model_cannot_run_does_not_end_the_others() -> None:
    runner = ScriptedRunner()
    runner.hold()
    events: dict[str, list[object]] = {"good": [], "poison": []}

    def fault(chunks: Sequence[Chunk]) -> None:
        if any(ord("p") == chunk.tokens[0] for chunk in chunks if len(chunk.tokens) > 1):
            raise RuntimeError("index out of range")

    runner.fault = fault
    async with engine_over(runner) as engine, _tasks() as tasks:
        tasks.start_soon(keep, engine, ask("good"), events["good"])
        await wait_all_tasks_blocked()
        runner.allow(3)
        tasks.start_soon(keep, engine, ask("poison"), events["poison"])
        await wait_all_tasks_blocked()
        runner.resume()

    assert isinstance(events["good"][-1], Finished)
    (failure,) = events["poison"]
    assert isinstance(failure, GenerationFailed)
    assert "index out of range" in str(failure)


async def test_a_device_that_serves_nobody_asks_to_try_later_and_recovers() -> None:
    runner = ScriptedRunner()

    def fault(chunks: Sequence[Chunk]) -> None:
        raise RuntimeError("device lost")

    async with engine_over(runner) as engine:
        runner.fault = fault
        for count in (1, 2):
            with pytest.raises(RetryLater, match="device lost"):
                await read(engine, ask("hello"))
            assert engine.stats().failing_steps == count
        runner.fault = lambda chunks: None

        assert (await read(engine, ask("hello")))[0] == "bare heard hello"
        assert engine.stats().failing_steps == 0


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
async def test_a_batch_too_large_for_the_memory_goes_on_one_by_one(error: Exception) -> None:
    runner = ScriptedRunner()
    runner.hold()
    events: list[object] = []

    def fault(chunks: Sequence[Chunk]) -> None:
        if sum(len(chunk.tokens) for chunk in chunks) > 20:
            raise error

    runner.fault = fault
    async with engine_over(runner) as engine, _tasks() as tasks:
        for text in ("short", "x" * 15, "y" * 30):
            tasks.start_soon(keep, engine, ask(text), events)
        await wait_all_tasks_blocked()
        runner.resume()

    (refused,) = [event for event in events if isinstance(event, Exception)]
    assert isinstance(refused, RetryLater)
    assert sum(isinstance(event, Finished) for event in events) == 2


async def test_a_request_whose_logits_are_no_numbers_fails_alone() -> None:
    class Diverged(ScriptedRunner):
        def forward(self, chunks: Sequence[Chunk]) -> torch.Tensor:
            rows = super().forward(chunks)
            wanted = [chunk for chunk in chunks if chunk.logits]
            for row, chunk in zip(rows, wanted, strict=True):
                if chunk.lora:
                    row[:] = torch.nan
            return rows

    events: list[object] = []
    async with engine_over(Diverged()) as engine, _tasks() as tasks:
        await engine.place_lora(LoraId("diverged"), "folder")
        tasks.start_soon(keep, engine, ask("good"), events)
        with pytest.raises(GenerationFailed, match="not a number"):
            await read(engine, ask("bad", lora="diverged"))

    assert isinstance(events[-1], Finished)


async def test_requests_of_different_loras_run_side_by_side() -> None:
    runner = ScriptedRunner()
    runner.hold()
    async with engine_over(runner) as engine, _tasks() as tasks:
        for lora in ("first", "second"):
            await engine.place_lora(LoraId(lora), "folder")
        texts: dict[str | None, list[object]] = {"first": [], "second": [], None: []}
        for name, events in texts.items():
            tasks.start_soon(keep, engine, ask("hello", lora=name), events)
        await wait_all_tasks_blocked()
        runner.resume()

    for name, events in texts.items():
        text = "".join(event.text for event in events if isinstance(event, Delta))
        assert text == f"{name or 'bare'} heard hello"
    assert any(len({chunk.lora for chunk in chunks}) == 3 for chunks in runner.forwards)


async def test_a_lora_that_is_not_loaded_is_refused_by_name() -> None:
    async with engine_over(ScriptedRunner()) as engine:
        with pytest.raises(GenerationFailed, match="'nobody'"):
            await read(engine, ask("hello", lora="nobody"))


async def test_a_folder_that_holds_no_lora_is_refused_and_the_engine_goes_on() -> None:
    async with engine_over(ScriptedRunner()) as engine:
        with pytest.raises(GenerationFailed, match="no LoRA"):
            await engine.place_lora(LoraId("broken"), "")

        assert (await read(engine, ask("hello")))[0] == "bare heard hello"


async def test_a_lora_is_placed_while_an_answer_runs_which_is_not_disturbed() -> None:
    runner = ScriptedRunner(answer=endless)
    async with engine_over(runner) as engine, aclosing(engine.stream(ask("long"))) as events:
        await anext(events)
        await engine.place_lora(LoraId("new"), "folder")
        assert runner.placed == {"new": "folder"}

        text, _ = await read(engine, ask("hello", lora="new", tokens=2))
        rest = [event async for event in events]

    assert text == "xx"
    assert isinstance(rest[-1], Finished)
    assert rest[-1].completion_tokens == 400


async def test_a_lora_is_dropped_when_its_last_request_has_ended_and_refused_at_once() -> None:
    runner = ScriptedRunner(answer=endless)
    runner.hold()
    dropped: list[str] = []

    async def drop(engine: Engine) -> None:
        await engine.drop_lora(LoraId("old"))
        dropped.append("old")

    async with engine_over(runner) as engine, _tasks() as tasks:
        await engine.place_lora(LoraId("old"), "folder")
        async with aclosing(engine.stream(ask("long", lora="old", tokens=50))) as events:
            runner.allow(5)
            await anext(events)
            tasks.start_soon(drop, engine)
            await wait_all_tasks_blocked()
            runner.allow(3)
            with pytest.raises(GenerationFailed, match="'old'"):
                await read(engine, ask("more", lora="old"))
            assert not dropped
            assert "old" in runner.placed
            runner.resume()
            rest = [event async for event in events]
        while not dropped:
            await checkpoint()

    assert isinstance(rest[-1], Finished)
    assert rest[-1].completion_tokens == 50
    assert runner.placed == {}


async def test_a_lora_is_dropped_when_its_last_request_is_cancelled() -> None:
    runner = ScriptedRunner(answer=endless)
    runner.hold()
    async with engine_over(runner) as engine, _tasks() as tasks:
        await engine.place_lora(LoraId("old"), "folder")
        async with aclosing(engine.stream(ask("long", lora="old"))) as events:
            runner.allow(1)
            await anext(events)
            tasks.start_soon(engine.drop_lora, LoraId("old"))
            await wait_all_tasks_blocked()
        runner.resume()

    assert runner.placed == {}


async def test_a_refusal_does_not_wait_for_the_step_that_runs_next() -> None:
    runner = ScriptedRunner()
    runner.hold()
    refused: list[object] = []
    async with engine_over(runner, prefill_tokens_per_step=10) as engine, _tasks() as tasks:
        tasks.start_soon(keep, engine, ask("x" * 100), [])
        await wait_all_tasks_blocked()
        tasks.start_soon(keep, engine, ask("hello", lora="nobody"), refused)
        await wait_all_tasks_blocked()
        runner.allow(1)
        while not refused:
            await checkpoint()

        assert engine.stats().completion_tokens == 0
        runner.resume()


async def test_leaving_ends_what_is_in_flight_and_nothing_is_accepted_afterwards() -> None:
    runner = ScriptedRunner(slots=1, answer=endless)
    runner.hold()
    events: list[object] = []
    async with _tasks() as tasks, engine_over(runner) as engine:
        for name in ("ann", "bob"):
            tasks.start_soon(keep, engine, ask("hello", user=name), events)
        await wait_all_tasks_blocked()
        runner.allow(2)
        while engine.stats().waiting == 0:
            await checkpoint()

    refusals = [event for event in events if isinstance(event, Exception)]
    assert len(refusals) == 2
    assert all(isinstance(refusal, RetryLater) for refusal in refusals)
    assert engine.stats().stopped
    with pytest.raises(RetryLater, match="stopped"):
        await read(engine, ask("late"))
    with pytest.raises(RetryLater, match="stopped"):
        await engine.place_lora(LoraId("late"), "folder")


async def test_a_step_that_hangs_does_not_keep_the_engine_from_stopping() -> None:
    runner = ScriptedRunner()
    runner.hold()
    events: list[object] = []
    async with _tasks() as tasks:
        async with open_engine(
            runner, ByteTokenizer(), "hanging", EngineSettings(stop_within=timedelta(0))
        ) as engine:
            tasks.start_soon(keep, engine, ask("hello"), events)
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        runner.resume()

    (refusal,) = events
    assert isinstance(refusal, RetryLater)


async def test_a_defect_of_the_loop_ends_the_engine_loudly_and_leaves_nobody_waiting() -> None:
    class Broken(ByteTokenizer):
        def decode(self, tokens: Sequence[int]) -> str:
            raise ZeroDivisionError("a defect")

    events: list[GenerationEvent] = []
    with pytest.RaisesGroup(pytest.RaisesExc(ZeroDivisionError)):
        async with open_engine(ScriptedRunner(), Broken(), "broken", EngineSettings()) as engine:
            events = [event async for event in engine.stream(ask("hello"))]

    assert events == []
    assert engine.stats().stopped


async def test_the_state_of_the_moment_can_be_read_while_it_runs() -> None:
    runner = ScriptedRunner(slots=2, answer=endless)
    runner.hold()
    async with engine_over(runner) as engine, _tasks() as tasks:
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


_tasks = anyio.create_task_group
