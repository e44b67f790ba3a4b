"""LoRAs come and go between steps; answers in flight are not disturbed."""

from contextlib import aclosing

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from chatune_core.errors import GenerationFailed
from chatune_core.generation.engine import Engine
from chatune_core.generation.requests import (
    Delta,
    Finished,
    LoraId,
)
from fakes.engines import ask, endless, engine_over, keep, read
from fakes.runner import ScriptedRunner

pytestmark = pytest.mark.anyio


async def test_requests_of_different_loras_run_side_by_side() -> None:
    runner = ScriptedRunner()
    runner.hold()
    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
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

    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
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
    async with engine_over(runner) as engine, anyio.create_task_group() as tasks:
        await engine.place_lora(LoraId("old"), "folder")
        async with aclosing(engine.stream(ask("long", lora="old"))) as events:
            runner.allow(1)
            await anext(events)
            tasks.start_soon(engine.drop_lora, LoraId("old"))
            await wait_all_tasks_blocked()
        runner.resume()

    assert runner.placed == {}
