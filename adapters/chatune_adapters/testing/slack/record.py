"""What happened, in order: calls, deliveries and sockets. Holds no token."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from chatune_adapters.testing.slack.world import Json

SocketChange = Literal["opened", "closed", "refused", "silenced", "disconnect sent"]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A Web API call. `answer` is what was decided, also where the answer was then lost."""

    at: float
    method: str
    team: str | None
    arguments: Json
    status: int
    answer: Json
    faults: tuple[str, ...] = ()

    @property
    def error(self) -> str | None:
        """The error code, or None."""
        return self.answer.get("error")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to bring something to the app. `outcome` is "acked" or why not."""

    at: float
    kind: str
    name: str
    event_id: str | None
    attempt: int
    outcome: str
    payload: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An event that no attempt brought to the app: Slack tells it no more."""

    at: float
    name: str
    event_id: str | None
    payload: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class SocketSeen:
    """Something about a Socket Mode connection."""

    at: float
    socket: int
    change: SocketChange
    detail: str = ""


Entry = ApiCall | Delivery | GivenUp | SocketSeen


class Log:
    """Everything in order, and the usual questions about it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def add(self, entry: Entry) -> None:
        """Put an entry at the end."""
        self.entries.append(entry)

    def clear(self) -> None:
        """Forget what was, for long runs."""
        self.entries.clear()

    def calls(self, method: str | None = None) -> list[ApiCall]:
        """Return the API calls, of one method or of all."""
        return [
            one for one in self.entries if isinstance(one, ApiCall) and method in (None, one.method)
        ]

    def deliveries(self, name: str | None = None) -> list[Delivery]:
        """Return the attempts to deliver, of one event type, command or action kind, or of all."""
        return [
            one for one in self.entries if isinstance(one, Delivery) and name in (None, one.name)
        ]

    def given_up(self) -> list[GivenUp]:
        """Return the events that never reached the app."""
        return [one for one in self.entries if isinstance(one, GivenUp)]

    def sockets(self) -> list[SocketSeen]:
        """Return what happened to sockets."""
        return [one for one in self.entries if isinstance(one, SocketSeen)]
