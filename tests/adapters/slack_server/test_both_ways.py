"""An unmodified Bolt app talks with the server, over Socket Mode and over HTTP."""

import pytest
from slack_bolt.context.say.async_say import AsyncSay

from adapters.slack_server.place import Place, bolt_app, connected, listening

pytestmark = pytest.mark.anyio


async def test_a_mention_is_answered_over_socket_mode(place: Place) -> None:
    app = bolt_app(place)

    @app.event("app_mention")
    async def answer(event: dict[str, str], say: AsyncSay) -> None:
        await say(f"you said {event['text']}", thread_ts=event["ts"])

    async with connected(place, app):
        asked = await place.server.say(place.ada, place.channel, place.mention("hello"))
        await place.server.settled()

        (reply,) = place.server.replies(asked)
        assert reply.text == f"you said {place.mention('hello')}"


async def test_a_mention_is_answered_over_http(place: Place) -> None:
    app = bolt_app(place)

    @app.event("app_mention")
    async def answer(event: dict[str, str], say: AsyncSay) -> None:
        await say("hello over HTTP", thread_ts=event["ts"])

    async with listening(place, app):
        assert await place.server.verify_url()
        asked = await place.server.say(place.ada, place.channel, place.mention("hello"))
        await place.server.settled()

        assert [one.text for one in place.server.replies(asked)] == ["hello over HTTP"]
