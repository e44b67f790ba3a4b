import enum
from typing import Any, Literal

import pytest

from adapters.discord.rig import Place, RecordingIntake, dispatched, place, reply_to, running
from chatune_adapters.testing.discord import Callback, MessageFlag, faults
from chatune_core.commands import Answered, bind, command_from
from chatune_core.errors import RetryLater
from chatune_core.forms import TOO_LONG, Field, Form
from chatune_core.messages import (
    ActionTaken,
    Button,
    CommandInvoked,
    FormSubmitted,
    Inbound,
    MessageKey,
)

pytestmark = pytest.mark.anyio


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


async def plant(
    context: object, kind: Literal["rose", "tulip"], count: int, deep: bool, where: str = "here"
) -> Answered:
    """Take one argument of each sort."""
    return None


async def trim(context: object, size: Size = Size.SMALL, by: float = 0.5) -> Answered:
    return None


async def shorten(context: object, text: str) -> Answered:
    return None


async def pick(context: object, flower: str, colour: str = "") -> Answered:
    return None


def gardening() -> RecordingIntake:
    """Return an intake with commands of every sort and one form."""
    intake = RecordingIntake()
    add = intake.commands.add
    add(command_from("plant", "Plant something.", plant))
    add(command_from("trim", "Trim something.", trim))
    add(command_from("shorten", "Shorten a text.", shorten, on_message="Shorten"))
    add(command_from("secret", "Say a secret.", shorten, private=True))
    flowers = [f"flower {number:02}" for number in range(40)]
    add(command_from("pick", "Pick one.", pick, completers={"flower": lambda: flowers}))
    intake.forms["correct"] = Form(
        "correct", "Correct it", (Field("better", "A better answer", multiline=True),)
    )
    return intake


def invoked(event: Inbound) -> CommandInvoked:
    assert isinstance(event, CommandInvoked)
    return event


async def test_a_slash_command_arrives_as_the_line_that_its_handler_reads() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            await at.server.until(lambda: bool(at.server.commands()))
            values: dict[str, Any] = {
                "kind": "rose",
                "count": 3,
                "deep": True,
                "where": "by the old wall",
            }
            used = await at.server.slash(at.ann, at.channel, "plant", values)
            event = invoked(await intake.next())
            await used.answered()
            await platform.sender.deliver(reply_to(event, "Planted."))

            assert event.key == f"discord:{used.id}"
            assert event.name == "plant"
            command = intake.commands.find("plant")
            assert bind(command, event.arguments) == ["rose", 3, True, "by the old wall"]
            assert used.callback is Callback.DEFERRED_MESSAGE
            assert [message.content for message in used.messages] == ["Planted."]
            assert not used.messages[0].loading


async def test_commands_are_registered_with_types_and_choices_and_only_when_they_changed() -> None:
    async with place() as at:
        async with running(at, gardening()):
            await at.server.until(lambda: bool(at.server.commands()))
            registered = {each["name"]: each for each in at.server.commands()}
        again = gardening()
        async with running(at, again):
            await at.server.until(lambda: _count(at, "GET", "/commands") == 2)
        changed = gardening()
        changed.commands.add(command_from("water", "Water it.", shorten))
        async with running(at, changed):
            await at.server.until(lambda: len(at.server.commands()) == len(registered) + 1)

        kinds = [option["type"] for option in registered["plant"]["options"]]
        assert kinds == [3, 4, 5, 3]
        assert [c["value"] for c in registered["plant"]["options"][0]["choices"]] == [
            "rose",
            "tulip",
        ]
        assert [c["value"] for c in registered["trim"]["options"][0]["choices"]] == [
            "small",
            "large",
        ]
        assert registered["trim"]["options"][1]["type"] == 10
        assert not registered["trim"]["options"][1]["required"]
        assert registered["pick"]["options"][0]["autocomplete"]
        assert registered["Shorten"]["type"] == 3
        assert _count(at, "PUT", "/commands") == 2


def _count(at: Place, method: str, ending: str) -> int:
    done = (each for each in at.server.log if each.status is not None)
    return sum(each.method == method and each.path.endswith(ending) for each in done)


