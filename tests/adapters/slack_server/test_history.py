"""Reading conversations: what is listed, in which order, page by page."""

import pytest

from adapters.slack_server.place import Place, error_of

pytestmark = pytest.mark.anyio


def texts(answer: object) -> list[str]:
    return [one["text"] for one in answer["messages"]]  # type: ignore[index]


async def test_history_is_newest_first_without_replies(place: Place) -> None:
    first = await place.server.say(place.ada, place.channel, "one")
    await place.server.say(place.ada, place.channel, "below one", thread=first)
    await place.server.say(place.ada, place.channel, "two")

    answer = await place.client.conversations_history(channel=place.channel.id)

    assert texts(answer) == ["two", "one"]
    assert answer["messages"][1]["reply_count"] == 1
    assert not answer["has_more"]


async def test_replies_are_oldest_first_and_begin_with_their_root(place: Place) -> None:
    root = await place.server.say(place.ada, place.channel, "root")
    for text in ("one", "two"):
        reply = await place.server.say(place.ada, place.channel, text, thread=root)
    replies = place.client.conversations_replies

    assert texts(await replies(channel=place.channel.id, ts=root.ts)) == ["root", "one", "two"]
    assert texts(await replies(channel=place.channel.id, ts=reply.ts)) == ["root", "one", "two"]
    assert await error_of(replies(channel=place.channel.id, ts="1.000000")) == "thread_not_found"


async def test_pages_follow_the_cursor(place: Place) -> None:
    for number in range(7):
        await place.server.say(place.ada, place.channel, str(number))

    seen = []
    async for page in await place.client.conversations_history(channel=place.channel.id, limit=3):
        seen.append(texts(page))

    assert seen == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    wrong = place.client.conversations_history(channel=place.channel.id, cursor="nonsense")
    assert await error_of(wrong) == "invalid_cursor"


@pytest.mark.parametrize(
    ("inclusive", "found"), [(False, ["2"]), (True, ["3", "2", "1"])], ids=["open", "closed"]
)
async def test_oldest_and_latest_are_left_out_unless_inclusive(
    place: Place, inclusive: bool, found: list[str]
) -> None:
    said = [await place.server.say(place.ada, place.channel, str(n)) for n in range(5)]

    answer = await place.client.conversations_history(
        channel=place.channel.id, oldest=said[1].ts, latest=said[3].ts, inclusive=inclusive
    )

    assert texts(answer) == found


async def test_metadata_is_listed_when_asked_for(place: Place) -> None:
    metadata = {"event_type": "answer", "event_payload": {"key": "1"}}
    await place.client.chat_postMessage(channel=place.channel.id, text="x", metadata=metadata)
    history = place.client.conversations_history

    assert "metadata" not in (await history(channel=place.channel.id))["messages"][0]
    full = await history(channel=place.channel.id, include_all_metadata=True)
    assert full["messages"][0]["metadata"] == metadata


async def test_reading_needs_membership_and_the_scope_of_the_kind(place: Place) -> None:
    outside = place.server.add_channel(place.team, "outside", with_bot=False)
    history = place.client.conversations_history
    assert await error_of(history(channel=outside.id)) == "not_in_channel"

    place.team.scopes.discard("im:history")
    dm = place.server.dm_with(place.ada)
    assert await error_of(history(channel=dm.id)) == "missing_scope"


async def test_text_without_blocks_is_listed_with_the_block_slack_makes_of_it(
    place: Place,
) -> None:
    await place.server.say(place.ada, place.channel, place.mention("hello"))

    answer = await place.client.conversations_history(channel=place.channel.id)

    elements = answer["messages"][0]["blocks"][0]["elements"][0]["elements"]
    assert elements == [
        {"type": "user", "user_id": place.team.bot_user_id},
        {"type": "text", "text": " hello"},
    ]
