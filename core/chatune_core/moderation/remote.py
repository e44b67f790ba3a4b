"""Moderation by a service: OpenAI's `POST /v1/moderations`, or any server that speaks it."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import anyio
from openai import APIStatusError, AsyncOpenAI, OpenAIError

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.generation.openai_errors import translated
from chatune_core.generation.openai_server import open_client
from chatune_core.generation.openai_settings import OpenAISettings
from chatune_core.moderation.labels import Labels, by_category
from chatune_core.moderation.verdicts import Category, Role

TEXTS_AT_ONCE = 32
"""Texts of one request."""


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Where the service is and how far to trust it.

    `labels` say what its categories mean, beside the usual ones. `answer_for` is how long one
    request may take; after a passing failure it is sent again up to `retries` times.
    """

    base_url: str
    model: str = "omni-moderation-latest"
    api_key: str | None = field(default=None, repr=False)
    labels: Labels = field(default_factory=dict)
    answer_for: timedelta = timedelta(seconds=3)
    retries: int = 2
    retry_after: timedelta = timedelta(milliseconds=300)

    @property
    def server(self) -> OpenAISettings:
        """Return the same for what all servers of this protocol share."""
        return OpenAISettings(
            self.base_url,
            self.model,
            self.api_key,
            connect_for=self.answer_for,
            retry_after=self.retry_after,
        )


@asynccontextmanager
async def open_remote_classifier(settings: RemoteSettings) -> AsyncIterator["RemoteClassifier"]:
    """Yield a classifier; its connections close with the block. A server that is down is no error."""
    async with open_client(settings.server) as client:
        yield RemoteClassifier(client, settings)


class RemoteClassifier:
    """Fulfils `Classifier`; every text goes to the service."""

    def __init__(self, client: AsyncOpenAI, settings: RemoteSettings) -> None:
        self._client, self._settings = client, settings

    @property
    def name(self) -> str:
        """See Classifier.name."""
        return f"{self._settings.model} at {self._settings.base_url}"

    async def prepare(self) -> None:
        """See Classifier.prepare; there is nothing to load."""

    async def scores(self, texts: Sequence[str], role: Role) -> Sequence[Mapping[Category, float]]:
        """See Classifier.scores; the service is not told the role."""
        found: list[Mapping[Category, float]] = []
        for at in range(0, len(texts), TEXTS_AT_ONCE):
            found += await self._patiently(texts[at : at + TEXTS_AT_ONCE])
        return found

    async def _patiently(self, texts: Sequence[str]) -> Sequence[Mapping[Category, float]]:
        for attempt in range(self._settings.retries):
            try:
                return await self._attempt(texts, attempt)
            except RetryLater as error:
                # A service that asks for more than it may take to answer is not waited for.
                if error.after > self._settings.answer_for:
                    raise
                await anyio.sleep(error.after.total_seconds() * random.uniform(0.8, 1.2))
        return await self._attempt(texts, self._settings.retries)

    async def _attempt(
        self, texts: Sequence[str], attempt: int
    ) -> Sequence[Mapping[Category, float]]:
        pause = self._settings.retry_after * 2**attempt
        where = self._settings.base_url
        body = {"model": self._settings.model, "input": list(texts)}
        try:
            with anyio.fail_after(self._settings.answer_for.total_seconds()):
                answer = await self._client.post("/moderations", body=body, cast_to=object)
        except TimeoutError as error:
            raise RetryLater(f"{where} took too long to moderate", pause) from error
        except ValueError as error:
            raise RetryLater(f"{where} sent what is no JSON", pause) from error
        except OpenAIError as error:
            known = error if isinstance(error, APIStatusError) else None
            if known is None or known.status_code != 404:
                raise translated(
                    error, self._settings.server, self._settings.model, pause
                ) from error
            raise GenerationFailed(f"{where} has no endpoint for moderation") from error
        return self._read(answer, len(texts), pause)

    def _read(
        self, answer: object, texts: int, pause: timedelta
    ) -> Sequence[Mapping[Category, float]]:
        try:
            results = answer["results"]  # type: ignore[index]
            found = [
                by_category(
                    (
                        (str(label), float(score))
                        for label, score in result["category_scores"].items()
                    ),
                    self._settings.labels,
                )
                for result in results
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"{self._settings.base_url} sent what is no moderation"
            raise RetryLater(reason, pause) from error
        if len(found) != texts:
            raise RetryLater(f"{self._settings.base_url} judged {len(found)} of {texts}", pause)
        return found
