"""Rows and runs for tests of learning: a tiny random model that is to like one answer better than another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.recipe import Recipe, Step
from chatune_core.learning.rows import Dataset, Manifest, Origin, Pair, Row, RowId, Thumb
from chatune_core.messages import EventKey, UserId

STARTED = datetime(2026, 3, 1, tzinfo=UTC)
QUESTIONS = ("how?", "where is it?", "say hello", "who was that?", "and then?", "why so?")


def thumb(number: int, completion: str, good: bool, prompt: str | None = None) -> Thumb:
    """Return a vote; numbers make rows of one dataset different."""
    judge = UserId(f"person {number % 3}")
    asked = ChatMessage("user", prompt or QUESTIONS[number % len(QUESTIONS)])
    return Thumb(
        RowId(f"thumb {number}"),
        EventKey(f"answer {number}"),
        (asked,),
        completion,
        good,
        judge,
        frozenset({judge}),
        STARTED + timedelta(hours=number),
    )


def pair(number: int, chosen: str, rejected: str) -> Pair:
    """Return a preference; see `thumb`."""
    judge = UserId(f"person {number % 3}")
    asked = ChatMessage("user", QUESTIONS[number % len(QUESTIONS)])
    return Pair(
        RowId(f"pair {number}"),
        EventKey(f"answer {number}"),
        (asked,),
        chosen,
        rejected,
        Origin.CHOICE,
        judge,
        frozenset({judge}),
        STARTED + timedelta(hours=number),
    )


def tastes(count: int) -> tuple[Row, ...]:
    """Return thumbs of people who like answers that say hello, and every fifth row a pair."""
    rows: list[Row] = []
    for number in range(count):
        more = "the " * (number % 4)
        if number % 5 == 4:
            rows.append(pair(number, f"hello {more}user", f"system {more}of"))
        elif number % 2:
            rows.append(thumb(number, f"hello {more}user", good=True))
        else:
            rows.append(thumb(number, f"system {more}of", good=False))
    return tuple(rows)


def dataset(rows: tuple[Row, ...], digest: str = "some rows") -> Dataset:
    """Return a dataset of rows to train on and nothing to judge by."""
    ids = tuple(row.id for row in rows)
    return Dataset(rows, (), Manifest(STARTED, ids, (), {}, {}, {}, digest))


def recipe(**more: Any) -> Recipe:  # noqa: ANN401
    """Return settings that fit a tiny model."""
    few: dict[str, Any] = {
        "rank": 4,
        "alpha": 8,
        "learning_rate": 1e-2,
        "rows_per_step": 4,
        "epochs": 2,
        "replay_tokens": 12,
        "kl_limit": 100.0,
        "max_tokens": 64,
        "checkpoint_steps": 2,
        "precision": "float32",
    }
    return Recipe(**(few | more))


class Noted:
    """Fulfils `Watcher`: keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stages: list[tuple[str, float]] = []
        self.steps: list[Step] = []

    def say(self, line: str) -> None:
        """See Watcher.say."""
        self.lines.append(line)

    def stage(self, name: str, share: float) -> None:
        """See Watcher.stage."""
        self.stages.append((name, share))

    def step(self, step: Step) -> None:
        """See Watcher.step."""
        self.steps.append(step)
