"""Faults on demand: small values, and the plan that says which request or dispatch meets one.

A test composes them: `faults.add(Refuse(500), on="POST /channels/{channel_id}/messages", times=2)`
or `faults.add(Duplicate(), on="DISPATCH MESSAGE_CREATE")`.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

# Faults of a request.


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with `status` and one of Discord's codes; nothing is done."""

    status: int
    code: int = 0
    message: str = "a fault was asked for"


@dataclass(frozen=True, slots=True)
class LimitRate:
    """Answer 429; without `via` it looks like a ban, which discord.py does not retry."""

    retry_after: float
    scope: str = "user"
    via: bool = True


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """Do what is asked, then drop the connection, or answer `status`: the outcome is unknown."""

    status: int | None = None


@dataclass(frozen=True, slots=True)
class DropRequest:
    """Drop the connection before anything is done."""


@dataclass(frozen=True, slots=True)
class Slow:
    """Wait before doing what is asked."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Garble:
    """Do what is asked and answer 200 with a body that is not JSON."""


RequestFault = Refuse | LimitRate | LoseAnswer | DropRequest | Slow | Garble

# Faults of a dispatch: they strike as the event goes into a session.


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Deliver the event twice."""


@dataclass(frozen=True, slots=True)
class Late:
    """Deliver the event `seconds` later, after others."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """Deliver the event now and again `seconds` later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Malform:
    """Send a payload that breaks the protocol before the event: `text` as it is."""

    text: str = '{"op": 0, "t": "MESSAGE_CREATE", "s": null, "d": {"id": "not-a-number"}}'


@dataclass(frozen=True, slots=True)
class Unknown:
    """Dispatch an event of a type that nobody knows before the event."""

    name: str = "SOMETHING_NEW"


# Faults of a connection: they strike at once, or just before a dispatch.


@dataclass(frozen=True, slots=True)
class DropSocket:
    """End the TCP connection without a close frame."""


@dataclass(frozen=True, slots=True)
class CloseWith:
    """Close the socket with `code`."""

    code: int


@dataclass(frozen=True, slots=True)
class AskReconnect:
    """Send op 7."""


@dataclass(frozen=True, slots=True)
class Invalidate:
    """Send op 9; unless `resumable`, the session is gone and its gap is not replayed."""

    resumable: bool = False


@dataclass(frozen=True, slots=True)
class FallSilent:
    """Send nothing any more, though the connection lives."""


@dataclass(frozen=True, slots=True)
class IgnoreHeartbeats:
    """Send no more heartbeat acks; events still come."""


@dataclass(frozen=True, slots=True)
class AskHeartbeat:
    """Send op 1: the bot must send a heartbeat at once."""


EventFault = Duplicate | Late | Repeat | Malform | Unknown
SocketFault = (
    DropSocket
    | CloseWith
    | AskReconnect
    | Invalidate
    | FallSilent
    | IgnoreHeartbeats
    | AskHeartbeat
)
DispatchFault = EventFault | SocketFault
Fault = RequestFault | DispatchFault

EVERY_REQUEST_FAULT: tuple[RequestFault, ...] = (
    Refuse(500),
    Refuse(503),
    LimitRate(0.05),
    LimitRate(0.05, scope="global"),
    LimitRate(0.05, scope="shared"),
    LoseAnswer(),
    LoseAnswer(502),
    DropRequest(),
    Slow(0.05),
    Garble(),
)
EVERY_DISPATCH_FAULT: tuple[DispatchFault, ...] = (
    Duplicate(),
    Late(0.05),
    Repeat(0.05),
    Malform(),
    Malform("not json"),
    Unknown(),
    DropSocket(),
    CloseWith(4000),
    AskReconnect(),
    Invalidate(resumable=True),
    Invalidate(resumable=False),
    FallSilent(),
    IgnoreHeartbeats(),
    AskHeartbeat(),
)
"""All that the gateway can do wrong. `Malform` ends a plain discord.py client, which does not
catch what its parsers raise; `FallSilent` needs a short heartbeat time to be noticed soon."""


@dataclass(slots=True)
class _Planned:
    fault: Fault
    on: re.Pattern[str]
    times: int
    after: int


class Storm:
    """Deals its faults at random: each event meets one with probability `rate`.

    Faults come from a shuffled deck, so that each comes up before any comes twice.
    """

    def __init__(self, random: Random, rate: float, faults: tuple[Fault, ...], on: str) -> None:
        self._random = random
        self._rate = rate
        self._faults = faults
        self._on = _pattern(on)
        self._deck: list[Fault] = []

    def deal(self, what: str) -> Fault | None:
        """Return the fault that meets `what`, or None."""
        if not self._on.fullmatch(what) or self._random.random() >= self._rate:
            return None
        if not self._deck:
            self._deck = self._random.sample(self._faults, len(self._faults))
        return self._deck.pop()


class Faults:
    """The plan of faults, and the count of those that struck."""

    def __init__(self, strike: Callable[[SocketFault], None]) -> None:
        self.struck: Counter[str] = Counter()
        """How often each fault struck, by the name of its class."""
        self._planned: list[_Planned] = []
        self._storms: list[Storm] = []
        self._strike = strike

    def add(self, fault: Fault, on: str, times: int = 1, after: int = 0) -> None:
        """Let the `times` requests or dispatches that match `on` meet `fault`, `after` passing.

        `on` is a method and a path (parameters in braces or as they are), `DISPATCH` and an event
        name, or either with `*` for any text. Of several that match, the first added strikes.
        A dispatch counts once for every session that gets it.
        """
        if not _fits(fault, on):
            raise ValueError(f"{fault!r} cannot strike {on!r}")
        self._planned.append(_Planned(fault, _pattern(on), times, after))

    def now(self, fault: SocketFault) -> None:
        """Let every gateway connection that is open meet `fault` at once."""
        self.struck[type(fault).__name__] += 1
        self._strike(fault)

    def storm(
        self,
        random: Random,
        rate: float,
        *,
        requests: tuple[RequestFault, ...] = EVERY_REQUEST_FAULT,
        dispatches: tuple[DispatchFault, ...] = EVERY_DISPATCH_FAULT,
        on: str = "* /*",
    ) -> None:
        """Let requests matching `on`, and all dispatches, meet faults at `rate`, until `clear`."""
        if requests:
            self._storms.append(Storm(random, rate, requests, on))
        if dispatches:
            self._storms.append(Storm(random, rate, dispatches, "DISPATCH *"))

    def clear(self) -> None:
        """Plan no faults any more."""
        self._planned.clear()
        self._storms.clear()

    def meet(self, what: str) -> Fault | None:
        """Return the fault that `what` meets, and use it up."""
        fault = self._planned_for(what)
        for storm in self._storms:
            fault = fault or storm.deal(what)
        if fault is not None:
            self.struck[type(fault).__name__] += 1
        return fault

    def _planned_for(self, what: str) -> Fault | None:
        for planned in self._planned:
            if not planned.on.fullmatch(what) or not _fits(planned.fault, what):
                continue
            if planned.after > 0:
                planned.after -= 1
                continue
            planned.times -= 1
            if planned.times <= 0:
                self._planned.remove(planned)
            return planned.fault
        return None


def _fits(fault: Fault, what: str) -> bool:
    return isinstance(fault, RequestFault) != what.startswith("DISPATCH")


def _pattern(on: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\}|\*)", on)
    return re.compile(
        "".join(
            ".*" if part == "*" else "[^/]+" if part.startswith("{") else re.escape(part)
            for part in parts
        )
    )
