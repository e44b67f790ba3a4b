"""Events, interactions and slash commands as signed HTTP requests to the app's request URL."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp

from chatune_adapters.testing.slack.envelopes import Attempt, Envelope, Outcome
from chatune_adapters.testing.slack.signing import signed
from chatune_adapters.testing.slack.timing import Timing
from chatune_adapters.testing.slack.world import Json, World

_REDIRECTS = 2


@dataclass(slots=True, eq=False)
class HttpEvents:
    """The transport of envelopes to a request URL."""

    world: World
    timing: Timing
    session: aiohttp.ClientSession
    url: Callable[[], str]
    sent: Callable[[Envelope], None]

    async def carry(self, envelope: Envelope, attempt: Attempt) -> Outcome:
        """See Transport.carry."""
        body, content_type = _body(envelope)
        headers = signed(self.world.app.signing_secret, body, self.world.clock())
        headers |= {"Content-Type": content_type, "User-Agent": "Slackbot 1.0"}
        if attempt.number:
            headers["X-Slack-Retry-Num"] = str(attempt.number)
            headers["X-Slack-Retry-Reason"] = attempt.reason or "unknown_error"
        try:
            return await self._post(envelope, body, headers)
        except TimeoutError:
            return Outcome(False, "http_timeout")
        except aiohttp.TooManyRedirects:
            return Outcome(False, "too_many_redirects")
        except aiohttp.ClientConnectionError:
            return Outcome(False, "connection_failed")
        except aiohttp.ClientError:
            return Outcome(False, "unknown_error")

    async def verify(self) -> bool:
        """Ask the app to repeat a challenge, as Slack does when a request URL is entered."""
        challenge = self.world.secret()
        payload = {"type": "url_verification", "token": "unused", "challenge": challenge}
        body = json.dumps(payload)
        headers = signed(self.world.app.signing_secret, body, self.world.clock())
        headers["Content-Type"] = "application/json"
        timeout = aiohttp.ClientTimeout(self.timing.scaled(self.timing.ack_within))
        async with self.session.post(
            self.url(), data=body, headers=headers, timeout=timeout
        ) as answer:
            return answer.status == 200 and challenge in await answer.text()

    async def _post(self, envelope: Envelope, body: str, headers: dict[str, str]) -> Outcome:
        timeout = aiohttp.ClientTimeout(self.timing.scaled(self.timing.ack_within))
        request = self.session.post(
            self.url(),
            data=body.encode(),
            headers=headers,
            timeout=timeout,
            max_redirects=_REDIRECTS,
        )
        self.sent(envelope)
        async with request as answer:
            text = await answer.text()
            if 200 <= answer.status < 300:
                envelope.acked = True
                envelope.reply = _reply(text)
                return Outcome(True)
            return Outcome(False, "http_error", answer.headers.get("X-Slack-No-Retry") != "1")


def _body(envelope: Envelope) -> tuple[str, str]:
    form = "application/x-www-form-urlencoded"
    if envelope.raw is not None:
        return envelope.raw, "application/json"
    match envelope.kind:
        case "events_api":
            return json.dumps(envelope.payload), "application/json"
        case "interactive":
            return urlencode({"payload": json.dumps(envelope.payload)}), form
        case "slash_commands":
            return urlencode(envelope.payload), form


def _reply(text: str) -> Json | None:
    if not text.strip():
        return None
    try:
        body = json.loads(text)
    except ValueError:
        return {"text": text}
    return body if isinstance(body, dict) else {"text": text}
