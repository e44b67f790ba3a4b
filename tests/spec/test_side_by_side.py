"""Two answers side by side: rarely, for people who agreed to training, one message, one choice."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.generation.requests import GenerationRequest, Queued
from chatune_core.messages import (
    ActionTaken,
    ConversationId,
    EventKey,
    MessageDeleted,
    MessageKey,
    ReactionChanged,
    StopRequested,
    UserId,
)
from chatune_core.moderation.verdicts import Category, Finding, Level, Role, Verdict
from chatune_core.privacy import Purpose
from chatune_core.settings import CoreSettings
from chatune_core.side_by_side import share_of
from fakes.generator import Script, ScriptedGenerator
from fakes.platform import AT, message
from fakes.world import World, make_world

pytestmark = pytest.mark.anyio
ROOM, ANN, BEN = ConversationId("test:c1"), UserId("test:ann"), UserId("test:ben")
ALWAYS = CoreSettings(poll=timedelta(seconds=0.01), choice_share=1.0)
USUAL_FIRST = next(f"test:m{n}" for n in range(99) if share_of(f"order:test:m{n}") >= 0.5)
USUAL_SECOND = next(f"test:m{n}" for n in range(99) if share_of(f"order:test:m{n}") < 0.5)


def by_warmth(request: GenerationRequest) -> list[str]:
    """Say which of the two ways of sampling was asked for."""
    return ["varied "] if request.sampling.temperature >= 0.7 else ["usual "]


class Words:
    """Acts on every text with one word in it; fulfils `Moderation`."""

    def __init__(self, word: str) -> None:
        self.word = word

    async def check(
        self, text: str, role: Role, conversation: ConversationId, user: UserId
    ) -> Verdict:
        found = (Finding(Category.HARASSMENT, 1.0, "words:test"),) if self.word in text else ()
        return Verdict(Level.ACT if found else Level.ALLOW, {}, found, "policy-1", "model-1")


async def world_of(script: Script = by_warmth, *, agreed: bool = True, **more: object) -> World:
    settings = {"settings": ALWAYS} | more
    world = make_world(ScriptedGenerator(script), **settings)  # type: ignore[arg-type]
    if agreed:
        await world.stores.consents.record(ANN, Purpose.TRAINING, True, "test")
    return world


async def ask(world: World, key: str = USUAL_FIRST, user: UserId = ANN) -> str:
    await world.happen(replace(message(key, "hello"), user=user))
    return world.platform.posts.get(EventKey(key), "")


async def press(world: World, action: str, user: UserId = ANN) -> str:
    world.said += 1
    key = EventKey(f"test:{world.said}")
    shown = MessageKey(f"shown:{USUAL_FIRST}")
    await world.happen(ActionTaken(key, ROOM, user, AT, shown, action))
    return world.platform.posts.get(key, "")


async def preferences(world: World, user: UserId = ANN) -> list[tuple[object, ...]]:
    records = await world.stores.personal_data.export(user)
    kept = [entry.record for entry in records if entry.store == "preferred_answers"]
    return [(each["chosen"], each["rejected"], each["how"]) for each in kept]


async def stands(world: World) -> list[str]:
    return [turn.text for turn in await world.stores.history.recent(ROOM, 10)]


async def test_one_message_shows_two_answers_and_asks_which_is_better() -> None:
    world = await world_of()

    shown = await ask(world)

    assert shown == "usual\n\n(Second answer:)\n\nvaried"
    [reply] = world.platform.replies.values()
    labels = [button.label for button in reply.buttons]
    assert labels == ["First is better", "Second is better", "Both the same"]
    assert await stands(world) == ["hello", "usual"]


async def test_which_of_the_two_comes_first_tells_nothing() -> None:
    world = await world_of()

    assert (await ask(world, USUAL_SECOND)).startswith("varied")


@pytest.mark.parametrize(
    ("action", "said", "chosen", "text"),
    [
        ("choose-first", "I keep the first.", USUAL_FIRST, "usual"),
        ("choose-second", "I keep the second.", f"{USUAL_FIRST}#2", "varied"),
    ],
)
async def test_the_chosen_answer_is_kept_and_stands_in_the_history(
    action: str, said: str, chosen: str, text: str
) -> None:
    world = await world_of()
    await ask(world)

    assert await press(world, action) == f"Thank you. {said}"

    [(kept, other, how)] = await preferences(world)
    assert (kept, how) == (chosen, "choice")
    assert {kept, other} == {USUAL_FIRST, f"{USUAL_FIRST}#2"}
    assert await stands(world) == ["hello", text]


async def test_saying_that_both_are_the_same_takes_an_earlier_choice_back() -> None:
    world = await world_of()
    await ask(world)
    await press(world, "choose-second")

    assert await press(world, "choose-none") == "Thank you. I go on from the first."

    assert await preferences(world) == []
    assert await stands(world) == ["hello", "usual"]


async def test_somebody_else_may_choose_for_themselves_but_not_for_the_history() -> None:
    world = await world_of()
    await ask(world)

    await press(world, "choose-second", BEN)

    assert await preferences(world, BEN) == [(f"{USUAL_FIRST}#2", USUAL_FIRST, "choice")]
    assert await stands(world) == ["hello", "usual"]


async def test_both_answers_are_kept_with_how_they_were_made() -> None:
    world = await world_of()
    await ask(world)

    records = await world.stores.personal_data.export(ANN)
    made = {r.record["event"]: r.record for r in records if r.store == "generations"}
    second = made[f"{USUAL_FIRST}#2"]
    assert second["question"] == USUAL_FIRST
    assert (second["completion"], made[USUAL_FIRST]["completion"]) == ("varied ", "usual ")
    assert second["sampling"]["temperature"] == 0.7  # type: ignore[index]
    assert made[USUAL_FIRST]["sampling"]["temperature"] == 0.2  # type: ignore[index]
    ids = [request.id for request in world.model.requests]
    assert sorted(ids) == [USUAL_FIRST, f"{USUAL_FIRST}#2"]


async def test_without_a_persons_consent_to_training_there_is_one_answer() -> None:
    world = await world_of(agreed=False)
    await world.stores.consents.record(BEN, Purpose.TRAINING, True, "test")

    assert await ask(world) == "usual"
    assert len(world.model.requests) == 1
    assert [reply.rateable for reply in world.platform.replies.values()] == [True]


async def test_the_share_decides_by_the_message_alone() -> None:
    keys = [f"test:k{number}" for number in range(40)]
    due = {key for key in keys if share_of(f"choice:{key}") < 0.25}
    world = await world_of(settings=replace(ALWAYS, choice_share=0.25))

    shown = {key: await ask(world, key) for key in keys}

    assert {key for key, text in shown.items() if "(Second answer:)" in text} == due
    assert 0 < len(due) < 20


async def test_without_a_share_nobodys_consent_is_looked_up() -> None:
    world = await world_of(settings=replace(ALWAYS, choice_share=0.0))

    assert await ask(world) == "usual"
    assert len(world.model.requests) == 1


async def test_only_the_first_is_seen_while_it_grows() -> None:
    world = await world_of()

    await ask(world)

    assert world.platform.previews == ["usual "]


async def test_the_second_in_the_queue_is_not_announced() -> None:
    def script(request: GenerationRequest) -> Sequence[str | Queued | Exception]:
        return [Queued(3), *by_warmth(request)] if request.id.endswith("#2") else by_warmth(request)

    world = await world_of(script)

    assert "(Second answer:)" in await ask(world)
    assert world.platform.positions == []


@pytest.mark.parametrize(
    "failure", [GenerationFailed("no"), RetryLater("no", timedelta(seconds=1))]
)
async def test_a_second_answer_that_fails_leaves_the_first_alone(failure: Exception) -> None:
    def script(request: GenerationRequest) -> Sequence[str | Queued | Exception]:
        return [failure] if request.id.endswith("#2") else by_warmth(request)

    world = await world_of(script)

    assert await ask(world) == "usual"
    assert [reply.rateable for reply in world.platform.replies.values()] == [True]
    assert world.platform.deliveries == 1


async def test_a_first_answer_that_fails_is_told_as_ever_and_ends_the_second() -> None:
    def script(request: GenerationRequest) -> Sequence[str | Queued | Exception]:
        if request.id.endswith("#2"):
            return by_warmth(request)
        return [GenerationFailed("The prompt is too long.")]

    world = await world_of(script)

    assert await ask(world) == "The prompt is too long."
    assert world.model.closed == len(world.model.requests)


async def test_two_equal_answers_are_one() -> None:
    world = await world_of(lambda request: ["the same"])

    assert await ask(world) == "the same"
    assert [reply.rateable for reply in world.platform.replies.values()] == [True]


async def test_an_open_code_block_of_the_first_does_not_swallow_the_second() -> None:
    def script(request: GenerationRequest) -> list[str]:
        return ["```\ncode"] if request.sampling.temperature < 0.7 else ["varied"]

    world = await world_of(script)

    assert await ask(world) == "```\ncode\n```\n\n(Second answer:)\n\nvaried"


@pytest.mark.parametrize("bad", ["usual", "varied"])
async def test_an_answer_that_moderation_withholds_leaves_the_other_alone(bad: str) -> None:
    world = await world_of(moderation=Words(bad))

    shown = await ask(world)

    assert shown == ({"usual", "varied"} - {bad}).pop()
    entries = await world.stores.audit.entries(5)
    assert [entry.action for entry in entries] == ["answer withheld"]


async def test_a_question_that_is_refused_is_refused_once_and_no_model_hears_it() -> None:
    world = await world_of(moderation=Words("hello"))

    await ask(world)

    entries = await world.stores.audit.entries(5)
    assert [entry.action for entry in entries] == ["question refused"]
    assert world.model.requests == []


async def test_a_stop_ends_both_and_shows_one() -> None:
    begun = anyio.Event()
    model = ScriptedGenerator(lambda request: ["a", "b"], gate=lambda: begun)
    world = make_world(model, settings=ALWAYS)
    await world.stores.consents.record(ANN, Purpose.TRAINING, True, "test")

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message(USUAL_FIRST, "hello"))
        while len(model.requests) < 2:
            await anyio.lowlevel.checkpoint()
        await world.runtime.receive(StopRequested(EventKey("test:s"), ROOM, ANN, AT))
        while USUAL_FIRST not in world.platform.posts:
            await world.platform.posted.wait()
            await anyio.lowlevel.checkpoint()
        world.runtime.close()

    assert world.platform.posts[EventKey(USUAL_FIRST)] == "(Stopped.)"
    assert model.closed == 2


async def test_deleting_the_message_forgets_both_answers() -> None:
    world = await world_of()
    await ask(world)

    await world.happen(MessageDeleted(EventKey("test:d"), ROOM, ANN, AT, MessageKey(USUAL_FIRST)))

    records = await world.stores.personal_data.export(ANN)
    assert [r for r in records if "usual" in str(r.record) or "varied" in str(r.record)] == []
    assert await press(world, "choose-second") == "I do not know the other answer any more."


async def test_a_thumb_and_a_rating_command_ask_first_which_of_the_two_is_meant() -> None:
    world = await world_of()
    await ask(world)
    shown = MessageKey(f"shown:{USUAL_FIRST}")

    await world.happen(ReactionChanged(EventKey("test:r"), ROOM, ANN, AT, shown, "👍", True))

    line = "There are two answers: say first which of them is better."
    assert await world.say("/good") == line
    assert await world.say("/correct no") == line
    records = await world.stores.personal_data.export(ANN)
    assert [r for r in records if r.store in ("ratings", "corrections")] == []


async def test_again_answers_the_question_of_two_once_more_with_one() -> None:
    world = await world_of()
    await ask(world)

    assert await world.say("/again") == "varied"
    assert await stands(world) == ["hello", "varied"]


async def test_where_there_are_no_buttons_a_line_says_what_to_type() -> None:
    world = await world_of(plain=True)

    shown = await ask(world)
    said = await world.say("/press choose-second")

    assert shown.splitlines()[-3:] == [
        "First is better: /press choose-first",
        "Second is better: /press choose-second",
        "Both the same: /press choose-none",
    ]
    assert said == "Thank you. I keep the second."
    assert await stands(world) == ["hello", "varied"]
