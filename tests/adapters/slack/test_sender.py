"""A reply is visible exactly once, whatever the wire does."""

from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from adapters.slack.place import Place, reply_to
from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.testing.slack import (
    AnswerLost,
    ConnectionDropped,
    Message,
    RateLimited,
    Refused,
    ServerError,
    StreamDies,
)
from chatune_core.errors import DeliveryRefused, RetryLater
from chatune_core.fitting import RATING
from chatune_core.forms import TOO_LONG
from chatune_core.messages import (
    ActionTaken,
    Button,
    CommandInvoked,
    File,
    FormSubmitted,
    MessageReceived,
    Reply,
)

pytestmark = pytest.mark.anyio


async def _asked(place: Place, text: str = "hello") -> tuple[Message, MessageReceived]:
    said = await place.mention(text)
    return said, await place.intake.next(MessageReceived)


async def _delivered(platform: SlackPlatform, reply: Reply) -> list[str]:
    """Deliver as the core does: again and again until it is through."""
    while True:
        try:
            return list(await platform.sender.deliver(reply))
        except RetryLater:
            await anyio.lowlevel.checkpoint()


async def _preview(place: Place, said: Message) -> Message:
    while not place.answers(said):
        await anyio.lowlevel.checkpoint()
    return place.answers(said)[0]


async def test_a_mention_is_answered_in_its_thread_in_mrkdwn(place: Place) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        (key,) = await platform.sender.deliver(reply_to(event, "**Hi** [a](https://a.example) <b>"))

    (answer,) = place.answers(said)
    assert answer.text == "*Hi* <https://a.example|a> &lt;b&gt;"
    assert key == f"slack:{place.team.id}:{place.channel.id}:{answer.ts}"


async def test_a_plain_answer_takes_one_call(place: Place) -> None:
    async with place.connected() as platform:
        _, event = await _asked(place)
        before = len(place.server.log.calls())
        await platform.sender.deliver(reply_to(event))

    assert [one.method for one in place.server.log.calls()[before:]] == ["chat.postMessage"]


@pytest.mark.parametrize(
    "fault", [AnswerLost(), AnswerLost(500), ServerError(503), ConnectionDropped(), Refused()]
)
async def test_after_an_unclear_outcome_there_is_still_one_answer(
    place: Place, fault: AnswerLost | ServerError | ConnectionDropped | Refused
) -> None:
    place.server.faults.add(fault, "chat.postMessage")

    async with place.connected() as platform:
        said, event = await _asked(place)
        await _delivered(platform, reply_to(event))

    assert [one.text for one in place.answers(said)] == ["Hello."]


async def test_a_process_that_was_killed_after_the_post_does_not_post_again(place: Place) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        first = await platform.sender.deliver(reply_to(event))

    async with place.connected() as platform:
        second = await platform.sender.deliver(reply_to(event))

    assert len(place.answers(said)) == 1
    assert first == second


async def test_a_killed_process_is_found_in_direct_messages_and_for_commands_too(
    place: Place,
) -> None:
    dm = place.server.dm_with(place.ada)
    async with place.connected() as platform:
        await place.server.say(place.ada, dm, "hello")
        asked = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(asked))
        await place.server.slash(place.ada, place.channel, "/chatune", "roll")
        command = await place.intake.next(CommandInvoked)
        await platform.sender.deliver(reply_to(command, "5"))
        await place.server.shortcut(place.ada, "help")
        shortcut = await place.intake.next(CommandInvoked)
        await platform.sender.deliver(reply_to(shortcut, "Help.", private=True))

    async with place.connected() as platform:
        await platform.sender.deliver(reply_to(asked))
        await platform.sender.deliver(reply_to(command, "5"))
        await platform.sender.deliver(reply_to(shortcut, "Help.", private=True))

    assert [one.text for one in place.server.messages(dm)] == ["hello", "Hello.", "Help."]
    assert [one.text for one in place.server.messages(place.channel)] == ["5"]


async def test_a_stream_ends_as_the_answer_with_its_buttons(place: Place) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        platform.sender.preview(event, "He")
        preview = await _preview(place, said)
        platform.sender.preview(event, "Hello **wor")
        while preview.text != "Hello **wor":
            await anyio.lowlevel.checkpoint()
        await platform.sender.deliver(reply_to(event, "Hello **world**", buttons=RATING))

    (answer,) = place.answers(said)
    assert answer is preview
    assert answer.text == "Hello **world**"
    assert answer.stream == "done"
    assert [one["action_id"] for one in answer.blocks[-1]["elements"]] == [
        "good",
        "bad",
        "again",
        "correct",
    ]


