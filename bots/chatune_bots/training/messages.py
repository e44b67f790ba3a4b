"""What a trainer says to the process that started it: one JSON object a line."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from chatune_core.learning.run import Order


@dataclass(frozen=True, slots=True)
class Task:
    """What a trainer is to do. It comes first on its standard input, which stays open as long as
    the process lives that wants it done.

    holder: under which name it holds the lease. lease_s: how long a dead trainer is waited for.
    """

    home: str
    folder: str
    order: Order
    holder: str
    lease_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Said:
    """A plain sentence about what happens."""

    line: str


@dataclass(frozen=True, slots=True)
class Staged:
    """How much of a stage is done, from 0 to 1."""

    stage: str
    share: float


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step of the optimizer: its number, from 1, and how it went; see `recipe.Step`."""

    number: int
    of: int
    loss: float
    accuracy: float
    kl: float
    eta_s: float


Outcome = Literal[
    "made", "refused", "nothing", "failed", "busy", "interrupted", "put off", "taken over", "died"
]
"""How a trainer ended. The last five leave the run, if it had begun, to be taken up again."""
ENDS_THE_RUN: frozenset[Outcome] = frozenset({"made", "refused", "nothing", "failed"})


@dataclass(frozen=True, slots=True)
class Ended:
    """The last thing a trainer says, and why in one line for people."""

    outcome: Outcome
    line: str


Message = Said | Staged | Stepped | Ended
Hear = Callable[[Message], None]
_KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in (Said, Staged, Stepped, Ended)}


def line_of(message: Message) -> bytes:
    """Return the message as a line."""
    text = json.dumps({"kind": type(message).__name__, **asdict(message)})
    return text.encode() + b"\n"


def message_of(line: bytes) -> Message | None:
    """Return what a line says; None for what is no message, as a library may print."""
    try:
        content = json.loads(line)
        return _KINDS[content.pop("kind")](**content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def line_of_task(task: Task) -> bytes:
    """Return the task as a line."""
    return json.dumps(asdict(task)).encode() + b"\n"


def task_of(line: bytes) -> Task:
    """Return what `line_of_task` wrote."""
    content = json.loads(line)
    return Task(**{**content, "order": Order(**content["order"])})
