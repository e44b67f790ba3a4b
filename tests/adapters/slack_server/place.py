"""A server with one workspace, and real slack_bolt apps that connect to it."""

import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from chatune_adapters.testing.slack import Channel, SlackServer, Team, Timing, User


class Clock:
    """Real time, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(slots=True)
class Place:
    """One workspace with a channel and a person, and a client with the bot's token."""

    server: SlackServer
    team: Team
    channel: Channel
    ada: User
    client: AsyncWebClient
    clock: Clock
    heard: list[dict[str, object]] = field(default_factory=list)

    def mention(self, text: str) -> str:
        return f"<@{self.team.bot_user_id}> {text}"

    def subscribe(self, *events: str) -> None:
        """Let the app hear of these events only."""
        self.server.app.subscriptions = set(events)


async def error_of(call: Awaitable[object]) -> str:
    """Return the error code that a call is refused with."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


@asynccontextmanager
async def opened_place() -> AsyncIterator[Place]:
    clock = Clock()
    timing = Timing(scale=0.02, ack_within=50.0, retries=(0.0, 5.0, 10.0))
    async with SlackServer.open(clock=clock, timing=timing) as server:
        team = server.add_team("Acme")
        ada = server.add_user(team, "ada")
        channel = server.add_channel(team, "general")
        client = AsyncWebClient(team.bot_token, base_url=server.api_base, timeout=5)
        yield Place(server, team, channel, ada, client, clock)


def bolt_app(place: Place) -> AsyncApp:
    """Return a Bolt app that writes every body it gets into `place.heard`."""
    app = AsyncApp(
        token=place.team.bot_token,
        signing_secret=place.team.signing_secret,
        client=place.client,
        process_before_response=True,
    )

    @app.middleware
    async def hear(body: dict[str, object], next_: object) -> None:
        place.heard.append(body)
        await next_()  # type: ignore[operator]

    return app


@asynccontextmanager
async def connected(place: Place, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    """Run the app over Socket Mode."""
    handler = AsyncSocketModeHandler(app, place.team.app_token, ping_interval=1)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await place.server.sockets.wait_for(1)
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def listening(place: Place, app: AsyncApp) -> AsyncIterator[None]:
    """Run the app behind a request URL."""
    runner = web.AppRunner(app.server(port=0).web_app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    place.server.events_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    try:
        yield
    finally:
        place.server.events_url = None
        await runner.cleanup()
