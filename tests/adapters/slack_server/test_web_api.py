"""The Web API: tokens, scopes, arguments, limits of messages and blocks, rate limits."""

import json
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from adapters.slack_server.place import Place, error_of
from chatune_adapters.testing.slack import Limits, Rate, SlackServer

pytestmark = pytest.mark.anyio


def section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(action_id: str) -> dict[str, object]:
    text = {"type": "plain_text", "text": "press"}
    return {"type": "button", "action_id": action_id, "text": text}


async def test_auth_test_says_who_the_bot_is_and_with_which_scopes(place: Place) -> None:
    answer = await place.client.auth_test()

    assert answer["bot_id"] == place.team.bot_id
    assert answer["user_id"] == place.team.bot_user_id
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


async def test_tokens_are_told_apart(place: Place) -> None:
    base = place.server.api_base
    unknown = AsyncWebClient("xoxb-wrong", base_url=base)
    nobody = AsyncWebClient(base_url=base)
    app = AsyncWebClient(place.team.app_token, base_url=base)

    assert await error_of(unknown.auth_test()) == "invalid_auth"
    assert await error_of(nobody.auth_test()) == "not_authed"
    assert await error_of(app.auth_test()) == "not_allowed_token_type"
    assert (
        await error_of(place.client.apps_connections_open(app_token=place.team.bot_token))
        == "not_allowed_token_type"
    )


async def test_a_revoked_token_and_an_uninstalled_app_are_refused_differently(
    place: Place,
) -> None:
    other = place.server.add_team("Other")
    client = AsyncWebClient(other.bot_token, base_url=place.server.api_base)

    await place.server.revoke(other)
    await place.server.uninstall(place.team)

    assert await error_of(client.auth_test()) == "token_revoked"
    assert await error_of(place.client.auth_test()) == "account_inactive"


# slack_sdk 3.47 logs in with a class that aiohttp 3.14 announces to remove.
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
async def test_an_installation_gives_a_fresh_token(place: Place) -> None:
    await place.server.uninstall(place.team)
    app = place.server.app
    code = place.server.install_code(place.team)
    client = AsyncWebClient(base_url=place.server.api_base)

    answer = await client.oauth_v2_access(
        client_id=app.client_id, client_secret=app.client_secret, code=code
    )

    fresh = AsyncWebClient(answer["access_token"], base_url=place.server.api_base)
    assert (await fresh.auth_test())["team_id"] == place.team.id
    again = client.oauth_v2_access(
        client_id=app.client_id, client_secret=app.client_secret, code=code
    )
    assert await error_of(again) == "invalid_code"


async def test_an_installation_comes_back_to_the_app_with_a_code(place: Place) -> None:
    other = place.server.add_team("Other")
    query = {
        "client_id": place.server.app.client_id,
        "redirect_uri": "http://127.0.0.1/back?from=slack",
        "state": "s",
        "team": other.id,
    }
    url = place.server.authorize_url

    async with aiohttp.ClientSession() as session:
        async with session.get(url, params=query, allow_redirects=False) as answer:
            back = URL(answer.headers["Location"])
        async with session.get(url, params=query | {"client_id": "guess"}) as refused:
            assert refused.status == 400

    assert (answer.status, back.query["from"], back.query["state"]) == (302, "slack", "s")
    assert place.server.site.world.install_codes == {back.query["code"]: other}


async def test_a_missing_scope_is_named(place: Place) -> None:
    place.team.scopes.discard("reactions:write")
    said = await place.server.say(place.ada, place.channel, "hello")

    with pytest.raises(SlackApiError) as refused:
        await place.client.reactions_add(channel=place.channel.id, timestamp=said.ts, name="eyes")

    answer = refused.value.response
    assert (answer["error"], answer["needed"]) == ("missing_scope", "reactions:write")
    assert "chat:write" in answer["provided"]