@pytest.mark.parametrize("on", ["chat.appendStream", "chat.stopStream"])
async def test_a_stream_that_dies_is_edited_into_the_answer(place: Place, on: str) -> None:
    place.server.faults.add(StreamDies(), on)

    async with place.connected() as platform:
        said, event = await _asked(place)
        platform.sender.preview(event, "Hel")
        await _preview(place, said)
        platform.sender.preview(event, "Hello wor")
        await _delivered(platform, reply_to(event, "Hello world.", buttons=RATING))

    (answer,) = place.answers(said)
    assert answer.text == "Hello world."
    assert answer.blocks[-1]["type"] == "actions"


async def test_an_answer_that_went_another_way_than_its_stream_replaces_it(place: Place) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        platform.sender.preview(event, "Something bad")
        await _preview(place, said)
        await _delivered(platform, reply_to(event, "I cannot say that."))

    assert [one.text for one in place.answers(said)] == ["I cannot say that."]


@pytest.mark.parametrize("stream", [True, False])
async def test_the_preview_of_a_killed_process_becomes_the_answer(
    place: Place, stream: bool
) -> None:
    async with place.connected(stream=stream) as platform:
        said, event = await _asked(place)
        platform.sender.preview(event, "Hel")
        await _preview(place, said)

    async with place.connected(stream=stream) as platform:
        platform.sender.preview(event, "Hello a")
        await _delivered(platform, reply_to(event, "Hello again."))

    assert [one.text for one in place.answers(said)] == ["Hello again."]


async def test_a_stream_of_a_killed_process_that_dies_as_it_is_ended_becomes_the_answer(
    place: Place,
) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        platform.sender.preview(event, "Hel")
        await _preview(place, said)
    place.server.faults.add(StreamDies(), "chat.stopStream")

    async with place.connected() as platform:
        await _delivered(platform, reply_to(event, "Hello again."))

    assert [one.text for one in place.answers(said)] == ["Hello again."]


async def test_where_streams_are_refused_previews_are_posted_and_edited_with_a_stop_button(
    place: Place,
) -> None:
    place.server.faults.add(Refused("unknown_method"), "chat.startStream", times=None)

    async with place.connected() as platform:
        said, event = await _asked(place)
        platform.sender.preview(event, "Hello **wor")
        preview = await _preview(place, said)
        shown, buttons = preview.text, preview.blocks[-1]["elements"]
        await _delivered(platform, reply_to(event, "Hello **world**"))

    (answer,) = place.answers(said)
    assert (shown, [one["action_id"] for one in buttons]) == ("Hello *wor*", ["stop"])
    assert (answer.text, answer.blocks) == ("Hello *world*", [])


async def test_a_long_answer_comes_in_parts_once_each_with_the_buttons_last(place: Place) -> None:
    text = "\n\n".join(f"{number}. {'word ' * 150}" for number in range(20))
    place.server.faults.add(RateLimited(0), "chat.postMessage", chance=0.5)
    place.server.faults.add(AnswerLost(), "chat.postMessage", times=2, chance=0.5)

    async with place.connected() as platform:
        said, event = await _asked(place)
        keys = await _delivered(platform, reply_to(event, text, buttons=RATING))

    shown = place.answers(said)
    assert [key.rpartition(":")[2] for key in keys] == [one.ts for one in shown]
    assert " ".join(one.text for one in shown).split() == text.split()
    assert all(len(one.text) <= 4_000 for one in shown)
    assert [one.blocks[-1]["type"] for one in shown if one.blocks] == ["actions"]


async def test_a_limit_is_given_back_with_its_time_and_holds_up_no_other_channel(
    place: Place,
) -> None:
    other = place.server.add_channel(place.team, "other")
    place.server.faults.add(
        RateLimited(30),
        "chat.postMessage",
        where=lambda arguments: arguments["channel"] == place.channel.id,
    )

    async with place.connected() as platform:
        _, event = await _asked(place)
        with pytest.raises(RetryLater) as limited:
            await platform.sender.deliver(reply_to(event))
        with pytest.raises(RetryLater):
            await platform.sender.deliver(reply_to(event))
        said = await place.server.say(place.ada, other, f"<@{place.team.bot_user_id}> hello")
        elsewhere = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(elsewhere))

    assert limited.value.after == timedelta(seconds=30)
    assert len(place.answers(said)) == 1
    limited_posts = [one for one in place.server.log.calls("chat.postMessage") if one.status == 429]
    assert len(limited_posts) == 1


