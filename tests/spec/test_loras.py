"""Which LoRA answers, and what is recorded of answers that nobody saw."""

import anyio
import pytest

from chatune_core.errors import GenerationFailed
from chatune_core.generation.requests import LoraId
from chatune_core.learning.live import Arm
from chatune_core.messages import ConversationId, UserId
from chatune_core.moderation.answers import REFUSED, WITHHELD
from chatune_core.moderation.verdicts import Category, Finding, Level, Role, Verdict
from chatune_core.ports import Moderation
from fakes.generator import ScriptedGenerator
from fakes.platform import message
from fakes.world import World, make_world

pytestmark = pytest.mark.anyio
TERSE = LoraId("terse")
ELSEWHERE = "test:bare"


class Chosen:
    """Fulfils `LoraChoice`: one LoRA answers everywhere but in one place."""

    def lora_for(self, model: str, conversation: ConversationId) -> LoraId | None:
        assert model == "small"
        return None if conversation == ELSEWHERE else TERSE


class Censor:
    """Acts on secrets; fulfils `Moderation`."""

    async def check(
        self, text: str, role: Role, conversation: ConversationId, user: UserId
    ) -> Verdict:
        level = Level.ACT if "secret" in text else Level.ALLOW
        findings = (Finding(Category.HARASSMENT, 1.0, "words:test"),) if level is Level.ACT else ()
        return Verdict(level, {}, findings, "policy-1", "model-1")


def world_with(model: ScriptedGenerator, moderation: Moderation | None = None) -> World:
    return make_world(model, loras=Chosen(), moderation=moderation)


async def arm(world: World, lora: LoraId | None = TERSE) -> Arm:
    return await world.stores.live_answers.arm("scripted", lora, world.clock.at)


async def test_the_chosen_lora_answers_and_the_record_says_so() -> None:
    world = world_with(ScriptedGenerator())

    await world.say("hello")
    await world.say("hello", ELSEWHERE)

    assert [request.lora for request in world.model.requests] == [TERSE, None]
    assert (await arm(world)).answers == 1
    assert (await arm(world, None)).answers == 1


async def test_an_answer_that_was_stopped_is_recorded_with_its_lora() -> None:
    opened, closed = anyio.Event(), anyio.Event()
    opened.set()
    model = ScriptedGenerator(
        lambda _: ["Once upon", " a time"],
        gate=lambda: closed if world.platform.previews else opened,
    )
    world = world_with(model)

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message("test:e1", "tell me a story"))
        await anyio.wait_all_tasks_blocked()
        await world.runtime.receive(message("test:e2", "/stop"))
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert await arm(world) == Arm(answers=1)


async def test_who_stops_an_answer_before_its_first_word_misses_none() -> None:
    closed = anyio.Event()
    world = world_with(ScriptedGenerator(gate=lambda: closed))

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message("test:e1", "tell me a story"))
        await anyio.wait_all_tasks_blocked()
        await world.runtime.receive(message("test:e2", "/stop"))
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert await arm(world) == Arm()


async def test_again_is_answered_by_the_chosen_lora() -> None:
    world = world_with(ScriptedGenerator())
    await world.say("hello")

    await world.say("/again")

    assert [request.lora for request in world.model.requests] == [TERSE, TERSE]


async def test_a_model_that_fails_is_recorded_with_its_lora_and_says_so_as_ever() -> None:
    world = world_with(ScriptedGenerator(lambda request: ["half ", GenerationFailed("too odd")]))

    assert await world.say("hello") == "too odd"

    assert await arm(world) == Arm(lost=1)
    assert await arm(world, None) == Arm()


async def test_an_answer_that_moderation_withholds_is_recorded_and_a_refused_question_is_not() -> (
    None
):
    world = world_with(ScriptedGenerator(lambda request: ["a secret"]), moderation=Censor())

    assert await world.say("hello") == WITHHELD
    assert await world.say("a secret?") == REFUSED

    assert await arm(world) == Arm(withheld=1)


async def test_a_model_that_says_nothing_is_recorded() -> None:
    world = world_with(ScriptedGenerator(lambda request: []))

    assert "I have no answer to that" in await world.say("hello")

    assert await arm(world) == Arm(lost=1)


async def test_what_a_person_did_wrong_is_no_missed_answer() -> None:
    world = world_with(ScriptedGenerator())

    await world.runtime.handle(message("test:x", "/again", "test:c1"))

    assert await arm(world) == Arm()
