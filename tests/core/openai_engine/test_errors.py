"""Every way in which the client library can fail has a meaning."""

import inspect
from datetime import UTC, datetime, timedelta

import httpx2
import openai
import pytest

from chatune_core.generation.openai_errors import VERDICTS, Verdict, retry_after, verdict_on

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)

# Raised by the webhook helpers alone, and no OpenAIError.
ELSEWHERE = {openai.InvalidWebhookSignatureError}


def status_error(status: int, **headers: str) -> openai.APIStatusError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx2.Request("POST", "http://127.0.0.1/v1/chat/completions")
    response = httpx2.Response(status, headers=named, request=request)
    return openai.APIStatusError("no", response=response, body=None)


def test_every_public_exception_of_the_library_has_a_verdict() -> None:
    public = {
        value
        for name, value in list(vars(openai).items())
        if not name.startswith("_") and inspect.isclass(value) and issubclass(value, Exception)
    }

    assert public - ELSEWHERE == set(VERDICTS)


@pytest.mark.parametrize("status", [400, 402, 404, 413, 422, 451, 501])
def test_a_status_that_stays_is_final(status: int) -> None:
    assert verdict_on(status_error(status)) is Verdict.FINAL


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 529])
def test_a_status_that_passes_is_for_later(status: int) -> None:
    assert verdict_on(status_error(status)) is Verdict.PASSING


@pytest.mark.parametrize(
    ("stated", "after"),
    [
        ("7", timedelta(seconds=7)),
        ("0.5", timedelta(seconds=0.5)),
        ("Sun, 22 Nov 2026 06:01:00 GMT", timedelta(minutes=1)),
        ("Sun, 22 Nov 2026 05:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("9" * 40, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(stated: str, after: timedelta | None) -> None:
    assert retry_after(status_error(429, retry_after=stated), NOW) == after


def test_no_retry_after_is_none() -> None:
    assert retry_after(status_error(429), NOW) is None
