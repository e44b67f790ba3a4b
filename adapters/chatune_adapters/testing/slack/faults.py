"""Faults on demand: small values, added with a filter and a number of times, or as a storm.

Faults of calls meet Web API methods and are matched by method name ("chat.*"); faults of
deliveries meet what goes to the app and are matched by event type, command or payload type
("message", "/ask", "block_actions").
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import UnionType

from chatune_adapters.testing.slack.world import Json

# Not api.*, apps.*, auth.* and assistant.*: a storm shall not keep the app from starting.
_CALLS = "[!a]*"


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429 with Retry-After; nothing happens."""

    after: int = 1


@dataclass(frozen=True, slots=True)
class ServerError:
    """5xx with a body that is no JSON; nothing happens."""

    status: int = 503


@dataclass(frozen=True, slots=True)
class Refused:
    """{ok: false, error}; nothing happens."""

    error: str = "internal_error"


@dataclass(frozen=True, slots=True)
class ConnectionDropped:
    """The connection drops before anything happens."""


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """It happens, but the app never hears: the connection drops, or an error status comes."""

    status: int | None = None


@dataclass(frozen=True, slots=True)
class SlowAnswer:
    """It happens at once, and the answer takes so many seconds (not scaled)."""

    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class StreamDies:
    """The streamed message named by the call ends before the call is looked at."""


CallFault = (
    RateLimited | ServerError | Refused | ConnectionDropped | AnswerLost | SlowAnswer | StreamDies
)


@dataclass(frozen=True, slots=True)
class Duplicated:
    """Comes so many times more, with the same event_id. Events only."""

    times: int = 1


@dataclass(frozen=True, slots=True)
class Late:
    """Comes so many seconds later (not scaled)."""

    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class OutOfOrder:
    """Waits until the next delivery has gone, or so many seconds."""

    at_most: float = 1.0


@dataclass(frozen=True, slots=True)
class RetriedThoughAcked:
    """Is retried once, as if the acknowledgement had not been heard. Events only."""


@dataclass(frozen=True, slots=True)
class SocketDropped:
    """The chosen socket is cut right before or right after it is sent. Socket Mode only."""

    after: bool = True


@dataclass(frozen=True, slots=True)
class SocketSilenced:
    """The chosen socket goes silent instead: it stays open, hears and says nothing.

    Socket Mode only.
    """


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A disconnect message goes out on the chosen socket, with this reason. Socket Mode only."""

    reason: str = "refresh_requested"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something that no parser likes comes first: text as it is, or a payload."""

    body: str = '{"type": "events_api", "envelope_id": '


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a type that nobody knows comes first."""

    type: str = "weather_changed"


DeliveryFault = (
    Duplicated
    | Late
    | OutOfOrder
    | RetriedThoughAcked
    | SocketDropped
    | SocketSilenced
    | Disconnect
    | Malformed
    | UnknownEvent
)
Fault = CallFault | DeliveryFault


@dataclass(slots=True, eq=False)
class Rule:
    """One fault with its filter; `times` None is for ever, `met` counts."""

    fault: Fault
    on: str
    times: int | None
    chance: float
    where: Callable[[Json], bool] | None
    of_storm: bool = False
    met: int = 0


@dataclass(slots=True)
class Faults:
    """The faults that are armed, and how many of each kind there were."""

    random: random.Random
    rules: list[Rule] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        fault: Fault,
        on: str = "*",
        *,
        times: int | None = 1,
        chance: float = 1.0,
        where: Callable[[Json], bool] | None = None,
    ) -> Rule:
        """Arm a fault.

        Args:
            fault: what shall go wrong.
            on: method, event type, command or payload type, with shell wildcards.
            times: how often, or None for always.
            chance: the probability each time.
            where: asked with the arguments of the call, or the payload of the delivery.
        """
        rule = Rule(fault, on, times, chance, where)
        self.rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Disarm one fault."""
        self.rules = [one for one in self.rules if one is not rule]

    def clear(self) -> None:
        """Disarm all."""
        self.rules.clear()

    def storm(self, rate: float, faults: Sequence[tuple[Fault, str]] | None = None) -> None:
        """Let each fault strike at random with this probability until `calm`.

        The dice are those of the seed the server was opened with.

        Args:
            rate: probability of each, at each chance to strike.
            faults: which, and on what; by default all kinds, short ones.
        """
        for fault, on in faults if faults is not None else whole_storm():
            self.rules.append(Rule(fault, on, None, rate, None, of_storm=True))

    def calm(self) -> None:
        """End the storm; faults added one by one stay."""
        self.rules = [one for one in self.rules if not one.of_storm]

    def strike(self, name: str, about: Json, kinds: UnionType) -> list[Fault]:
        """Return the faults of these kinds that happen now, in the order they were armed."""
        struck: list[Fault] = []
        for rule in list(self.rules):
            if isinstance(rule.fault, kinds) and self._meets(rule, name, about):
                rule.met += 1
                self.injected[type(rule.fault).__name__] += 1
                struck.append(rule.fault)
                if rule.times is not None and rule.met >= rule.times:
                    self.remove(rule)
        return struck

    def _meets(self, rule: Rule, name: str, about: Json) -> bool:
        return (
            fnmatchcase(name, rule.on)
            and (rule.where is None or rule.where(about))
            and (rule.chance >= 1.0 or self.random.random() < rule.chance)
        )


def whole_storm() -> list[tuple[Fault, str]]:
    """Return every kind of fault, brief enough for a quick test, with what it strikes."""
    return [
        (RateLimited(1), _CALLS),
        (ServerError(503), _CALLS),
        (Refused("internal_error"), _CALLS),
        (ConnectionDropped(), _CALLS),
        (AnswerLost(), _CALLS),
        (AnswerLost(500), _CALLS),
        (SlowAnswer(0.2), _CALLS),
        (StreamDies(), "chat.appendStream"),
        (StreamDies(), "chat.stopStream"),
        (Duplicated(), "*"),
        (Late(0.3), "*"),
        (OutOfOrder(0.5), "*"),
        (RetriedThoughAcked(), "*"),
        (SocketDropped(after=False), "*"),
        (SocketDropped(after=True), "*"),
        (SocketSilenced(), "*"),
        (Disconnect("warning"), "*"),
        (Disconnect("refresh_requested"), "*"),
        (Malformed(), "*"),
        (UnknownEvent(), "*"),
    ]