async def test_arguments_come_as_json_form_or_query(place: Place) -> None:
    url = f"{place.server.api_base}chat.postMessage"
    headers = {"Authorization": f"Bearer {place.team.bot_token}"}
    arguments = {"channel": place.channel.id, "text": "hello", "blocks": json.dumps([section("a")])}

    async with aiohttp.ClientSession(headers=headers) as session:
        for way in ("json", "data", "params"):
            async with session.post(url, **{way: arguments}) as answer:  # type: ignore[arg-type]
                assert (await answer.json())["ok"]
        async with session.post(url, data=b"{", headers={"Content-Type": "application/json"}) as no:
            assert (no.status, (await no.json())["error"]) == (200, "invalid_json")

    assert len(place.server.messages(place.channel)) == 3


async def test_an_unknown_method_is_a_200_that_is_not_ok(place: Place) -> None:
    assert await error_of(place.client.api_call("chat.sing")) == "unknown_method"


async def test_channels_that_cannot_be_written_to_are_refused(place: Place) -> None:
    outside = place.server.add_channel(place.team, "outside", with_bot=False)
    secret = place.server.add_channel(place.team, "secret", kind="group", with_bot=False)
    closed = place.server.add_channel(place.team, "closed")
    closed.archived = True
    post = place.client.chat_postMessage

    assert await error_of(post(channel="C0", text="x")) == "channel_not_found"
    assert await error_of(post(channel=outside.id, text="x")) == "not_in_channel"
    assert await error_of(post(channel=secret.id, text="x")) == "channel_not_found"
    assert await error_of(post(channel=closed.id, text="x")) == "is_archived"
    assert (
        await error_of(
            place.client.api_call("chat.postMessage", json={"channel": place.channel.id})
        )
        == "no_text"
    )


async def test_long_text_is_cut_when_posted_and_refused_when_updated(place: Place) -> None:
    posted = await place.client.chat_postMessage(channel=place.channel.id, text="x" * 40_001)

    (message,) = place.server.messages(place.channel)
    assert len(message.text) == 40_000
    assert posted["response_metadata"]["warnings"] == ["message_truncated"]
    update = place.client.chat_update
    where: dict[str, Any] = {"channel": place.channel.id, "ts": message.ts}
    assert await error_of(update(**where, text="x" * 4_001)) == "msg_too_long"
    assert await error_of(update(**where, markdown_text="x" * 12_001)) == "msg_too_long"
    await update(**where, markdown_text="x" * 12_000)


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ([section("x" * 3_000)] * 4, None),
        ([section("x" * 3_000)] * 5, "msg_blocks_too_long"),
        ([section("x")] * 50, None),
        ([section("x")] * 51, "invalid_blocks"),
        ([section("x" * 3_001)], "invalid_blocks"),
        ([section("")], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 150}}], None),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "invalid_blocks"),
        ([{"type": "markdown", "text": "x" * 12_000}], None),
        ([{"type": "markdown", "text": "x" * 12_001}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button("a"), button("b")]}], None),
        ([{"type": "actions", "elements": [button("a"), button("a")]}], "invalid_blocks"),
        ([{"type": "poem"}], "invalid_blocks"),
        ("nonsense", "invalid_blocks_format"),
    ],
)
async def test_blocks_are_held_to_their_limits(
    place: Place, blocks: list[dict[str, object]], error: str | None
) -> None:
    call = place.client.chat_postMessage(channel=place.channel.id, text="x", blocks=blocks)

    if error is None:
        await call
    else:
        assert await error_of(call) == error


