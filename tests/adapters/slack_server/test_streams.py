"""Streamed messages: start, append, stop, and how they die."""

from typing import Any

import pytest

from adapters.slack_server.place import Place, error_of
from chatune_adapters.testing.slack import Message, Refused, StreamDies

pytestmark = pytest.mark.anyio


async def started(place: Place, text: str = "one") -> tuple[Message, dict[str, Any]]:
    asked = await place.server.say(place.ada, place.channel, "question")
    answer = await place.client.chat_startStream(
        channel=place.channel.id,
        thread_ts=asked.ts,
        markdown_text=text,
        recipient_team_id=place.team.id,
        recipient_user_id=place.ada.id,
    )
    return place.server.replies(asked)[0], {"channel": place.channel.id, "ts": answer["ts"]}


async def test_text_grows_while_the_stream_is_open(place: Place) -> None:
    message, where = await started(place)

    await place.client.chat_appendStream(markdown_text=" two", **where)
    chunk = {"type": "markdown_text", "text": " three"}
    await place.client.chat_appendStream(chunks=[chunk], **where)
    await place.client.chat_stopStream(**where)

    assert (message.text, message.stream) == ("one two three", "done")
    assert message.earlier == ["one", "one two"]


async def test_a_stopped_stream_takes_no_more(place: Place) -> None:
    _, where = await started(place)
    await place.client.chat_stopStream(**where)

    more = place.client.chat_appendStream(markdown_text="x", **where)
    assert await error_of(more) == "message_not_in_streaming_state"
    again = place.client.chat_stopStream(**where)
    assert await error_of(again) == "message_not_in_streaming_state"


async def test_a_stream_ends_five_minutes_after_its_start_and_can_then_be_edited(
    place: Place,
) -> None:
    message, where = await started(place)
    edit = place.client.chat_update

    assert await error_of(edit(text="x", **where)) == "streaming_state_conflict"
    place.clock.ahead += 301
    more = place.client.chat_appendStream(markdown_text="x", **where)
    assert await error_of(more) == "message_not_in_streaming_state"
    assert message.stream == "expired"
    await edit(text="whole", **where)
    assert message.text == "whole"


async def test_a_stream_dies_on_demand(place: Place) -> None:
    _, where = await started(place)
    place.server.faults.add(StreamDies(), "chat.appendStream")

    more = place.client.chat_appendStream(markdown_text="x", **where)
    assert await error_of(more) == "message_not_in_streaming_state"


@pytest.mark.parametrize("error", ["unknown_method", "not_allowed_token_type"])
async def test_streaming_is_refused_on_demand(place: Place, error: str) -> None:
    asked = await place.server.say(place.ada, place.channel, "question")
    place.server.faults.add(Refused(error), "chat.startStream", times=None)

    call = place.client.chat_startStream(channel=place.channel.id, thread_ts=asked.ts)
    assert await error_of(call) == error
    assert place.server.replies(asked) == []


async def test_outside_direct_messages_the_recipient_is_named(place: Place) -> None:
    asked = await place.server.say(place.ada, place.channel, "question")
    dm = place.server.dm_with(place.ada)
    private = await place.server.say(place.ada, dm, "question")
    start = place.client.chat_startStream

    call = start(channel=place.channel.id, thread_ts=asked.ts)
    assert await error_of(call) == "missing_recipient_team_id"
    call = start(channel=place.channel.id, thread_ts=asked.ts, recipient_team_id=place.team.id)
    assert await error_of(call) == "missing_recipient_user_id"
    await start(channel=dm.id, thread_ts=private.ts)


async def test_markdown_of_one_call_has_12000_characters_at_most(place: Place) -> None:
    _, where = await started(place, "x" * 12_000)

    more = place.client.chat_appendStream(markdown_text="x" * 12_001, **where)
    assert await error_of(more) == "msg_too_long"
