"""The way out to a pipe: final answers alone, each once."""

from collections import deque
from collections.abc import Sequence
from typing import TextIO

from anyio import to_thread

from chatune_adapters.console.saved import SavedFiles
from chatune_core.errors import DeliveryRefused
from chatune_core.messages import EventKey, Inbound, MessageKey, Reply
from chatune_core.ports import Capabilities
from chatune_core.text import clean

_REMEMBERED = 256  # deliveries; a repeated one follows its first within minutes


class PipeSender:
    """Writes each final answer and a line end; fulfils `Sender`. What was written cannot be taken
    back from a pipe, so nothing unfinished is shown. `failed` says that an answer was an apology.
    """

    capabilities = Capabilities(buttons=False, files=True)

    def __init__(self, out: TextIO, files: SavedFiles) -> None:
        self._out, self._files = out, files
        self.failed = False
        self._delivered: deque[EventKey] = deque(maxlen=_REMEMBERED)

    def preview(self, event: Inbound, text: str) -> None:
        """See `Sender.preview`."""

    def waiting(self, event: Inbound, position: int) -> None:
        """See `Sender.waiting`."""

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """See `Sender.deliver`."""
        if reply.answers not in self._delivered:
            self.failed |= reply.failed
            try:
                shown = await self._files.shown(reply)
                await to_thread.run_sync(self._write, clean(shown.text) + "\n")
            except OSError as error:
                raise DeliveryRefused("nobody reads the output any more") from error
            self._delivered.append(reply.answers)
        return [MessageKey(f"shown:{reply.answers}")]

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
