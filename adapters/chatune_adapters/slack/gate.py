"""The way out as others hold it: there from the beginning, usable while the platform runs."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chatune_adapters.slack.enforcer import aside
from chatune_core.errors import RetryLater
from chatune_core.messages import (
    Attachment,
    ConversationId,
    Inbound,
    MessageKey,
    Reply,
    UserId,
)
from chatune_core.moderation.cases import Measure
from chatune_core.ports import Capabilities, Enforcer, Files, Sender

_SOON = timedelta(seconds=1)


class GatedSender:
    """Fulfils `Sender`: passes on to another while that one is open."""

    def __init__(self) -> None:
        self._open: Sender | None = None

    def open(self, sender: Sender) -> None:
        """Pass on to `sender` from now on."""
        self._open = sender

    def shut(self) -> None:
        """Refuse from now on."""
        self._open = None

    @property
    def capabilities(self) -> Capabilities:
        """See Sender.capabilities."""
        return Capabilities(buttons=True, files=True)

    def preview(self, event: Inbound, text: str) -> None:
        """See Sender.preview."""
        if self._open is not None:
            self._open.preview(event, text)

    def waiting(self, event: Inbound, position: int) -> None:
        """See Sender.waiting."""
        if self._open is not None:
            self._open.waiting(event, position)

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """See Sender.deliver."""
        if self._open is None:
            raise RetryLater("Slack is not connected", _SOON)
        return await self._open.deliver(reply)


class GatedFiles:
    """Fulfils `Files`: passes on to another while that one is open."""

    def __init__(self) -> None:
        self._open: Files | None = None

    def open(self, files: Files) -> None:
        """Pass on to `files` from now on."""
        self._open = files

    def shut(self) -> None:
        """Refuse from now on."""
        self._open = None

    async def read(self, attachment: Attachment, limit_bytes: int) -> bytes:
        """See Files.read."""
        if self._open is None:
            raise RetryLater("Slack is not connected", _SOON)
        return await self._open.read(attachment, limit_bytes)


class GatedEnforcer:
    """Fulfils `Enforcer`: passes on to another while that one is open."""

    def __init__(self, measures: frozenset[Measure]) -> None:
        self._measures = measures
        self._open: Enforcer | None = None

    def open(self, enforcer: Enforcer) -> None:
        """Pass on to `enforcer` from now on."""
        self._open = enforcer

    def shut(self) -> None:
        """Refuse from now on."""
        self._open = None

    @property
    def measures(self) -> frozenset[Measure]:
        """See Enforcer.measures."""
        return self._measures

    async def remove(self, conversation: ConversationId, message: MessageKey) -> None:
        """See Enforcer.remove."""
        await self._opened().remove(conversation, message)

    async def flag(self, conversation: ConversationId, message: MessageKey, *, on: bool) -> None:
        """See Enforcer.flag."""
        await self._opened().flag(conversation, message, on=on)

    async def time_out(
        self, conversation: ConversationId, user: UserId, until: datetime | None
    ) -> None:
        """See Enforcer.time_out."""
        await self._opened().time_out(conversation, user, until)

    async def slow_down(
        self, conversation: ConversationId, pause: timedelta, until: datetime | None = None
    ) -> None:
        """See Enforcer.slow_down."""
        await self._opened().slow_down(conversation, pause, until)

    def aside(self, conversation: ConversationId, user: UserId) -> ConversationId:
        """See Enforcer.aside."""
        return aside(conversation)

    def _opened(self) -> Enforcer:
        if self._open is None:
            raise RetryLater("Slack is not connected", _SOON)
        return self._open