async def test_an_error_of_the_server_is_tried_again_later(place: Place) -> None:
    place.server.faults.add(ServerError(502), "chat.postMessage")

    async with place.connected() as platform:
        _, event = await _asked(place)
        with pytest.raises(RetryLater):
            await platform.sender.deliver(reply_to(event))


async def test_a_revoked_token_parks_the_reply_and_the_process_lives(place: Place) -> None:
    async with place.connected() as platform:
        _, event = await _asked(place)
        await place.server.revoke(place.team)
        with pytest.raises(DeliveryRefused, match="token_revoked"):
            await platform.sender.deliver(reply_to(event))

        assert platform.health().connected


async def test_a_channel_that_is_gone_parks_the_reply(place: Place) -> None:
    async with place.connected() as platform:
        _, event = await _asked(place)
        place.channel.archived = True
        with pytest.raises(DeliveryRefused, match="is_archived"):
            await platform.sender.deliver(reply_to(event))


async def test_private_answers_are_for_one_person_in_the_thread(place: Place) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        await platform.sender.deliver(reply_to(event, "Psst.", private=True))

    (whispered,) = [one for one in place.server.messages(place.channel) if one.is_ephemeral]
    assert (whispered.text, whispered.ephemeral_for) == ("Psst.", place.ada.id)
    assert whispered.thread_ts == said.ts
    assert place.answers(said) == []


async def test_a_command_is_answered_where_the_bot_is_no_member(place: Place) -> None:
    away = place.server.add_channel(place.team, "away", kind="group", with_bot=False)

    async with place.connected() as platform:
        await place.server.slash(place.ada, away, "/chatune", "roll")
        event = await place.intake.next(CommandInvoked)
        await platform.sender.deliver(reply_to(event, "5", private=True))
        await place.server.slash(place.ada, away, "/chatune", "roll")
        event = await place.intake.next(CommandInvoked)
        await platform.sender.deliver(reply_to(event, "6"))

    shown = [(one.text, one.is_ephemeral) for one in place.server.messages(away)]
    assert shown == [("5", True), ("6", False)]


async def test_a_preview_of_what_becomes_private_does_not_stay(place: Place) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        platform.sender.preview(event, "Secr")
        await _preview(place, said)
        await _delivered(platform, reply_to(event, "Secret.", private=True))

    assert place.answers(said) == []


async def test_files_are_shared_in_the_thread_once(place: Place) -> None:
    file = File("report.csv", b"a,b\n" * 3_000_000, "text/csv")

    async with place.connected() as platform:
        said, event = await _asked(place)
        await platform.sender.deliver(reply_to(event, "Here.", files=(file,)))

    async with place.connected() as platform:
        await platform.sender.deliver(reply_to(event, "Here.", files=(file,)))

    text, shared = place.answers(said)
    assert text.text == "Here."
    assert [(one.name, one.content) for one in shared.files] == [("report.csv", file.content)]


async def test_a_button_is_pressed_with_its_value_and_answered_in_the_same_conversation(
    place: Place,
) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        buttons = (Button("pick", "Red", "red"), Button("pick", "Blue", "blue"))
        (key,) = await platform.sender.deliver(reply_to(event, "Which?", buttons=buttons))
        (question,) = place.answers(said)
        pressed = await place.server.press(place.ada, question, "pick#1", "blue")
        taken = await place.intake.next(ActionTaken)
        await platform.sender.deliver(reply_to(taken, "Noted.", private=True))

    assert pressed.acked
    assert (taken.action, taken.value, taken.message) == ("pick", "blue", key)
    assert taken.conversation == event.conversation
    assert place.server.messages(place.channel)[-1].is_ephemeral


async def test_a_form_opens_at_once_and_its_submission_arrives(place: Place) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        (key,) = await platform.sender.deliver(reply_to(event, "Hello.", buttons=RATING))
        (answer,) = place.answers(said)
        await place.server.press(place.ada, answer, "correct")
        (view,) = place.server.views
        sent = await place.server.submit_view(place.ada, view, {"text": "Good day."})
        form = await place.intake.next(FormSubmitted)

    assert sent.acked
    assert (form.form, form.fields, form.message) == ("correct", (("text", "Good day."),), key)
    assert form.conversation == event.conversation


