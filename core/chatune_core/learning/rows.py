"""What a model learns from and is judged by. Frozen values; nothing here is read without consent."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from chatune_core.generation.requests import ChatMessage
from chatune_core.messages import EventKey, UserId

RowId = NewType("RowId", str)
"""Of one row in every dataset that it gets into: the same evidence has the same id."""


class Origin(enum.Enum):
    """What people did that became a row."""

    THUMB = "thumb"
    CORRECTION = "correction"
    CHOICE = "choice"
    """Of two answers side by side."""
    AGAIN = "again"
    """The earlier answer was not good enough, the later one was kept."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """One person's vote on one answer.

    judge: who voted. people: everyone whose words are in the prompt, the judge included.
    at: when the vote was given, by which rows are split in time.
    """

    id: RowId
    answer: EventKey
    prompt: tuple[ChatMessage, ...]
    completion: str
    good: bool
    judge: UserId
    people: frozenset[UserId]
    at: datetime


@dataclass(frozen=True, slots=True)
class Pair:
    """One person prefers `chosen` to `rejected` as the answer to `prompt`; see `Thumb`.

    answer: the one that was chosen, or corrected. other: the one that was rejected, where both were
    generated.
    """

    id: RowId
    answer: EventKey
    prompt: tuple[ChatMessage, ...]
    chosen: str
    rejected: str
    origin: Origin
    judge: UserId
    people: frozenset[UserId]
    at: datetime
    other: EventKey | None = None


Row = Thumb | Pair


class LeftOut(enum.Enum):
    """Why evidence did not become a row, in the order of the checks; the value follows a number."""

    NOT_AGREED = "without consent to training"
    NOT_PERMITTED = "from a platform without training.platform_training_permission"
    FORGOTTEN = "whose text is gone"
    UNATTRIBUTED = "of which it is not known whose words they hold"
    OTHER_MODEL = "answered by another base model"
    MODERATED = "that moderation would not let pass"
    CONTRADICTORY = "of voters who contradict themselves"
    BRIGADING = "of voters who came together only to vote"
    DUPLICATE = "that say the same again"
    CAPPED = "over one person's share"
    DIVIDED = "on prompts that people of both halves judged"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dataset was made of, without a word of it; stored with every model.

    rows: by id, the sha256 of the row's content in hex. Whose they are is kept by the store as rows of
    its own, so that erasing a person reaches it. left_out: why other votes, corrections and
    preferences are not in it. licences: of every source besides what people said, by name.
    """

    made_at: datetime
    train: tuple[RowId, ...]
    holdout: tuple[RowId, ...]
    rows: Mapping[RowId, str]
    left_out: Mapping[LeftOut, int]
    licences: Mapping[str, str]
    digest: str
    """sha256 over both halves, the rows and the licences in hex; two equal datasets have the same."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows to train on, rows to judge by (no judge and no prompt in both), and their manifest."""

    train: tuple[Row, ...]
    holdout: tuple[Row, ...]
    manifest: Manifest
