"""What a failed call of the Web API means for the caller."""

from datetime import timedelta
from typing import Any

from slack_sdk.errors import SlackApiError

from chatune_adapters.slack.settings import APPS_PAGE
from chatune_core.errors import ChatuneError, ConfigurationError, DeliveryRefused, RetryLater

DEAD_TOKEN = frozenset(
    ("account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked")
)
_PASSING = frozenset(("ratelimited", "service_unavailable", "team_added_to_org", "accesslimited"))
_UNCLEAR = frozenset(("fatal_error", "internal_error", "request_timeout"))
_SOON = timedelta(seconds=2)


class Unclear(RetryLater):
    """It may have happened or not: look before doing it again."""


class Limited(RetryLater):
    """Slack said when to come again; nothing has happened."""


class ApiRefused(ChatuneError):
    """Slack understood the call and said no; nothing has happened. `code` is Slack's own word."""

    def __init__(self, method: str, code: str, needed: str = "") -> None:
        lacking = f" (the scope {needed} is missing)" if needed else ""
        super().__init__(f"Slack refused {method}: {code}{lacking}")
        self.method, self.code, self.needed = method, code, needed


def unreachable(method: str, error: BaseException) -> Unclear:
    """Return the error for a connection that broke or took too long. Names no address."""
    return Unclear(f"{method} got no answer ({type(error).__name__})", _SOON)


def translated(method: str, error: SlackApiError) -> ChatuneError:
    """Return what an answer other than ok means."""
    response: Any = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 200))
    if status == 429:
        return Limited(f"{method} is limited", _retry_after(response))
    data = getattr(response, "data", response)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    if code in _PASSING:
        return Limited(f"{method} answered {code}", _retry_after(response))
    if status >= 500 or code in _UNCLEAR or not code:
        return Unclear(f"{method} answered {code or status}", _SOON)
    needed = str(data.get("needed", "")) if code == "missing_scope" else ""
    return ApiRefused(method, code, needed)


def refused(error: ApiRefused) -> DeliveryRefused:
    """Return the refusal as the core knows it."""
    if error.code in DEAD_TOKEN:
        return DeliveryRefused(f"{error}; the app must be installed again")
    return DeliveryRefused(str(error))


def not_startable(error: ApiRefused) -> ConfigurationError:
    """Return what a person must do so that the first call goes through."""
    if error.code == "missing_scope":
        return ConfigurationError(
            f"The Slack app lacks the scope {error.needed!r}.",
            f"Open {APPS_PAGE}, choose the app, OAuth & Permissions, Scopes, add it and press "
            "Reinstall to Workspace.",
        )
    if error.method == "apps.connections.open":
        return ConfigurationError(
            f"Slack refused the app-level token or Socket Mode ({error.code}).",
            f"Open {APPS_PAGE}, choose the app: Socket Mode must be on, and Basic Information, "
            "App-Level Tokens must have a token with connections:write; set slack.app_token to it.",
        )
    return ConfigurationError(
        f"Slack refused the bot token ({error.code}).",
        f"Open {APPS_PAGE}, choose the app, Install App, install it and set slack.bot_token to the "
        "Bot User OAuth Token (xoxb-...).",
    )


def _retry_after(response: object) -> timedelta:
    headers = getattr(response, "headers", None) or {}
    given = headers.get("Retry-After") or headers.get("retry-after") or "1"
    try:
        return timedelta(seconds=max(float(given), 0.1))
    except ValueError:
        return timedelta(seconds=1)
