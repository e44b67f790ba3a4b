"""What moderation needs of Slack: administrators, tokens of people, flags, previews, asides."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack_server.place import Place, error_of
from chatune_adapters.testing.slack import User

pytestmark = pytest.mark.anyio


def acting_as(place: Place, user: User, *scopes: str) -> AsyncWebClient:
    token = place.server.user_token(user, *scopes)
    return AsyncWebClient(token, base_url=place.server.api_base, timeout=5)


async def published(place: Place) -> list[dict[str, Any]]:
    """Return what the app was to be told, though it listens to nothing."""
    place.server.timing.retries = ()
    await place.server.settled()
    return [one.payload["event"] for one in place.server.log.given_up()]


async def test_users_info_says_who_runs_the_workspace(place: Place) -> None:
    meg = place.server.add_user(place.team, "meg", is_admin=True)
    odo = place.server.add_user(place.team, "odo", is_owner=True)

    async def rank(user: User) -> tuple[bool, bool]:
        found = (await place.client.users_info(user=user.id))["user"]
        return found["is_admin"], found["is_owner"]

    assert await rank(place.ada) == (False, False)
    assert await rank(meg) == (True, False)
    assert await rank(odo) == (True, True)


async def test_an_administrators_token_deletes_what_others_wrote_and_the_app_hears_of_it(
    place: Place,
) -> None:
    meg = place.server.add_user(place.team, "meg", is_admin=True)
    said = await place.server.say(place.ada, place.channel, "rude")

    answer = await acting_as(place, meg).chat_delete(channel=place.channel.id, ts=said.ts)

    assert (answer["ts"], said.deleted) == (said.ts, True)
    told = (await published(place))[-1]
    assert (told["subtype"], told["previous_message"]["user"]) == ("message_deleted", place.ada.id)


async def test_the_bot_and_people_of_no_rank_delete_only_their_own(place: Place) -> None:
    bob = place.server.add_user(place.team, "bob")
    said = await place.server.say(place.ada, place.channel, "hello")
    where: Any = {"channel": place.channel.id, "ts": said.ts}

    assert await error_of(place.client.chat_delete(**where)) == "cant_delete_message"
    assert await error_of(acting_as(place, bob).chat_delete(**where)) == "cant_delete_message"
    await acting_as(place, place.ada).chat_delete(**where)
    assert await error_of(acting_as(place, bob).chat_delete(**where)) == "message_not_found"


async def test_an_administrator_who_is_not_in_a_private_channel_does_not_know_it(
    place: Place,
) -> None:
    private = place.server.add_channel(place.team, "private", kind="group")
    said = await place.server.say(place.ada, private, "rude")
    meg = place.server.add_user(place.team, "meg", is_admin=True)
    delete = acting_as(place, meg).chat_delete(channel=private.id, ts=said.ts)

    assert await error_of(delete) == "channel_not_found"


async def test_a_persons_token_says_who_that_is_and_has_its_own_scopes(place: Place) -> None:
    meg = place.server.add_user(place.team, "meg", is_admin=True)
    said = await place.server.say(place.ada, place.channel, "rude")
    client = acting_as(place, meg, "reactions:read")

    answer = await client.auth_test()
    with pytest.raises(SlackApiError) as refused:
        await client.chat_delete(channel=place.channel.id, ts=said.ts)

    assert (answer["user_id"], "bot_id" in answer.data) == (meg.id, False)
    assert answer.headers["x-oauth-scopes"] == "reactions:read"
    assert refused.value.response["needed"] == "chat:write"
    post = client.chat_postMessage(channel=place.channel.id, text="x")
    assert await error_of(post) == "not_allowed_token_type"


async def test_a_token_that_a_person_took_back_is_revoked(place: Place) -> None:
    client = acting_as(place, place.ada)

    place.server.revoke_user_token(str(client.token))

    assert await error_of(client.auth_test()) == "token_revoked"


async def test_a_reaction_of_the_bot_is_told_as_everybodys(place: Place) -> None:
    said = await place.server.say(place.ada, place.channel, "rude")

    await place.client.reactions_add(
        channel=place.channel.id, timestamp=said.ts, name="triangular_flag_on_post"
    )

    told = (await published(place))[-1]
    assert (told["type"], told["user"]) == ("reaction_added", place.team.bot_user_id)
    assert said.reactions == {"triangular_flag_on_post": [place.team.bot_user_id]}


async def test_a_link_preview_comes_late_and_changes_nothing_of_what_was_said(
    place: Place,
) -> None:
    said = await place.server.say(place.ada, place.channel, "see https://a.example/x")

    await place.server.unfurl(said, "https://a.example/x", "A title", "and a text")

    told = (await published(place))[-1]
    now, before = told["message"], told["previous_message"]
    assert (now["text"], "edited" in now) == (before["text"], False)
    assert [one["title"] for one in now["attachments"]] == ["A title"]
    assert "attachments" not in before
    with pytest.raises(LookupError, match="no link"):
        await place.server.unfurl(said, "https://b.example", "Another")


async def test_an_aside_is_seen_by_one_person_alone(place: Place) -> None:
    bob = place.server.add_user(place.team, "bob")
    away = place.server.add_channel(place.team, "away")
    away.members.discard(bob.id)
    for channel in (place.channel, away):
        await place.client.chat_postMessage(channel=channel.id, text="for all")
    await place.client.chat_postEphemeral(channel=place.channel.id, user=bob.id, text="for Bob")

    def seen(user: User) -> list[str]:
        return [one.text for one in place.server.messages(place.channel, seen_by=user)]

    assert seen(bob) == ["for all", "for Bob"]
    assert seen(place.ada) == ["for all"]
    assert place.server.messages(away, seen_by=bob) == []
