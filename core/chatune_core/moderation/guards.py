"""Guard models: language models that answer whether a text is safe, through the `Generator` port.

The engine or server that runs the model applies its chat template, which asks the question.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import anyio

from chatune_core.errors import ChatuneError, GenerationFailed
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    GenerationRequest,
    Priority,
    RequestId,
    Sampling,
)
from chatune_core.messages import ConversationId, UserId
from chatune_core.moderation.guard_answers import (
    DEFAULT_LABELS,
    Family,
    granite_guardian_score,
    llama_guard_scores,
    qwen3guard_scores,
)
from chatune_core.moderation.labels import Labels
from chatune_core.moderation.verdicts import Category, Role
from chatune_core.ports import Generator

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Which family, what its categories mean, how long an answer may take, how many at once."""

    family: Family
    labels: Labels = field(default_factory=dict)
    deadline: timedelta = timedelta(seconds=8)
    at_once: int = 8
    longest: int = 16_000
    """Characters of a passage; a longer text is asked about in several."""

    @property
    def meanings(self) -> Labels:
        """Return `labels` on top of the family's own."""
        return {**DEFAULT_LABELS[self.family], **self.labels}


class GuardClassifier:
    """Fulfils `Classifier` by asking a guard model."""

    def __init__(self, generator: Generator, settings: GuardSettings) -> None:
        self._generator, self._settings = generator, settings
        self._numbers = itertools.count()
        self._places = anyio.CapacityLimiter(settings.at_once)

    @property
    def name(self) -> str:
        """See Classifier.name."""
        return self._generator.model

    async def prepare(self) -> None:
        """See Classifier.prepare; the engine has loaded its model."""

    async def scores(self, texts: Sequence[str], role: Role) -> Sequence[Mapping[Category, float]]:
        """See Classifier.scores. An answer that is no verdict counts as a failure."""
        found: list[dict[Category, float]] = [{} for _ in texts]
        failures: list[ChatuneError] = []

        async def judge(place: int, passage: str) -> None:
            try:
                scores = await self._judged(passage, role)
            except ChatuneError as error:
                failures.append(error)
                return
            for category, score in scores.items():
                found[place][category] = max(score, found[place].get(category, 0.0))

        async with anyio.create_task_group() as tasks:
            for place, text in enumerate(texts):
                for passage in self._passages(text):
                    tasks.start_soon(judge, place, passage)
        if failures:
            raise failures[0]
        return found

    def _passages(self, text: str) -> list[str]:
        longest = self._settings.longest
        return [text[at : at + longest] for at in range(0, max(1, len(text)), longest)]

    async def _judged(self, text: str, role: Role) -> Mapping[Category, float]:
        meanings = self._settings.meanings
        match self._settings.family:
            case "qwen3guard":
                return await self._asked(text, role, lambda said: qwen3guard_scores(said, meanings))
            case "llama-guard":
                return await self._asked(
                    text, role, lambda said: llama_guard_scores(said, meanings)
                )
            case "granite-guardian":
                scores: dict[Category, float] = {}
                for criterion, category in meanings.items():
                    score = await self._asked(text, role, granite_guardian_score, criterion)
                    scores[category] = max(score, scores.get(category, 0.0))
                return scores

    async def _asked(
        self, text: str, role: Role, read: Callable[[str], Read], criterion: str = ""
    ) -> Read:
        messages = _conversation(text, role)
        if criterion:
            messages = (ChatMessage("system", criterion), *messages)
        async with self._places:
            answer = await self._answer(messages)
        try:
            return read(answer)
        except ValueError as error:
            raise GenerationFailed(
                f"{self.name} gave no verdict of a {self._settings.family} model"
            ) from error

    async def _answer(self, messages: tuple[ChatMessage, ...]) -> str:
        request = GenerationRequest(
            RequestId(f"moderation:{next(self._numbers)}"),
            messages,
            Sampling(temperature=0.0, max_tokens=128),
            UserId("moderation"),
            ConversationId("moderation"),
            Priority.INTERACTIVE,
            self._settings.deadline,
        )
        async with aclosing(self._generator.stream(request)) as events:
            return "".join([event.text async for event in events if isinstance(event, Delta)])


def _conversation(text: str, role: Role) -> tuple[ChatMessage, ...]:
    """Return the talk whose last message is to be judged; nothing is known of what came before."""
    if role is Role.ASSISTANT:
        return ChatMessage("user", ""), ChatMessage("assistant", text)
    return (ChatMessage("user", text),)