@pytest.mark.parametrize("answer", ["Hello.", "a" * 3_000])
async def test_a_form_begins_with_the_answer_so_that_changing_it_is_enough(
    place: Place, answer: str
) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        (key,) = await platform.sender.deliver(reply_to(event, "Hello.", buttons=RATING))
        place.intake.begins[key] = answer
        await place.server.press(place.ada, place.answers(said)[0], "correct")
        (view,) = place.server.views
        await place.server.submit_view(place.ada, view, {})
        form = await place.intake.next(FormSubmitted)

    assert form.fields == (("text", answer),)


async def test_an_answer_that_is_too_long_for_a_form_is_left_out_whole_with_a_word(
    place: Place,
) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        (key,) = await platform.sender.deliver(reply_to(event, "Hello.", buttons=RATING))
        place.intake.begins[key] = "a" * 3_001
        await place.server.press(place.ada, place.answers(said)[0], "correct")
        (view,) = place.server.views

    element = view.body["blocks"][0]["element"]
    assert "initial_value" not in element
    assert element["placeholder"]["text"] == TOO_LONG


async def test_a_form_that_could_not_be_stored_stays_open_and_says_so(place: Place) -> None:
    async with place.connected() as platform:
        said, event = await _asked(place)
        await platform.sender.deliver(reply_to(event, "Hello.", buttons=RATING))
        await place.server.press(place.ada, place.answers(said)[0], "correct")
        (view,) = place.server.views
        place.intake.refuse = [RetryLater("full disk", timedelta(seconds=1))]
        sent = await place.server.submit_view(place.ada, view, {"text": "Good day."})

    assert "try again" in sent.errors["text"]
    assert place.server.views == [view]


async def test_an_assistant_thread_gets_prompts_and_shows_that_it_works(place: Place) -> None:
    async with place.connected() as platform:
        root = await place.server.start_assistant_thread(place.ada)
        await place.server.settled()
        await place.server.say(place.ada, place.server.dm_with(place.ada), "hello", thread=root)
        event = await place.intake.next(MessageReceived)
        platform.sender.waiting(event, 0)
        while not place.server.assistant_status(root):
            await anyio.lowlevel.checkpoint()
        while not place.server.assistant(root).prompts:
            await anyio.lowlevel.checkpoint()
        working = place.server.assistant_status(root)
        await platform.sender.deliver(reply_to(event))

    assert working == "is thinking..."
    assert place.server.assistant_status(root) == ""
    assert [one.text for one in place.answers(root)] == ["Hello."]


async def test_a_table_is_shown_by_a_markdown_block(place: Place) -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"

    async with place.connected() as platform:
        said, event = await _asked(place)
        await platform.sender.deliver(reply_to(event, table))

    (answer,) = place.answers(said)
    assert answer.blocks[0]["type"] == "markdown"
    assert answer.blocks[0]["text"] == table


async def test_nothing_is_sent_while_the_platform_does_not_run(place: Place) -> None:
    async with place.connected() as platform:
        _, event = await _asked(place)

    with pytest.raises(RetryLater):
        await platform.sender.deliver(reply_to(event))


async def test_the_preview_of_a_later_answer_waits_for_the_earlier_one(place: Place) -> None:
    async with place.connected() as platform:
        said, first = await _asked(place)
        await place.mention("and?", thread=said)
        second = await place.intake.next(MessageReceived)
        platform.sender.waiting(first, 0)
        platform.sender.preview(second, "Sec")
        await anyio.sleep(0.05)
        early = place.answers(said)
        await _delivered(platform, reply_to(first, "First."))
        while len(place.answers(said)) < 2:
            await anyio.lowlevel.checkpoint()
        await _delivered(platform, reply_to(second, "Second."))

    assert early == []
    assert [one.text for one in place.answers(said)] == ["First.", "Second."]


async def test_a_stream_of_a_later_answer_is_not_taken_for_an_earlier_one(place: Place) -> None:
    place.server.faults.add(ConnectionDropped(), "chat.postMessage")

    async with place.connected() as platform:
        said, first = await _asked(place)
        await place.mention("and?", thread=said)
        second = await place.intake.next(MessageReceived)
        with pytest.raises(RetryLater):
            await platform.sender.deliver(reply_to(first, "First."))
        platform.sender.preview(second, "Sec")
        await _preview(place, said)
        await _delivered(platform, reply_to(first, "First."))
        await _delivered(platform, reply_to(second, "Second."))

    assert sorted(one.text for one in place.answers(said)) == ["First.", "Second."]
