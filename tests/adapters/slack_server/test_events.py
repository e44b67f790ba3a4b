"""Which events go to the app, and what is in them."""

from typing import Any

import pytest

from adapters.slack_server.place import Place, bolt_app, connected
from chatune_adapters.testing.slack import SlackServer, Upload

pytestmark = pytest.mark.anyio


def events(place: Place) -> list[dict[str, Any]]:
    """Return what was published, delivered or not."""
    return [one.payload["event"] for one in place.server.log.given_up()]


def kinds(place: Place) -> list[tuple[str, str | None]]:
    return [(one["type"], one.get("subtype")) for one in events(place)]


async def published(place: Place) -> list[tuple[str, str | None]]:
    place.server.timing.retries = ()
    await place.server.settled()
    return kinds(place)


async def test_a_mention_in_a_channel_is_two_events_with_one_ts(place: Place) -> None:
    said = await place.server.say(place.ada, place.channel, place.mention("hello"))

    assert await published(place) == [("app_mention", None), ("message", None)]
    assert {one["ts"] for one in events(place)} == {said.ts}
    ids = {one.event_id for one in place.server.log.given_up()}
    assert len(ids) == 2


async def test_a_mention_in_direct_messages_is_one_event(place: Place) -> None:
    dm = place.server.dm_with(place.ada)
    await place.server.say(place.ada, dm, place.mention("hello"))

    assert await published(place) == [("message", None)]
    assert events(place)[0]["channel_type"] == "im"


async def test_edits_and_deletions_say_what_was_before(place: Place) -> None:
    place.server.timing.retries = ()
    said = await place.server.say(place.ada, place.channel, "before")
    await place.server.edit(said, "after")
    await place.server.delete(said)

    assert await published(place) == [
        ("message", None),
        ("message", "message_changed"),
        ("message", "message_deleted"),
    ]
    _, changed, deleted = events(place)
    assert changed["message"]["text"] == "after"
    assert changed["message"]["edited"]["user"] == place.ada.id
    assert changed["previous_message"]["text"] == "before"
    assert (deleted["deleted_ts"], deleted["previous_message"]["text"]) == (said.ts, "after")


async def test_reactions_and_files_are_told(place: Place) -> None:
    said = await place.server.say(
        place.ada, place.channel, "see", files=[Upload("a.txt", b"hello")]
    )
    await place.server.react(place.ada, said, "+1")
    await place.server.unreact(place.ada, said, "+1")

    assert await published(place) == [
        ("message", "file_share"),
        ("file_shared", None),
        ("reaction_added", None),
        ("reaction_removed", None),
    ]
    assert events(place)[2]["item"] == {
        "type": "message",
        "channel": place.channel.id,
        "ts": said.ts,
    }


async def test_the_app_hears_only_what_it_subscribed_to_and_may_see(place: Place) -> None:
    outside = place.server.add_channel(place.team, "outside", with_bot=False)
    place.subscribe("app_mention", "message.im")
    place.team.scopes.discard("im:history")

    await place.server.say(place.ada, place.channel, "not a mention")
    await place.server.say(place.ada, outside, place.mention("not there"))
    await place.server.say(place.ada, place.server.dm_with(place.ada), "no scope")
    assert await published(place) == []


async def test_an_uninstall_says_so_with_a_token_that_is_dead(place: Place) -> None:
    app = bolt_app(place)
    seen: list[str] = []

    @app.event("app_uninstalled")
    async def uninstalled() -> None:
        seen.append("uninstalled")

    @app.event("tokens_revoked")
    async def revoked() -> None:
        seen.append("revoked")

    async with connected(place, app):
        await place.server.uninstall(place.team)
        await place.server.settled()

    assert sorted(seen) == ["revoked", "uninstalled"]


async def test_timestamps_are_unique_and_grow(place: Place) -> None:
    said = [await place.server.say(place.ada, place.channel, "x") for _ in range(100)]

    stamps = [one.ts for one in said]
    assert stamps == sorted(set(stamps))


async def test_each_workspace_is_named_in_its_events(place: Place) -> None:
    other = place.server.add_team("Other")
    bob = place.server.add_user(other, "bob")
    await place.server.open_home(bob)
    await place.server.open_home(place.ada)

    await published(place)
    teams = [one.payload["team_id"] for one in place.server.log.given_up()]
    assert teams == [other.id, place.team.id]


async def test_an_error_in_a_test_leaves_the_server_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with SlackServer.open():
            raise KeyError("mine")