async def test_the_bot_changes_and_deletes_only_what_it_wrote(place: Place) -> None:
    hers = await place.server.say(place.ada, place.channel, "hers")
    mine = await place.client.chat_postMessage(
        channel=place.channel.id,
        text="mine",
        blocks=[section("mine")],
        metadata={"event_type": "answer", "event_payload": {"key": "1"}},
    )
    here = place.channel.id

    assert (
        await error_of(place.client.chat_update(channel=here, ts=hers.ts, text="x"))
        == "cant_update_message"
    )
    assert (
        await error_of(place.client.chat_delete(channel=here, ts=hers.ts)) == "cant_delete_message"
    )
    await place.client.chat_update(channel=here, ts=mine["ts"], text="changed")
    message = place.server.messages(place.channel)[-1]
    assert (message.text, message.blocks, message.earlier) == ("changed", [], ["mine"])
    assert message.metadata is not None
    await place.client.chat_delete(channel=here, ts=mine["ts"])
    assert place.server.messages(place.channel) == [hers]
    assert (
        await error_of(place.client.chat_delete(channel=here, ts=mine["ts"])) == "message_not_found"
    )


async def test_replies_need_a_thread_that_is_there(place: Place) -> None:
    root = await place.server.say(place.ada, place.channel, "root")
    reply = await place.server.say(place.ada, place.channel, "reply", thread=root)
    post = place.client.chat_postMessage

    unknown = post(channel=place.channel.id, text="x", thread_ts="1.000000")
    below = post(channel=place.channel.id, text="x", thread_ts=reply.ts)
    assert await error_of(unknown) == "thread_not_found"
    assert await error_of(below) == "cannot_reply_to_message"


async def test_reactions_are_added_once_and_removed_once(place: Place) -> None:
    said = await place.server.say(place.ada, place.channel, "hello")
    where: dict[str, Any] = {"channel": place.channel.id, "timestamp": said.ts}

    await place.client.reactions_add(name="eyes", **where)
    assert await error_of(place.client.reactions_add(name="eyes", **where)) == "already_reacted"
    got = await place.client.reactions_get(**where)
    assert got["message"]["reactions"][0]["users"] == [place.team.bot_user_id]
    await place.client.reactions_remove(name="eyes", **where)
    assert await error_of(place.client.reactions_remove(name="eyes", **where)) == "no_reaction"


async def test_an_ephemeral_message_is_seen_by_one_user_and_never_listed(place: Place) -> None:
    await place.client.chat_postEphemeral(
        channel=place.channel.id, user=place.ada.id, text="just you"
    )

    (message,) = place.server.messages(place.channel)
    assert message.ephemeral_for == place.ada.id
    history = await place.client.conversations_history(channel=place.channel.id)
    assert history["messages"] == []


async def test_a_user_id_is_the_direct_messages_with_the_user(place: Place) -> None:
    opened = await place.client.conversations_open(users=place.ada.id)
    posted = await place.client.chat_postMessage(channel=place.ada.id, text="hello")

    assert posted["channel"] == opened["channel"]["id"] == place.server.dm_with(place.ada).id


async def test_users_teams_channels_and_permalinks_are_told(place: Place) -> None:
    said = await place.server.say(place.ada, place.channel, "hello")
    client = place.client

    assert (await client.team_info())["team"]["name"] == "Acme"
    assert (await client.users_info(user=place.ada.id))["user"]["name"] == "ada"
    assert await error_of(client.users_info(user="U0")) == "user_not_found"
    info = await client.conversations_info(channel=place.channel.id)
    assert info["channel"]["is_member"]
    link = await client.chat_getPermalink(channel=place.channel.id, message_ts=said.ts)
    assert link["permalink"].endswith(f"/p{said.ts.replace('.', '')}")


async def test_two_workspaces_do_not_see_each_other(place: Place) -> None:
    other = place.server.add_team("Other")
    client = AsyncWebClient(other.bot_token, base_url=place.server.api_base)

    post = client.chat_postMessage(channel=place.channel.id, text="x")
    assert await error_of(post) == "channel_not_found"
    assert await error_of(client.users_info(user=place.ada.id)) == "user_not_found"


