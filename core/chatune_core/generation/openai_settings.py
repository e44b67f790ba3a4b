"""Settings of the engine for OpenAI-compatible servers."""

from dataclasses import dataclass, field
from datetime import timedelta

from chatune_core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """Where the server is and how far to trust it.

    `base_url` ends with the API's version (`http://127.0.0.1:8000/v1`). `api_key` is left out of
    `repr`, logs and error texts; None sends a placeholder, never a key found in the environment.
    `context_tokens` None takes what the server reports, else `openai_engine.DEFAULT_CONTEXT_TOKENS`.

    concurrency: requests sent at once; queue_limit: requests that may wait behind them.
    connect_for, first_token_for, between_tokens_for: how long each may take.
    retries: attempts after the first, made only while no text has come. retry_after: the pause
    before the first of them, doubled each time; `longest_pause`: a server that asks for more is
    not waited for, the work is given back instead.
    bytes_per_token: UTF-8 bytes that a token takes at least, see `token_estimate`.
    """

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    context_tokens: int | None = None
    concurrency: int = 16
    queue_limit: int = 64
    connect_for: timedelta = timedelta(seconds=5)
    first_token_for: timedelta = timedelta(seconds=60)
    between_tokens_for: timedelta = timedelta(seconds=30)
    retries: int = 2
    retry_after: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(seconds=10)
    bytes_per_token: float = 1.0

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"base_url must begin with http:// or https://, got {self.base_url!r}.",
                "Write it as in http://127.0.0.1:8000/v1.",
            )