async def test_what_may_be_meant_is_offered_while_a_person_types() -> None:
    async with place() as at, running(at, gardening()):
        await at.server.until(lambda: bool(at.server.commands()))
        typed = await at.server.autocomplete(at.ann, at.channel, "pick", "flower", "er 1")
        await typed.answered()

        assert [each["value"] for each in typed.choices] == [
            f"flower {number}" for number in range(10, 20)
        ]


async def test_the_menu_of_a_message_runs_a_command_on_its_text() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            await at.server.until(lambda: bool(at.server.commands()))
            said = await at.server.say(at.ann, at.channel, "a very long story")
            used = await at.server.context_menu(at.ann, said, "Shorten")
            event = invoked(await intake.next())
            await platform.sender.deliver(reply_to(event, "a story"))

            assert (event.name, event.arguments) == ("shorten", "a very long story")
            assert event.message == f"discord:{said.id}"
            assert [message.content for message in used.messages] == ["a story"]


async def test_a_private_command_is_seen_by_the_person_alone() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            await at.server.until(lambda: bool(at.server.commands()))
            used = await at.server.slash(at.ann, at.channel, "secret", {"text": "x"})
            event = await intake.next()
            await platform.sender.deliver(reply_to(event, "psst " * 600, private=True))

            assert len(used.messages) == 2
            assert all(MessageFlag.EPHEMERAL in message.flags for message in used.messages)


async def test_a_private_answer_to_a_public_command_is_seen_by_the_person_alone() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            await at.server.until(lambda: bool(at.server.commands()))
            used = await at.server.slash(at.ann, at.channel, "shorten", {"text": "x"})
            event = await intake.next()
            await platform.sender.deliver(reply_to(event, "psst", private=True))

            assert [(m.content, m.ephemeral) for m in used.messages] == [("psst", True)]
            assert [m for m in at.shown() if not m.ephemeral] == []


async def test_a_private_answer_to_a_message_comes_as_a_direct_message() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} my data?")
            await platform.sender.deliver(reply_to(await intake.next(), "Yours.", private=True))

            assert at.shown() == []
            dm = at.server.dm_with(at.ann)
            assert [message.content for message in at.shown(dm)] == ["Yours."]


async def test_a_person_who_takes_no_direct_messages_is_told_so_in_the_channel() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            dm = at.server.dm_with(at.ann)
            refusal = faults.Refuse(403, 50007, "Cannot send messages to this user")
            at.server.faults.add(refusal, on=f"POST /channels/{dm.id}/messages")
            await at.server.say(at.ann, at.channel, f"{at.mention} my data?")
            await platform.sender.deliver(reply_to(await intake.next(), "Yours.", private=True))

            [shown] = at.shown()
            assert shown.content.startswith("I cannot send you a direct message")
            assert "Yours" not in shown.content


async def with_button(at: Place, intake: RecordingIntake, platform: Any) -> Any:  # noqa: ANN401
    await at.server.say(at.ann, at.channel, f"{at.mention} hello")
    buttons = (Button("again", "Again", "3"), Button("correct", "Correct it", "7"))
    await platform.sender.deliver(reply_to(await intake.next(), "Hello!", buttons=buttons))
    return at.shown()[0]


async def test_a_button_is_an_action_and_its_answer_refers_to_the_message_above() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            answer = await with_button(at, intake, platform)
            press = await at.server.press(at.ann, answer, "again=3")
            event = (await intake.until(2))[1]
            await press.answered()
            await platform.sender.deliver(reply_to(event, "Hello again!"))

            assert isinstance(event, ActionTaken)
            assert (event.action, event.value) == ("again", "3")
            assert event.message == f"discord:{answer.id}"
            assert press.callback is Callback.DEFERRED_UPDATE
            assert at.shown()[1].content == "Hello again!"
            assert at.shown()[1].reply_to is answer
            assert at.shown()[1].nonce is not None


async def test_a_private_answer_to_a_button_is_seen_by_the_person_alone() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            answer = await with_button(at, intake, platform)
            press = await at.server.press(at.ann, answer, "again=3")
            event = (await intake.until(2))[1]
            await platform.sender.deliver(reply_to(event, "Thanks.", private=True))

            assert [(m.content, m.ephemeral) for m in press.messages] == [("Thanks.", True)]


