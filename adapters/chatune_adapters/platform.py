"""What every platform offers to the process that serves it."""

from dataclasses import dataclass
from typing import Protocol

from anyio.abc import TaskStatus

from chatune_core.ports import Enforcer, Files, Intake, Sender


@dataclass(frozen=True, slots=True)
class Health:
    """How a connection stands.

    `silent_s`: seconds since anything, a heartbeat included, was heard. `detail` is one line for
    people, without secrets: what is wrong, or who the bot is connected as.
    """

    connected: bool
    silent_s: float
    detail: str


class Platform(Protocol):
    """One chat platform: a way in, a way out, and how both are."""

    @property
    def name(self) -> str:
        """The part of a `ConversationId` before its first colon."""
        ...

    @property
    def sender(self) -> Sender:
        """The way out; usable while `run` runs, `RetryLater` otherwise."""
        ...

    @property
    def files(self) -> Files:
        """What people attached; usable while `run` runs."""
        ...

    @property
    def enforcer(self) -> Enforcer | None:
        """What the bot may do about messages and people; None where there is nothing to do.

        Usable while `run` runs, `RetryLater` otherwise.
        """
        ...

    async def run(self, intake: Intake, *, task_status: TaskStatus[None]) -> None:
        """Connect, then hand events to `intake` until cancelled; reconnect by itself.

        `task_status.started()` is called when events arrive. The way out stays open to the end.

        Raises:
            ConfigurationError: a token, a scope or an intent is missing; trying again is useless.
        """
        ...

    def pause(self) -> None:
        """Take no more events, so that the platform keeps them for later; keep sending."""
        ...

    def health(self) -> Health:
        """Return how the connection stands, at once."""
        ...