async def test_posts_are_limited_per_channel_and_other_channels_go_on(place: Place) -> None:
    place.server.limits.posts_per_channel = Rate(1, 1.0)
    other = place.server.add_channel(place.team, "other")
    post = place.client.chat_postMessage

    await post(channel=place.channel.id, text="one")
    with pytest.raises(SlackApiError) as refused:
        await post(channel=place.channel.id, text="two")
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "1"
    assert refused.value.response["error"] == "ratelimited"
    await post(channel=other.id, text="two")
    place.clock.ahead += 1.0
    await post(channel=place.channel.id, text="three")


async def test_the_limits_of_slack_let_one_message_a_second_into_a_channel() -> None:
    async with SlackServer.open(limits=Limits.like_slack()) as server:
        team = server.add_team("Acme")
        channel = server.add_channel(team, "general")
        client = AsyncWebClient(team.bot_token, base_url=server.api_base)

        await client.chat_postMessage(channel=channel.id, text="one")
        second = client.chat_postMessage(channel=channel.id, text="two")
        assert await error_of(second) == "ratelimited"


async def test_methods_are_limited_per_workspace(place: Place) -> None:
    place.server.limits.methods = {"users.info": Rate(2, 60.0)}
    other = place.server.add_team("Other")
    bob = place.server.add_user(other, "bob")
    client = AsyncWebClient(other.bot_token, base_url=place.server.api_base)

    for _ in range(2):
        await place.client.users_info(user=place.ada.id)
    assert await error_of(place.client.users_info(user=place.ada.id)) == "ratelimited"
    await client.users_info(user=bob.id)
    await place.client.auth_test()


async def test_a_token_that_rotates_expires_and_is_renewed_once_with_its_refresh_token(
    place: Place,
) -> None:
    app = place.server.app
    app.rotates_tokens = True
    login = {"client_id": app.client_id, "client_secret": app.client_secret}
    client = AsyncWebClient(base_url=place.server.api_base)

    first = await client.oauth_v2_access(code=place.server.install_code(place.team), **login)
    place.clock.ahead = 43_201
    old = AsyncWebClient(first["access_token"], base_url=place.server.api_base)
    expired = await error_of(old.auth_test())
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **login}
    second = await client.oauth_v2_access(**refresh)
    fresh = AsyncWebClient(second["access_token"], base_url=place.server.api_base)

    assert (first["expires_in"], expired) == (43_200, "token_expired")
    assert (await fresh.auth_test())["team_id"] == place.team.id
    assert await error_of(client.oauth_v2_access(**refresh)) == "invalid_refresh_token"
    wrong = client.oauth_v2_access(**refresh | {"client_secret": "guess"})
    assert await error_of(wrong) == "bad_client_secret"


async def test_a_token_of_an_organisation_is_good_in_its_workspaces_and_no_other(
    place: Place,
) -> None:
    grid = place.server.add_organisation("Grid")
    teams = [place.server.add_team(name, grid) for name in ("North", "South")]
    people = [place.server.add_user(team, "ann") for team in teams]
    channels = [place.server.add_channel(team, "general") for team in teams]
    app = place.server.app
    answer = await AsyncWebClient(base_url=place.server.api_base).oauth_v2_access(
        client_id=app.client_id,
        client_secret=app.client_secret,
        code=place.server.install_code(grid),
    )
    client = AsyncWebClient(answer["access_token"], base_url=place.server.api_base)

    for ann, channel in zip(people, channels, strict=True):
        await client.chat_postMessage(channel=channel.id, text="hello")
        assert (await client.users_info(user=ann.id))["user"]["team_id"] == channel.team.id
        assert [one.user for one in place.server.messages(channel)] == [grid.bot.id]
    who = await client.auth_test()

    assert (answer["team"], answer["enterprise"]["id"]) == (None, grid.id)
    assert (who["team_id"], who["is_enterprise_install"]) == (grid.id, True)
    elsewhere = client.chat_postMessage(channel=place.channel.id, text="hello")
    assert await error_of(elsewhere) == "channel_not_found"
