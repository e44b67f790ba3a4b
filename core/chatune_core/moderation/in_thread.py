"""A blocking classifier behind the asynchronous port: its own thread, one batch for all who wait."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import anyio

from chatune_core.moderation.turns import Turns
from chatune_core.moderation.verdicts import Category, Role

MOST_TEXTS = 64
"""Texts scored together, so that nobody waits long for a crowd."""


class TextClassifier(Protocol):
    """Scores texts by category; blocking, used from one thread at a time."""

    @property
    def name(self) -> str:
        """Name and version, for the record."""
        ...

    def scores(self, texts: Sequence[str]) -> Sequence[Mapping[Category, float]]:
        """Return a calibrated score from 0 to 1 for each category, text by text."""
        ...


@dataclass(eq=False, slots=True)
class _Wanted:
    texts: Sequence[str]
    done: bool = False
    scores: Sequence[Mapping[Category, float]] = field(default_factory=list)
    error: Exception | None = None


class InThread:
    """Fulfils `Classifier` over a `TextClassifier`, which is opened when it is first needed."""

    def __init__(self, open_classifier: Callable[[], TextClassifier], patience: timedelta) -> None:
        """Take what loads the classifier; `patience` is for a call that was left alone."""
        self._open = open_classifier
        self._opened: TextClassifier | None = None
        self._opening = anyio.Lock()
        self._turns = Turns(patience)
        self._waiting: deque[_Wanted] = deque()

    @property
    def name(self) -> str:
        """See Classifier.name."""
        return self._opened.name if self._opened is not None else ""

    async def prepare(self) -> None:
        """See Classifier.prepare."""
        if self._opened is not None:
            return
        async with self._opening:
            if self._opened is None:
                self._opened = await self._turns.take(self._open)

    async def scores(self, texts: Sequence[str], role: Role) -> Sequence[Mapping[Category, float]]:
        """See Classifier.scores; the role makes no difference."""
        await self.prepare()
        wanted = _Wanted(texts)
        self._waiting.append(wanted)
        try:
            while not wanted.done:
                await self._turns.take(self._score_some)
        finally:
            with suppress(ValueError):
                self._waiting.remove(wanted)
        if wanted.error is not None:
            raise wanted.error
        return wanted.scores

    def _score_some(self) -> None:
        """Score for those who wait, as many as fit, the longest waiting first. On the thread."""
        batch = self._next_batch()
        if not batch:
            return
        assert self._opened is not None
        try:
            scores = self._opened.scores([text for wanted in batch for text in wanted.texts])
        except Exception as error:  # noqa: BLE001 - handed on to everyone who waits for it
            for wanted in batch:
                wanted.error, wanted.done = error, True
            return
        at = 0
        for wanted in batch:
            wanted.scores = scores[at : at + len(wanted.texts)]
            at += len(wanted.texts)
            wanted.done = True

    def _next_batch(self) -> list[_Wanted]:
        batch: list[_Wanted] = []
        texts = 0
        # Callers may leave meanwhile, so the queue is never asked for more than one at a time.
        while texts < MOST_TEXTS:
            try:
                wanted = self._waiting.popleft()
            except IndexError:
                break
            batch.append(wanted)
            texts += len(wanted.texts)
        return batch
