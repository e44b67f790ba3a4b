"""Consent, export and erasure: the values."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chatune_core.messages import UserId


class Purpose(enum.Enum):
    """What a person may agree to; each on its own, as easy to withdraw as to give."""

    MEMORY = "memory"
    FEEDBACK = "feedback"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class PersonalRecord:
    """One record about a person, as plain JSON values; `store` names where it lies."""

    store: str
    record: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What an erasure removed: rows per store, including the stores where nothing was found."""

    user: UserId
    at: datetime
    removed: Mapping[str, int]
