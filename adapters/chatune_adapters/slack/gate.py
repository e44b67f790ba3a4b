"""The way out as others hold it: there from the beginning, usable while the platform runs."""

from collections.abc import Sequence
from datetime import timedelta

from chatune_core.errors import RetryLater
from chatune_core.messages import Attachment, Inbound, MessageKey, Reply
from chatune_core.ports import Capabilities, Files, Sender

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
