"""A case: what was found in somebody's message, what was done about it, and what people decided."""

import enum
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from chatune_core.messages import ConversationId, EventKey, MessageKey, UserId
from chatune_core.moderation.verdicts import Finding, Level

CaseId = NewType("CaseId", str)
"""Twelve hexadecimal digits, made from the event's key: the same event always opens the same case."""


class Measure(enum.Enum):
    """What can be done about a message or its author. There is no ban: a model never bans."""

    REMOVE = "remove"
    """The message goes; undoing posts its text again."""
    FLAG = "flag"
    """The message is marked for all to see, where it cannot be removed."""
    WARN = "warn"
    """The author alone is told what was against which rule, and how to appeal."""
    TIME_OUT = "time_out"
    """The author may not write for a while."""
    SLOW_DOWN = "slow_down"
    """Everybody in the channel may write only now and then."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A measure that was taken; `failed` says why it could not be, "" if it was.

    `until` is when it ends by itself, None if it does not.
    """

    measure: Measure
    until: datetime | None = None
    failed: str = ""


def removes(measures: Sequence[Taken]) -> bool:
    """Return whether the bot has removed the message."""
    return any(each.measure is Measure.REMOVE and not each.failed for each in measures)


class CaseState(enum.Enum):
    """How a case stands."""

    OPEN = "open"
    """Nobody has decided yet; measures may have been taken."""
    UPHELD = "upheld"
    """A moderator agreed with what was found."""
    UNDONE = "undone"
    """A moderator disagreed; what could be undone was."""
    APPEALED = "appealed"
    """The author asked for another moderator's decision."""


@dataclass(frozen=True, slots=True)
class Case:
    """One message of one person, found wanting.

    `conversation` is where it was said and `user` who said it. `text` is what was said, encrypted
    with that person's key at rest; "" when it was forgotten. `findings` are those that counted,
    the worst first; `policy` and `model` name the versions that found them. `shadow` says that
    nothing was done because the policy only watched. `decided_by` is the last moderator to decide,
    `first_decided_by` the one against whom was appealed.
    """

    id: CaseId
    event: EventKey
    conversation: ConversationId
    user: UserId
    message: MessageKey
    at: datetime
    text: str
    level: Level
    findings: tuple[Finding, ...]
    policy: str
    model: str
    measures: tuple[Taken, ...] = ()
    state: CaseState = CaseState.OPEN
    claimed_by: UserId | None = None
    decided_by: UserId | None = None
    decided_at: datetime | None = None
    first_decided_by: UserId | None = None
    appeal: str = ""
    shadow: bool = False

    @property
    def decided(self) -> bool:
        """Return whether a moderator has decided, and nobody has appealed since."""
        return self.state in (CaseState.UPHELD, CaseState.UNDONE)

    @property
    def taken(self) -> Sequence[Taken]:
        """Return the measures that were really taken."""
        return [each for each in self.measures if not each.failed]


def case_id(event: EventKey) -> CaseId:
    """Return the id of the case that `event` opens."""
    return CaseId(hashlib.sha256(event.encode("utf-8", "surrogatepass")).hexdigest()[:12])
