"""Delivery with retries, over Socket Mode or HTTP, through the armed faults."""

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from chatune_adapters.testing.slack.envelopes import Attempt, Envelope, Outcome, Transport
from chatune_adapters.testing.slack.faults import (
    DeliveryFault,
    Duplicated,
    Fault,
    Faults,
    Late,
    Malformed,
    OutOfOrder,
    RetriedThoughAcked,
    UnknownEvent,
)
from chatune_adapters.testing.slack.record import Delivery, GivenUp, Log
from chatune_adapters.testing.slack.timing import Timing
from chatune_adapters.testing.slack.world import Json, World


@dataclass(slots=True, eq=False)
class Deliveries:
    """Brings every envelope to the app, at least once as far as the retries go.

    Events are retried; interactions and slash commands are not. The first attempts leave in the
    order in which they were handed over, faults aside.
    """

    world: World
    timing: Timing
    faults: Faults
    log: Log
    transport: Callable[[], Transport]
    tasks: TaskGroup
    under_way: set[Envelope] = field(default_factory=set)
    _next_gone: anyio.Event = field(default_factory=anyio.Event)

    def hand_over(self, envelope: Envelope) -> Envelope:
        """Start bringing it to the app."""
        struck = self.faults.strike(envelope.name, envelope.payload, DeliveryFault)
        for extra in self._before(struck, envelope):
            self._start(extra, [])
        self._start(envelope, struck)
        if envelope.kind == "events_api":
            for _ in range(sum(one.times for one in struck if isinstance(one, Duplicated))):
                self._start(self._copy(envelope), [])
        return envelope

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self.under_way:
            await next(iter(self.under_way)).settled.wait()

    def _start(self, envelope: Envelope, struck: list[Fault]) -> None:
        self.under_way.add(envelope)
        self.tasks.start_soon(self._bring, envelope, struck)

    async def _bring(self, envelope: Envelope, struck: list[Fault]) -> None:
        try:
            await self._wait(struck)
            await self._attempts(envelope, struck)
        finally:
            self.under_way.discard(envelope)
            envelope.settled.set()

    async def _wait(self, struck: list[Fault]) -> None:
        for fault in struck:
            if isinstance(fault, Late):
                await anyio.sleep(fault.seconds)
            elif isinstance(fault, OutOfOrder):
                with anyio.move_on_after(fault.at_most):
                    await self._next_gone.wait()

    async def _attempts(self, envelope: Envelope, struck: list[Fault]) -> None:
        retries = self.timing.retries if envelope.kind == "events_api" else ()
        again = any(isinstance(one, RetriedThoughAcked) for one in struck)
        reason = None
        for number, wait in enumerate((0.0, *retries)):
            if number:
                await anyio.sleep(self.timing.scaled(wait))
            if envelope.acked and not (again and number == 1):
                return
            outcome = await self._once(envelope, Attempt(number, reason, _first(struck, number)))
            reason = "http_timeout" if outcome.acked else outcome.reason
            if outcome.acked and not (again and number == 0):
                return
            if not outcome.retry:
                break
        if not envelope.acked:
            self.log.add(
                GivenUp(self.world.clock(), envelope.name, envelope.event_id, envelope.payload)
            )

    async def _once(self, envelope: Envelope, attempt: Attempt) -> Outcome:
        outcome = await self.transport().carry(envelope, attempt)
        self.log.add(
            Delivery(
                self.world.clock(),
                envelope.kind,
                envelope.name,
                envelope.event_id,
                attempt.number,
                outcome.reason,
                envelope.payload,
            )
        )
        return outcome

    def sent(self, envelope: Envelope) -> None:
        """Be told by a transport that an attempt has left."""
        envelope.gone.set()
        self._next_gone.set()
        self._next_gone = anyio.Event()

    def _before(self, struck: list[Fault], envelope: Envelope) -> list[Envelope]:
        extras = []
        for fault in struck:
            if isinstance(fault, Malformed):
                extra = self._copy(envelope)
                extra.raw, extra.kind, extra.name = fault.body, "interactive", "malformed"
                extras.append(extra)
            elif isinstance(fault, UnknownEvent):
                extras.append(self._unknown(fault.type, envelope.payload))
        return extras

    def _unknown(self, event_type: str, like: Json) -> Envelope:
        event_id = self.world.new_id("Ev")
        payload = {
            "type": "event_callback",
            "team_id": like.get("team_id") or next(iter(self.world.teams), ""),
            "api_app_id": self.world.app.id,
            "event_id": event_id,
            "event_time": int(self.world.clock()),
            "event": {"type": event_type, "event_ts": self.world.now_ts()},
        }
        return Envelope(self.new_envelope_id(), "events_api", event_type, payload, event_id)

    def _copy(self, envelope: Envelope) -> Envelope:
        return Envelope(
            self.new_envelope_id(),
            envelope.kind,
            envelope.name,
            envelope.payload,
            envelope.event_id,
        )

    def new_envelope_id(self) -> str:
        """Return an envelope_id that no other has."""
        return self.world.new_id("env-")


def _first(struck: list[Fault], number: int) -> tuple[DeliveryFault, ...]:
    return tuple(one for one in struck if isinstance(one, DeliveryFault)) if number == 0 else ()
