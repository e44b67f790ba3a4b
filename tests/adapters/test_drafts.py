"""Previews of answers: the newest text, one call at a time, and never in the way."""

import sys
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import pytest

from chatune_adapters.drafts import Drafts, DraftWriter
from chatune_core.errors import RetryLater
from chatune_core.messages import EventKey, Inbound
from fakes.events import said

pytestmark = pytest.mark.anyio
EVENT = said("1")


class SlowClock:
    """A time that moves when told to; sleepers wake in their order."""

    def __init__(self) -> None:
        self.at = 100.0
        self.sleepers: dict[anyio.Event, float] = {}

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        awake = anyio.Event()
        self.sleepers[awake] = self.at + seconds
        try:
            await awake.wait()
        finally:
            del self.sleepers[awake]

    async def advance(self, seconds: float) -> None:
        self.at += seconds
        for awake, until in self.sleepers.items():
            if until <= self.at:
                awake.set()
        await anyio.wait_all_tasks_blocked()


class Draft(str):
    """A text that can be watched."""

    __slots__ = ("__weakref__",)


class RecordingWriter:
    """Writes down what it is asked; `hold` keeps calls in flight, `errors` are raised in turn."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.errors: list[Exception] = []
        self.in_flight = self.most_in_flight = 0
        self.room = True
        self.gate = anyio.Event()
        self.gate.set()

    def hold(self) -> None:
        self.gate = anyio.Event()

    async def begin(self, event: Inbound, text: str) -> Draft | None:
        await self._call(f"begin {text}")
        return Draft(f"draft of {event.key}") if self.room else None

    async def update(self, draft: Draft, text: str) -> None:
        await self._call(f"update {text}")

    async def typing(self, event: Inbound, position: int) -> None:
        await self._call(f"typing {position}")

    async def _call(self, call: str) -> None:
        self.calls.append(call)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.gate.wait()
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self.in_flight -= 1


class Stage:
    """Drafts that run, with everything around them."""

    def __init__(self) -> None:
        self.clock, self.writer = SlowClock(), RecordingWriter()
        self.drafts = Drafts[Draft](self.writer, 1.0, self.clock, self.clock.sleep)

    async def preview(self, *texts: str, event: Inbound = EVENT) -> None:
        for text in texts:
            self.drafts.preview(event, text)
        await anyio.wait_all_tasks_blocked()

    async def waiting(self, position: int) -> None:
        self.drafts.waiting(EVENT, position)
        await anyio.wait_all_tasks_blocked()


@asynccontextmanager
async def _on_stage() -> AsyncGenerator[Stage, None]:
    stage = Stage()
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda *, task_status: stage.drafts.run(task_status=task_status))
        yield stage
        tasks.cancel_scope.cancel()


async def test_the_first_preview_is_shown_at_once() -> None:
    async with _on_stage() as stage:
        await stage.preview("One")

        assert stage.writer.calls == ["begin One"]


async def test_later_previews_wait_their_time_and_only_the_newest_is_shown() -> None:
    async with _on_stage() as stage:
        await stage.preview("One")
        await stage.preview("One two", "One two three")
        await stage.clock.advance(0.9)
        assert stage.writer.calls == ["begin One"]

        await stage.preview("One two three four")
        await stage.clock.advance(0.2)

        assert stage.writer.calls == ["begin One", "update One two three four"]


async def test_one_answer_has_one_call_in_flight_and_answers_do_not_wait_for_each_other() -> None:
    async with _on_stage() as stage:
        stage.writer.hold()
        await stage.preview("One")
        await stage.preview("One two")
        await stage.clock.advance(5)
        assert stage.writer.most_in_flight == 1

        await stage.preview("Another", event=said("2"))

        assert stage.writer.calls == ["begin One", "begin Another"]
        stage.writer.gate.set()


async def test_a_limit_rests_the_draft_and_the_newest_text_follows() -> None:
    async with _on_stage() as stage:
        stage.writer.errors = [RetryLater("slow down", timedelta(seconds=7))]
        await stage.preview("One")
        await stage.preview("One two")
        await stage.clock.advance(6)
        assert stage.writer.calls == ["begin One"]

        await stage.clock.advance(2)

        assert stage.writer.calls == ["begin One", "begin One two"]


async def test_a_text_that_met_a_limit_is_shown_later_even_if_nothing_follows() -> None:
    async with _on_stage() as stage:
        stage.writer.errors = [RetryLater("slow down", timedelta(seconds=7))]
        await stage.preview("One")

        await stage.clock.advance(8)

        assert stage.writer.calls == ["begin One", "begin One"]


async def test_finish_waits_for_the_call_in_flight_and_returns_its_draft() -> None:
    async with _on_stage() as stage:
        stage.writer.hold()
        await stage.preview("One")
        await stage.preview("One two")
        finished: list[Draft | None] = []

        async def finish() -> None:
            finished.append(await stage.drafts.finish(EVENT.key))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(finish)
            await anyio.wait_all_tasks_blocked()
            assert finished == []
            stage.writer.gate.set()

        assert finished == ["draft of test:1"]
        await stage.clock.advance(5)
        assert stage.writer.calls == ["begin One"]


async def test_finish_does_not_wait_for_a_rest() -> None:
    async with _on_stage() as stage:
        await stage.preview("One")
        await stage.preview("One two")

        assert await stage.drafts.finish(EVENT.key) == "draft of test:1"

        await anyio.wait_all_tasks_blocked()
        assert stage.clock.sleepers == {}


async def test_a_second_finish_finds_the_same_draft() -> None:
    async with _on_stage() as stage:
        await stage.preview("One")

        assert await stage.drafts.finish(EVENT.key) == "draft of test:1"
        assert await stage.drafts.finish(EVENT.key) == "draft of test:1"


@pytest.mark.parametrize("before", [True, False])
async def test_a_preview_after_the_end_shows_nothing(before: bool) -> None:
    async with _on_stage() as stage:
        if before:
            await stage.preview("One")
        await stage.drafts.finish(EVENT.key)
        stage.writer.calls.clear()

        await stage.preview("Too late")
        await stage.waiting(0)
        await stage.clock.advance(5)

        assert stage.writer.calls == []


async def test_an_answer_without_a_preview_has_no_draft() -> None:
    async with _on_stage() as stage:
        assert await stage.drafts.finish(EventKey("test:none")) is None


async def test_where_there_was_no_room_the_next_preview_begins() -> None:
    async with _on_stage() as stage:
        stage.writer.room = False
        await stage.preview("One")
        stage.writer.room = True

        await stage.preview("One two")
        await stage.clock.advance(1)

        assert stage.writer.calls == ["begin One", "begin One two"]
        assert await stage.drafts.finish(EVENT.key) == "draft of test:1"


async def test_blank_text_is_not_shown() -> None:
    async with _on_stage() as stage:
        await stage.preview(" \n")

        assert stage.writer.calls == []


async def test_typing_shows_at_once_and_does_not_delay_the_first_preview() -> None:
    async with _on_stage() as stage:
        await stage.waiting(3)
        await stage.waiting(2)
        assert stage.writer.calls == ["typing 3"]

        await stage.preview("One")

        assert stage.writer.calls == ["typing 3", "begin One"]
        await stage.waiting(1)
        await stage.clock.advance(5)
        assert stage.writer.calls == ["typing 3", "begin One"]


async def test_the_newest_place_in_the_line_is_shown_after_a_rest() -> None:
    async with _on_stage() as stage:
        for position in (3, 2, 1):
            await stage.waiting(position)

        await stage.clock.advance(1)

        assert stage.writer.calls == ["typing 3", "typing 1"]


async def test_a_writer_that_breaks_ends_one_draft_only_and_no_text_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with _on_stage() as stage:
        stage.writer.errors = [KeyError("secret")]
        await stage.preview("secret")
        await stage.preview("secret two")
        await stage.clock.advance(5)
        await stage.preview("Another", event=said("2"))

        assert stage.writer.calls == ["begin secret", "begin Another"]
        assert "the preview of test:1 failed" in caplog.text
        assert "KeyError" in caplog.text
        assert "secret" not in caplog.text


async def test_typing_that_breaks_leaves_the_preview_alone() -> None:
    async with _on_stage() as stage:
        stage.writer.errors = [KeyError("typing")]
        await stage.waiting(0)

        await stage.preview("One")

        assert stage.writer.calls == ["typing 0", "begin One"]


async def test_a_run_after_a_run_goes_on_with_the_same_drafts() -> None:
    stage = Stage()
    for text in ("One", "One two"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.drafts.run)
            await stage.clock.advance(5)
            await stage.preview(text)
            tasks.cancel_scope.cancel()

    assert stage.writer.calls == ["begin One", "update One two"]


async def test_a_finished_answer_keeps_neither_its_event_nor_its_text() -> None:
    async with _on_stage() as stage:
        event = said("9")
        texts = Draft("a private matter"), Draft("a private matter, indeed")
        gone = [weakref.ref(text) for text in texts]
        await stage.preview(*texts, event=event)
        held = sys.getrefcount(event)

        await stage.drafts.finish(event.key)
        await anyio.wait_all_tasks_blocked()

        del texts
        assert sys.getrefcount(event) < held
        assert [text() for text in gone] == [None, None]


async def test_answers_that_never_finish_are_dropped_when_there_are_too_many() -> None:
    stage = Stage()
    for number in range(5_000):
        stage.drafts.preview(said(str(number)), "One")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.drafts.run)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert len(stage.writer.calls) == 4_096


def test_a_writer_of_any_kind_of_draft_fits() -> None:
    writer: DraftWriter[Draft] = RecordingWriter()

    assert writer
