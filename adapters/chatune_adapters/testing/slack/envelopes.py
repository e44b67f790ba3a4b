"""What goes to the app, whichever way it travels."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import anyio

from chatune_adapters.testing.slack.faults import DeliveryFault
from chatune_adapters.testing.slack.world import Json

EnvelopeKind = Literal["events_api", "interactive", "slash_commands"]


@dataclass(slots=True, eq=False, weakref_slot=True)
class Envelope:
    """One event, interaction or slash command on its way.

    `raw` replaces everything, for malformed ones. `reply` is what the app answered with its
    acknowledgement. `gone` is set once an attempt has been sent, `settled` once no more will be.
    """

    id: str
    kind: EnvelopeKind
    name: str
    payload: Json
    event_id: str | None = None
    raw: str | None = None
    acked: bool = False
    reply: Json | None = None
    gone: anyio.Event = field(default_factory=anyio.Event)
    settled: anyio.Event = field(default_factory=anyio.Event)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: its number from 0, and why the one before failed."""

    number: int
    reason: str | None = None
    faults: tuple[DeliveryFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: `acked`, or the reason that goes into the next one's headers."""

    acked: bool
    reason: str = "acked"
    retry: bool = True


class Transport(Protocol):
    """Carries an envelope to the app once."""

    async def carry(self, envelope: Envelope, attempt: Attempt) -> Outcome:
        """Send it and wait for the acknowledgement."""
        ...