async def test_a_form_opens_at_once_and_its_fields_arrive() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            answer = await with_button(at, intake, platform)
            press = await at.server.press(at.ann, answer, "correct=7")
            await press.answered()
            assert press.modal is not None
            filled = await at.server.submit_modal(at.ann, press, {"better": "Good day!"})
            event = (await intake.until(2))[1]
            await filled.answered()

            assert press.modal["title"] == "Correct it"
            assert isinstance(event, FormSubmitted)
            assert (event.form, event.value) == ("correct", "7")
            assert event.message == f"discord:{answer.id}"
            assert event.fields == (("better", "Good day!"),)


@pytest.mark.parametrize("text", ["Hello!", "a" * 4_000])
async def test_a_form_begins_with_the_answer_so_that_changing_it_is_enough(text: str) -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            answer = await with_button(at, intake, platform)
            intake.begins[MessageKey(f"discord:{answer.id}")] = text
            press = await at.server.press(at.ann, answer, "correct=7")
            await press.answered()
            await at.server.submit_modal(at.ann, press, {})
            event = (await intake.until(2))[1]

            assert isinstance(event, FormSubmitted)
            assert event.fields == (("better", text),)


async def test_an_answer_that_is_too_long_for_a_form_is_left_out_whole_with_a_word() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            answer = await with_button(at, intake, platform)
            intake.begins[MessageKey(f"discord:{answer.id}")] = "a" * 4_001
            press = await at.server.press(at.ann, answer, "correct=7")
            await press.answered()

            assert press.modal is not None
            [field] = press.modal["components"][0]["components"]
            assert "value" not in field
            assert field["placeholder"] == TOO_LONG


async def test_a_press_that_cannot_be_stored_asks_to_try_again() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            answer = await with_button(at, intake, platform)
            intake.outage = 1
            press = await at.server.press(at.ann, answer, "again=3")
            await press.answered()

            assert press.callback is Callback.MESSAGE
            assert [message.ephemeral for message in press.messages] == [True]


async def test_an_answer_grows_in_the_place_of_a_deferred_one() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            await at.server.until(lambda: bool(at.server.commands()))
            used = await at.server.slash(at.ann, at.channel, "shorten", {"text": "x"})
            event = await intake.next()
            platform.sender.preview(event, "so ")
            await at.server.until(lambda: any(m.content == "so" for m in used.messages))
            await platform.sender.deliver(reply_to(event, "so short"))

            assert [message.content for message in used.messages] == ["so short"]


async def test_a_long_answer_to_a_command_is_shown_once_though_its_fate_is_unknown() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            used = await at.server.slash(at.ann, at.channel, "shorten", {"text": "x"})
            reply = reply_to(await intake.next(), "Hello! " * 500)
            at.server.faults.add(faults.LoseAnswer(), on="POST /webhooks/{id}/{token}")
            with pytest.raises(RetryLater):
                await platform.sender.deliver(reply)
            keys = await platform.sender.deliver(reply)

        assert keys == [f"discord:{message.id}" for message in at.shown()]
        assert used.messages == at.shown()
        assert len(at.shown()) == 2


async def test_a_long_answer_to_a_command_is_shown_once_though_the_process_is_killed() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            await at.server.slash(at.ann, at.channel, "shorten", {"text": "x"})
            reply = reply_to(await intake.next(), "Hello! " * 500)
            before = await platform.sender.deliver(reply)
        async with running(at, gardening()) as platform:
            after = await platform.sender.deliver(reply)

        assert after == before
        assert len(at.shown()) == 2


async def test_an_answer_after_the_token_has_expired_comes_as_a_message() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake) as platform:
            await at.server.until(lambda: bool(at.server.commands()))
            used = await at.server.slash(at.ann, at.channel, "shorten", {"text": "x"})
            await used.answered()
            event = await intake.next()
            gone = faults.Refuse(401, 50027, "Invalid Webhook Token")
            at.server.faults.add(gone, on="PATCH /webhooks/*", times=1)
            await platform.sender.deliver(reply_to(event, "late but here"))

            assert at.shown()[-1].content == "late but here"


async def test_an_interaction_that_cannot_be_read_is_skipped() -> None:
    async with place() as at:
        intake = gardening()
        async with running(at, intake):
            broken: list[dict[str, Any]] = [{}, {"type": 2}, {"type": 99, "data": None}]
            for payload in broken:
                await dispatched(at, "INTERACTION_CREATE", payload)
            await at.server.say(at.ann, at.channel, f"{at.mention} still there?")
            await intake.next()
