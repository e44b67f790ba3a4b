"""The versions of a model: where each LoRA came from, how it was judged, how it stands."""

import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chatune_core.generation.requests import LoraId
from chatune_core.learning.rows import Pair, Row
from chatune_core.messages import EventKey, UserId


class LoraState(enum.Enum):
    """How a version stands; `LoraVersion.stale` comes on top of it.

    candidate -> canary -> active -> retired is the way of a good one. A candidate that is refused and a
    canary that is rolled back are retired; a retired version that is not stale may be made active again.
    """

    CANDIDATE = "candidate"
    CANARY = "canary"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class LoraVersion:
    """One LoRA.

    model: the configured name of the model that it is for; base: which weights those were (name and
        revision), outside of which it means nothing.
    folder: of its files in PEFT's layout, relative to the registry's folder.
    sha256: of `adapter_model.safetensors` in hex, checked whenever it is loaded.
    manifest: of its dataset, as JSON. metrics: what the gate measured, by name.
    parent: what was active when it was made. share: of conversations that a canary answers, 0 to 1.
    stale: somebody took rows back that it was trained on.
    reason: why it stands as it does, for people.
    """

    id: LoraId
    model: str
    base: str
    folder: str
    sha256: str
    manifest: str
    metrics: Mapping[str, float]
    parent: LoraId | None
    made_at: datetime
    state: LoraState
    changed_at: datetime
    reason: str = ""
    share: float = 0.0
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """What answers for a model at present: the bare model where there is no active version."""

    active: LoraVersion | None = None
    canary: LoraVersion | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """What a version learned from, which tells what an erasure reaches.

    people: everyone whose words or votes are in its rows, with the number of those rows.
    answers: the generated answers behind the rows.
    """

    people: Mapping[UserId, int]
    answers: frozenset[EventKey]


def sources_of(rows: Iterable[Row]) -> Sources:
    """Return what `rows` were made of; those held out to judge by belong to them."""
    people: Counter[UserId] = Counter()
    answers = set()
    for row in rows:
        people.update({row.judge, *row.people})
        answers.add(row.answer)
        if isinstance(row, Pair) and row.other is not None:
            answers.add(row.other)
    return Sources(people, frozenset(answers))
