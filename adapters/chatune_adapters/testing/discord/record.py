"""What bots did on the wire: every request, every gateway connection."""

from dataclasses import dataclass, field

from chatune_adapters.testing.discord.entities import Json


@dataclass(slots=True)
class Request:
    """One request and how it was answered; `status` is None if no answer was sent."""

    at: float
    """Seconds of the server's clock."""
    method: str
    route: str
    """The path with its parameters' names, such as `/channels/{channel_id}/messages`."""
    path: str
    body: Json | list[Json] | None = None
    status: int | None = None
    answered_at: float | None = None
    fault: str | None = None
    """The fault that met it, if any."""
    reason: str | None = None
    """What it says for the audit log."""


@dataclass(slots=True)
class Connection:
    """One gateway connection, from hello to close."""

    at: float
    path: str
    query: dict[str, str]
    received: list[Json] = field(default_factory=list)
    """Payloads that the bot sent, in order."""
    session_id: str | None = None
    resumed: bool = False
    heartbeats: int = 0
    acks: int = 0
    closed_with: int | None = None
    closed_at: float | None = None
