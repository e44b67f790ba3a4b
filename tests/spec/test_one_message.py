"""The life of one message, as a specification."""

from datetime import timedelta

import anyio
import pytest

from chatune_core.completing import NOTHING_SAID
from chatune_core.dispatch import EMPTY
from chatune_core.errors import DeliveryRefused, GenerationFailed, QueueFull, RetryLater
from chatune_core.generation.requests import ChatMessage, Queued
from chatune_core.messages import ConversationId, EventKey, StopRequested, UserId
from chatune_core.settings import CoreSettings
from chatune_core.worker import APOLOGY
from fakes.generator import ScriptedGenerator
from fakes.platform import AT, message
from fakes.world import World, make_world

pytestmark = pytest.mark.anyio
NOW = timedelta(0)
C1 = ConversationId("test:c1")


def stop(key: str, conversation: ConversationId = C1) -> StopRequested:
    return StopRequested(EventKey(key), conversation, UserId("test:ann"), AT)


async def test_a_message_is_previewed_while_it_grows_then_delivered() -> None:
    world = make_world(ScriptedGenerator(lambda _: ["Hel", "lo"]))

    answer = await world.say("hi")

    assert answer == "Hello"
    assert world.platform.previews == ["Hel", "Hello"]


async def test_the_model_gets_persona_history_and_message() -> None:
    world = make_world(settings=CoreSettings(persona="Be kind."))

    await world.say("first")
    await world.say("second")

    assert world.model.requests[1].messages == (
        ChatMessage("system", "Be kind."),
        ChatMessage("user", "first"),
        ChatMessage("assistant", "first"),
        ChatMessage("user", "second"),
    )


async def test_conversations_do_not_share_history(world: World) -> None:
    await world.say("secret", "test:c1")
    await world.say("hello", "test:c2")

    assert "secret" not in str(world.model.requests[1].messages)


async def test_a_redelivered_event_is_answered_once(world: World) -> None:
    event = message("e1", "hi")

    stored = [await world.runtime.receive(event) for _ in range(3)]
    await world.say("go on")

    assert stored == [True, False, False]
    assert len(world.model.requests) == 2


async def test_messages_of_one_conversation_are_answered_in_order_one_at_a_time() -> None:
    gate = anyio.Event()
    world = make_world(ScriptedGenerator(gate=lambda: gate))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(world.runtime.handle, message(f"e{number}", f"text {number}"))
        await anyio.wait_all_tasks_blocked()
        in_flight = len(world.model.requests)
        gate.set()

    assert in_flight == 1
    assert world.platform.texts == [f"text {number}" for number in range(10)]


async def test_a_slow_answer_does_not_hold_up_other_conversations() -> None:
    gates = {"slow": anyio.Event(), "fast": anyio.Event()}
    gates["fast"].set()
    asked: list[str] = []

    def gate() -> anyio.Event:
        return gates[asked[-1]]

    def script(request: object) -> list[str]:
        asked.append(world.model.requests[-1].messages[-1].content)
        return ["ok"]

    world = make_world(ScriptedGenerator(script, gate=gate))

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message("e1", "slow", "test:c1"))
        await anyio.wait_all_tasks_blocked()
        await world.runtime.receive(message("e2", "fast", "test:c2"))
        await anyio.wait_all_tasks_blocked()
        answered_first = list(world.platform.posts)
        gates["slow"].set()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert answered_first == ["e2"]
    assert list(world.platform.posts) == ["e2", "e1"]


async def test_an_outage_at_delivery_does_not_run_the_model_again(world: World) -> None:
    world.platform.refuse = [RetryLater("down", NOW), RetryLater("still down", NOW)]

    assert await world.say("hi") == "hi"
    assert len(world.model.requests) == 1


async def test_a_reply_that_the_platform_refuses_is_parked_and_the_next_one_goes_out(
    world: World,
) -> None:
    world.platform.refuse = [DeliveryRefused("no such channel")]

    await world.say("first")

    assert await world.say("second") == "second"


async def test_a_crash_in_the_middle_of_a_turn_is_redone_after_the_lease_runs_out(
    world: World,
) -> None:
    await world.runtime.receive(message("e1", "hi"))
    assert len(await world.stores.inbox.lease(1)) == 1  # a worker claims it and dies

    world.clock.advance(timedelta(seconds=61))
    await world.say("next")

    assert world.platform.texts == ["hi", "next"]


async def test_a_worker_that_lost_its_lease_records_nothing() -> None:
    gate = anyio.Event()
    world = make_world(ScriptedGenerator(gate=lambda: gate))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.runtime.handle, message("e1", "hi"))
        await anyio.wait_all_tasks_blocked()
        world.clock.advance(timedelta(seconds=61))
        stolen = await world.stores.inbox.lease(1)
        gate.set()
        await anyio.wait_all_tasks_blocked()
        posts_of_the_loser = dict(world.platform.posts)
        tasks.cancel_scope.cancel()

    assert [lease.attempt for lease in stolen] == [2]
    assert posts_of_the_loser == {}


async def test_a_passing_failure_of_the_model_keeps_the_message() -> None:
    answers: list[list[str | Exception]] = [[RetryLater("overloaded", NOW)], ["there"]]
    world = make_world(ScriptedGenerator(lambda _: answers.pop(0)))

    assert await world.say("hi") == "there"


