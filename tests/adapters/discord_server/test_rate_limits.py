"""Rate limits as headers and refusals, and what discord.py makes of them."""

from datetime import timedelta

import aiohttp
import discord
import pytest

from adapters.discord_server.harness import Bot, Place, Wire, running
from chatune_adapters.testing.discord import DiscordServer, Limit, Settings, faults

pytestmark = pytest.mark.anyio
POST = "POST /channels/{channel_id}/messages"
SOON = timedelta(milliseconds=200)


async def test_every_answer_carries_the_state_of_its_bucket() -> None:
    now = 1_800_000_000.25
    async with DiscordServer.open(clock=lambda: now) as server, aiohttp.ClientSession() as http:
        server.limits.set("GET /users/@me", Limit(5, timedelta(seconds=2)))

        headers = (await Wire(server, http).call("GET", "/users/@me")).headers

    assert headers["X-RateLimit-Limit"] == "5"
    assert headers["X-RateLimit-Remaining"] == "4"
    assert headers["X-RateLimit-Reset"] == "1800000002.250"
    assert headers["X-RateLimit-Reset-After"] == "2.000"
    assert headers["X-RateLimit-Bucket"]
    assert not {"X-RateLimit-Scope", "X-RateLimit-Global"} & headers.keys()


async def test_one_request_too_many_is_429_with_the_time_to_wait(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    server.limits.set(POST, Limit(2, timedelta(seconds=5)))
    path = f"/channels/{place.channel.id}/messages"

    answers = [await wire.call("POST", path, {"content": "x"}) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    refused = answers[2]
    assert 0 < refused.body["retry_after"] <= 5
    assert refused.body["global"] is False
    assert refused.headers["X-RateLimit-Scope"] == "user"
    assert refused.headers["Via"]
    assert len(server.messages(place.channel)) == 2


async def test_each_channel_has_a_bucket_of_its_own(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    server.limits.set(POST, Limit(1, timedelta(seconds=5)))
    other = server.add_channel(place.guild, "other")

    statuses = []
    for channel in (place.channel, other, place.channel):
        answer = await wire.call("POST", f"/channels/{channel.id}/messages", {"content": "x"})
        statuses.append(answer.status)

    assert statuses == [200, 200, 429]


async def test_a_bucket_is_full_again_when_its_window_has_passed() -> None:
    now = [1_800_000_000.0]
    async with (
        DiscordServer.open(clock=lambda: now[0]) as server,
        aiohttp.ClientSession() as http,
    ):
        server.limits.set("GET /users/@me", Limit(1, timedelta(seconds=5)))
        statuses = []
        for passed in (0, 4.9, 0.1):
            now[0] += passed
            statuses.append((await Wire(server, http).call("GET", "/users/@me")).status)

    assert statuses == [200, 429, 200]


async def test_the_global_limit_spans_routes_but_not_interactions(
    wire: Wire, server: DiscordServer
) -> None:
    server.limits.set_global(Limit(2, timedelta(seconds=5)))

    answers = [
        await wire.call("GET", path) for path in ("/users/@me", "/gateway/bot", "/users/@me")
    ]
    interaction = await wire.call("POST", "/interactions/1/none/callback", {"type": 4})

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].body["global"] is True
    assert answers[2].headers["X-RateLimit-Scope"] == "global"
    assert answers[2].headers["X-RateLimit-Global"] == "true"
    assert interaction.code == 10062


async def test_discord_py_keeps_to_the_headers_and_is_never_refused(
    server: DiscordServer, place: Place
) -> None:
    server.limits.set(POST, Limit(2, SOON))
    async with running(Bot(), server) as bot:
        channel = bot.get_partial_messageable(place.channel.id)
        for number in range(5):
            await channel.send(str(number))

    assert [m.content for m in server.messages(place.channel)] == list("01234")
    posts = server.requests(POST)
    assert {request.status for request in posts} == {200}
    assert posts[4].at - posts[0].at >= 2 * SOON.total_seconds() * 0.9


async def test_discord_py_waits_out_a_429_that_has_a_via_header(
    server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.LimitRate(0.05), on=POST)
    async with running(Bot(), server) as bot:
        await bot.get_partial_messageable(place.channel.id).send("x")

    posts = [request.status for request in server.requests(POST)]
    assert posts == [429, 200]


async def test_discord_py_raises_a_429_without_a_via_header(
    server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.LimitRate(0.05, via=False), on=POST)
    async with running(Bot(), server) as bot:
        with pytest.raises(discord.HTTPException) as refused:
            await bot.get_partial_messageable(place.channel.id).send("x")

    assert refused.value.status == 429


@pytest.mark.parametrize("scope", ["user", "shared"])
async def test_too_many_bad_requests_are_a_ban_unless_the_limit_was_shared(scope: str) -> None:
    strict = Settings(invalid_requests_per_10_min=3)
    async with DiscordServer.open(strict) as server, aiohttp.ClientSession() as http:
        server.faults.add(faults.LimitRate(1, scope=scope), on="GET /users/@me", times=3)
        answers = [await Wire(server, http).call("GET", "/users/@me") for _ in range(4)]

    banned = answers[3].status == 429 and "Via" not in answers[3].headers
    assert banned == (scope == "user")


async def test_the_ban_ends_after_ten_minutes() -> None:
    now = [1_800_000_000.0]
    strict = Settings(invalid_requests_per_10_min=1)
    async with (
        DiscordServer.open(strict, clock=lambda: now[0]) as server,
        aiohttp.ClientSession() as http,
    ):
        wire = Wire(server, http)
        await wire.call("GET", "/users/@me", token="wrong")
        banned = await wire.call("GET", "/users/@me")
        now[0] += 601
        # The refusals during the ban count too: only quiet ends it.
        after = await wire.call("GET", "/users/@me")

    assert (banned.status, after.status) == (429, 200)
