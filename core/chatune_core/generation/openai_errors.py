"""What each failure of an OpenAI-compatible server means for the caller."""

import enum
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import openai

from chatune_core.errors import ChatuneError, GenerationFailed, RetryLater
from chatune_core.generation.openai_settings import OpenAISettings

LONGEST_MESSAGE = 300
"""Characters of a server's own words that an error keeps."""


class Verdict(enum.Enum):
    """What the caller can do about a failure."""

    PASSING = "try again later"
    FINAL = "the same request would fail again"
    BY_STATUS = "the HTTP status decides"


VERDICTS: Mapping[type[Exception], Verdict] = MappingProxyType(
    {
        openai.OpenAIError: Verdict.FINAL,
        openai.APIError: Verdict.PASSING,
        openai.APIConnectionError: Verdict.PASSING,
        openai.APITimeoutError: Verdict.PASSING,
        openai.APIResponseValidationError: Verdict.PASSING,
        openai.APIStatusError: Verdict.BY_STATUS,
        openai.BadRequestError: Verdict.FINAL,
        openai.AuthenticationError: Verdict.FINAL,
        openai.OAuthError: Verdict.FINAL,
        openai.PermissionDeniedError: Verdict.FINAL,
        openai.NotFoundError: Verdict.FINAL,
        openai.ConflictError: Verdict.PASSING,
        openai.UnprocessableEntityError: Verdict.FINAL,
        openai.RateLimitError: Verdict.PASSING,
        openai.InternalServerError: Verdict.BY_STATUS,
        # These belong to parts of the library that we do not call; should one come, it stays.
        openai.LengthFinishReasonError: Verdict.FINAL,
        openai.ContentFilterFinishReasonError: Verdict.FINAL,
        openai.WebSocketConnectionClosedError: Verdict.FINAL,
        openai.WebSocketQueueFullError: Verdict.FINAL,
    }
)
"""Every exception class of the library; a test fails when a new version brings one more."""

PASSING_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})

_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum context|too many tokens|(prompt|input) is too long"
    r"|longer than the .*(context|model)|exceeds? the (available )?context|max_new_tokens.? must be <=",
    re.IGNORECASE,
)


def translated(
    error: openai.OpenAIError,
    settings: OpenAISettings,
    model: str,
    after: timedelta,
    now: datetime | None = None,
) -> ChatuneError:
    """Return the error to raise for `error`; `after` is the pause if the server names none.

    The text is one line, holds the server's own words cut to size, and never the API key.
    """
    said = words_of(error, settings)
    if verdict_on(error) is Verdict.PASSING:
        wait = retry_after(error, now or datetime.now(UTC)) or after
        return RetryLater(f"{settings.base_url} cannot answer now: {said}", wait)
    return GenerationFailed(_why_not(error, said, settings, model))


def verdict_on(error: openai.OpenAIError) -> Verdict:
    """Return PASSING or FINAL."""
    verdict = next(VERDICTS[kind] for kind in type(error).__mro__ if kind in VERDICTS)
    if verdict is not Verdict.BY_STATUS or not isinstance(error, openai.APIStatusError):
        return verdict
    return Verdict.PASSING if error.status_code in PASSING_STATUS else Verdict.FINAL


def is_too_long(error: openai.OpenAIError) -> bool:
    """Return whether the server refused the request because it exceeds the context."""
    return isinstance(error, openai.APIStatusError) and bool(_TOO_LONG.search(_raw_words(error)))


def words_of(error: openai.OpenAIError, settings: OpenAISettings) -> str:
    """Return what the server said, on one line, without the API key."""
    said = " ".join(_raw_words(error).split())
    if settings.api_key:
        # Some servers quote the key that they refuse.
        said = said.replace(settings.api_key, "[api key]")
    return said if len(said) <= LONGEST_MESSAGE else said[: LONGEST_MESSAGE - 1] + "…"


def retry_after(error: openai.OpenAIError, now: datetime) -> timedelta | None:
    """Return the pause that the server asks for in `Retry-After`, seconds or a date, if any."""
    if not isinstance(error, openai.APIStatusError):
        return None
    stated: str = error.response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", stated):
        return timedelta(seconds=float(stated))
    try:
        until = parsedate_to_datetime(stated)
    except ValueError:
        return None
    return max(until.replace(tzinfo=until.tzinfo or UTC) - now, timedelta())


def _why_not(error: openai.OpenAIError, said: str, settings: OpenAISettings, model: str) -> str:
    where = settings.base_url
    if is_too_long(error):
        return f"the prompt is too long for {model!r} at {where}: {said}"
    if isinstance(error, openai.AuthenticationError):
        return f"{where} refuses the API key: {said}"
    if isinstance(error, openai.PermissionDeniedError):
        return f"{where} does not allow this key to use {model!r}: {said}"
    if isinstance(error, openai.NotFoundError):
        return f"{where} does not serve {model!r}: {said}"
    return f"{where} refuses the request: {said}"


def _raw_words(error: openai.OpenAIError) -> str:
    body = getattr(error, "body", None)
    for key in ("message", "detail", "error"):
        if isinstance(body, Mapping) and body.get(key):
            return str(body[key])
    status = f"HTTP {error.status_code} " if isinstance(error, openai.APIStatusError) else ""
    if isinstance(body, str) and body.strip():
        return status + body
    cause = error.__cause__
    reason = f" ({str(cause) or type(cause).__name__})" if cause is not None else ""
    return f"{error or type(error).__name__}{reason}"
