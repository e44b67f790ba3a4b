"""Events over HTTP: signatures, retries, and what stops them."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from adapters.slack_server.place import Place, bolt_app, listening
from chatune_adapters.testing.slack import signed

pytestmark = pytest.mark.anyio


class Endpoint:
    """A request URL that answers as told, and keeps what came."""

    def __init__(self) -> None:
        self.answers: list[web.Response | float] = []
        self.requests: list[tuple[dict[str, str], str]] = []

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.text()))
        answer = self.answers.pop(0) if self.answers else web.Response()
        if isinstance(answer, float):
            await anyio.sleep(answer)
            return web.Response()
        return answer


@asynccontextmanager
async def endpoint(place: Place) -> AsyncIterator[Endpoint]:
    there = Endpoint()
    application = web.Application()
    application.add_routes([web.post("/slack/events", there.handle)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    place.server.events_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    place.subscribe("app_mention")
    try:
        yield there
    finally:
        await runner.cleanup()


async def mention(place: Place) -> None:
    await place.server.say(place.ada, place.channel, place.mention("hello"))
    await place.server.settled()


async def test_requests_are_signed_so_that_the_sdk_believes_them(place: Place) -> None:
    async with endpoint(place) as there:
        await mention(place)

    ((headers, body),) = there.requests
    assert SignatureVerifier(place.team.signing_secret).is_valid_request(body, headers)
    assert json.loads(body)["event"]["type"] == "app_mention"
    assert "x-slack-retry-num" not in headers


async def test_a_failure_is_retried_three_times_and_says_why(place: Place) -> None:
    async with endpoint(place) as there:
        there.answers = [web.Response(status=500) for _ in range(4)]
        await mention(place)

    retries = [
        (headers.get("x-slack-retry-num"), headers.get("x-slack-retry-reason"))
        for headers, _ in there.requests
    ]
    assert retries == [(None, None)] + [(str(n), "http_error") for n in (1, 2, 3)]
    assert len({json.loads(body)["event_id"] for _, body in there.requests}) == 1
    assert len(place.server.log.given_up()) == 1


async def test_an_answer_after_three_seconds_is_too_late(place: Place) -> None:
    place.server.timing.ack_within = 5.0
    async with endpoint(place) as there:
        there.answers = [5.0]
        await mention(place)

    assert there.requests[1][0]["x-slack-retry-reason"] == "http_timeout"
    assert place.server.log.given_up() == []


async def test_an_app_that_asks_for_no_retry_gets_none(place: Place) -> None:
    async with endpoint(place) as there:
        there.answers = [web.Response(status=500, headers={"X-Slack-No-Retry": "1"})]
        await mention(place)

    assert len(there.requests) == 1
    assert len(place.server.log.given_up()) == 1


async def test_an_app_that_is_not_there_is_tried_again(place: Place) -> None:
    async with endpoint(place):
        pass
    await mention(place)

    outcomes = [one.outcome for one in place.server.log.deliveries()]
    assert outcomes == ["connection_failed"] * 4


async def test_commands_and_interactions_are_forms(place: Place) -> None:
    async with endpoint(place) as there:
        assert (await place.server.slash(place.ada, place.channel, "/ask", "tea")).acked
        assert (await place.server.shortcut(place.ada, "new")).acked

    (_, command), (headers, shortcut) = there.requests
    assert "command=%2Fask&text=tea" in command
    assert shortcut.startswith("payload=%7B")
    assert headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("secret", "age", "status"),
    [(None, 0, 200), ("wrong", 0, 401), (None, 301, 401), (None, -301, 401)],
    ids=["good", "wrong signature", "stale", "from the future"],
)
async def test_bolt_refuses_what_slack_did_not_sign_now(
    place: Place, secret: str | None, age: int, status: int
) -> None:
    event: dict[str, Any] = {"type": "event_callback", "event": {"type": "app_mention"}}
    body = json.dumps(event | {"team_id": place.team.id})
    app = bolt_app(place)

    @app.event("app_mention")
    async def hear() -> None:
        return None

    async with listening(place, app), aiohttp.ClientSession() as session:
        headers = signed(secret or place.team.signing_secret, body, time.time() - age)
        headers["Content-Type"] = "application/json"
        assert place.server.events_url is not None
        async with session.post(place.server.events_url, data=body, headers=headers) as answer:
            assert answer.status == status
