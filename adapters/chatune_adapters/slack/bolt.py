"""slack-bolt, with one middleware that does all the work before anything is acknowledged.

Bolt acknowledges before a listener has run, so an event that a listener fails to store is lost.
The middleware stands right after the check of the signature and answers by itself; Bolt's
authorization, which asks Slack who the bot is, is not needed for that.
"""

from collections.abc import Awaitable, Callable

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from chatune_adapters.slack.installations import Installations, States
from chatune_adapters.slack.manifest import scopes_of
from chatune_adapters.slack.quiet import QuietLogger
from chatune_adapters.slack.receiver import Ack, Json, Receiver
from chatune_adapters.slack.settings import SlackSettings

INSTALL, REDIRECT = "/slack/install", "/slack/oauth_redirect"


class StoreThenAck(AsyncMiddleware):
    """Answers every payload but the checks of the request URL."""

    def __init__(self, receive: Callable[[Json], Awaitable[Ack]]) -> None:
        self._receive = receive

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Callable[[], Awaitable[BoltResponse]],
    ) -> BoltResponse | None:
        """Store what came and answer 200, or 503 so that Slack brings it again."""
        if req.body.get("type") == "url_verification":
            return await next()
        ack = await self._receive(req.body)
        if not ack.stored:
            return BoltResponse(status=503)
        return BoltResponse(status=200, body=dict(ack.body) if ack.body else "")


def bolt_app(settings: SlackSettings, client: AsyncWebClient, receiver: Receiver) -> AsyncApp:
    """Return the app that checks signatures and hands payloads to `receiver`."""
    return AsyncApp(
        name="chatune",
        logger=QuietLogger(),
        client=client,
        signing_secret=settings.signing_secret,
        authorize=_nobody,
        before_authorize=StoreThenAck(receiver.receive),
    )


def oauth_flow(
    settings: SlackSettings, client: AsyncWebClient, installations: Installations, states: States
) -> AsyncOAuthFlow:
    """Return the flow that installs the app into more workspaces."""
    base = settings.public_url.rstrip("/")
    return AsyncOAuthFlow(
        client=client,
        logger=QuietLogger(),
        settings=AsyncOAuthSettings(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            scopes=list(scopes_of(settings)),
            redirect_uri=base + REDIRECT if base else None,
            install_path=INSTALL,
            redirect_uri_path=REDIRECT,
            authorization_url=settings.authorize_url,
            installation_store=installations,
            installation_store_bot_only=True,
            state_store=states,
            logger=QuietLogger(),
        ),
    )


async def _nobody() -> AuthorizeResult:
    """Say that a request is from nobody in particular; none comes so far."""
    return AuthorizeResult(enterprise_id=None, team_id=None)