async def test_a_full_queue_shows_a_place_in_line_and_loses_nothing() -> None:
    answers: list[list[str | Exception]] = [[QueueFull(12, NOW)], ["there"]]
    world = make_world(ScriptedGenerator(lambda _: answers.pop(0)))

    assert await world.say("hi") == "there"
    assert world.platform.positions == [13]


async def test_a_waiting_request_shows_its_position() -> None:
    world = make_world(ScriptedGenerator(lambda _: [Queued(2), Queued(1), "ok"]))

    await world.say("hi")

    assert world.platform.positions == [2, 1]


async def test_what_the_model_cannot_do_is_one_clear_line() -> None:
    world = make_world(ScriptedGenerator(lambda _: [GenerationFailed("There is no LoRA 'x'.")]))

    assert await world.say("hi") == "There is no LoRA 'x'."
    assert await world.stores.history.recent(C1, 10) == []


async def test_a_defect_is_tried_again_then_answered_with_an_apology(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = make_world(ScriptedGenerator(lambda _: [KeyError("the secret words")]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.say, "hi")
        for _ in range(3):
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.02)
            world.clock.advance(timedelta(seconds=30))

    assert world.platform.texts == [APOLOGY]
    assert [reply.failed for reply in world.platform.replies.values()] == [True]
    assert len(world.model.requests) == 3
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


async def test_stop_ends_the_answer_at_once_and_keeps_what_was_said() -> None:
    opened, closed = anyio.Event(), anyio.Event()
    opened.set()
    model = ScriptedGenerator(
        lambda _: ["Once upon", " a time"],
        gate=lambda: closed if world.platform.previews else opened,
    )
    world = make_world(model)

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message("e1", "tell me a story"))
        await anyio.wait_all_tasks_blocked()
        await world.runtime.receive(message("e2", "/stop"))
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert world.platform.posts == {"e1": "Once upon\n\n(Stopped.)", "e2": "Stopped."}
    assert [turn.text for turn in await world.stores.history.recent(C1, 5)][-1] == "Once upon"
    assert world.model.closed == 1


async def test_stop_with_nothing_running_says_so(world: World) -> None:
    await world.happen(stop("e1"))

    assert world.platform.texts == ["There is nothing to stop."]


async def test_stop_does_not_touch_other_conversations() -> None:
    gate = anyio.Event()
    world = make_world(ScriptedGenerator(gate=lambda: gate))

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message("e1", "hi", "test:c1"))
        await anyio.wait_all_tasks_blocked()
        await world.runtime.receive(stop("e2", ConversationId("test:c2")))
        await anyio.wait_all_tasks_blocked()
        gate.set()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert world.platform.posts == {"e2": "There is nothing to stop.", "e1": "hi"}


async def test_ending_the_process_hands_the_turn_to_the_next_one() -> None:
    gate = anyio.Event()
    world = make_world(ScriptedGenerator(gate=lambda: gate))

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message("e1", "hi"))
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert [lease.event.key for lease in await world.stores.inbox.lease(1)] == ["e1"]


async def test_closing_finishes_what_was_begun_and_takes_nothing_new() -> None:
    gate = anyio.Event()
    world = make_world(ScriptedGenerator(gate=lambda: gate))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            await tasks.start(world.runtime.run)
            await world.runtime.receive(message("e1", "first", "test:c1"))
            await anyio.wait_all_tasks_blocked()
            world.runtime.close()
            await world.runtime.receive(message("e2", "second", "test:c2"))
            gate.set()

    assert world.platform.texts == ["first"]


async def test_an_answer_that_ran_into_its_limit_says_so() -> None:
    cut = make_world(ScriptedGenerator(lambda _: ["So"], reason="deadline"))
    long = make_world(ScriptedGenerator(lambda _: ["So"], reason="length"))

    assert await cut.say("hi") == "So\n\n(Cut short: this took too long.)"
    assert await long.say("hi") == "So …"


async def test_a_model_that_says_nothing_is_not_silence() -> None:
    world = make_world(ScriptedGenerator(lambda _: []))

    assert await world.say("hi") == NOTHING_SAID


@pytest.mark.parametrize("text", ["", "   ", "\n", "\x00\x07"])
async def test_an_empty_message_gets_a_hint(world: World, text: str) -> None:
    assert await world.say(text) == EMPTY
    assert world.model.requests == []


async def test_a_message_of_a_megabyte_is_refused_with_the_limit(world: World) -> None:
    answer = await world.say("a" * 1_000_000)

    assert answer == (
        "That message has 1,000,000 characters; I read up to 32,000. "
        "Please send a shorter one or split it."
    )


async def test_a_message_beyond_the_context_is_refused_with_the_limit() -> None:
    world = make_world(ScriptedGenerator(context_tokens=64))

    answer = await world.say("word " * 200)

    assert "I have room for 32" in answer
    assert world.model.requests == []


async def test_control_characters_and_broken_unicode_do_not_reach_the_model(world: World) -> None:
    await world.say("a\x1b[31mb\ud800c\r\nd\x00e\tf")

    assert world.model.requests[0].messages[-1].content == "a[31mb\ufffdc\nde\tf"


async def test_the_whole_provenance_of_an_answer_can_be_exported(world: World) -> None:
    await world.say("hi there")

    records = await world.stores.personal_data.export(UserId("test:ann"))
    (made,) = [record.record for record in records if "completion" in record.record]

    assert (made["model"], made["seed"], made["finish"]) == ("scripted", 7, "stop")
    assert made["completion"] == "hi there "
    assert "hi there" in str(made["prompt"])
