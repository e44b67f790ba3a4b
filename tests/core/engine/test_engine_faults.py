"""What fails, what is told, and who goes on: devices, memory, defects, the end."""

from collections.abc import Sequence
from datetime import timedelta

import anyio
import pytest
import torch
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.generation.engine import open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.requests import (
    Finished,
    GenerationEvent,
    LoraId,
)
from chatune_core.generation.runner import Chunk
from fakes.engines import ask, endless, engine_over, keep, read
from fakes.runner import ByteTokenizer, ScriptedRunner

pytestmark = pytest.mark.anyio


async def test_a_request_that_the_model_cannot_run_does_not_end_the_others() -> None:
    runner = ScriptedRunner()
    runner.hold()
    events: dict[str, list[object]] = {"good": [], "poison": []}

    def fault(chunks: Sequence[Chunk]) -> None:
        if any(ord("p") == chunk.tokens[0] for chunk in chunks if len(chunk.tokens) > 1):
            raise RuntimeError("index out of range")

    runner.fault = fault
    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
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
    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
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
    async with engine_over(Diverged()) as engine, anyio.create_task_group() as tasks:
        await engine.place_lora(LoraId("diverged"), "folder")
        tasks.start_soon(keep, engine, ask("good"), events)
        with pytest.raises(GenerationFailed, match="not a number"):
            await read(engine, ask("bad", lora="diverged"))

    assert isinstance(events[-1], Finished)


async def test_leaving_ends_what_is_in_flight_and_nothing_is_accepted_afterwards() -> None:
    runner = ScriptedRunner(slots=1, answer=endless)
    runner.hold()
    events: list[object] = []
    async with anyio.create_task_group() as tasks, engine_over(runner) as engine:
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
    async with anyio.create_task_group() as tasks:
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
