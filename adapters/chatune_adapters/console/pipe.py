"""The way out to a pipe: final answers alone, each once."""

from collections import deque
from typing import TextIO

from anyio import to_thread

from chatune_core.errors import DeliveryRefused
from chatune_core.messages import ConversationId, EventKey, MessageKey, Reply
from chatune_core.text import clean

_REMEMBERED = 256  # deliveries; a repeated one follows its first within minutes


class PipeSender:
    """Writes each final answer and a line end; fulfils `Sender`. What was written cannot be taken
    back from a pipe, so nothing unfinished is shown.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._delivered: deque[EventKey] = deque(maxlen=_REMEMBERED)

    def preview(self, answers: EventKey, conversation: ConversationId, text: str) -> None:
        """See `Sender.preview`."""

    def waiting(self, answers: EventKey, conversation: ConversationId, position: int) -> None:
        """See `Sender.waiting`."""

    async def deliver(self, reply: Reply) -> MessageKey:
        """See `Sender.deliver`."""
        if reply.answers not in self._delivered:
            try:
                await to_thread.run_sync(self._write, clean(reply.text) + "\n")
            except OSError as error:
                raise DeliveryRefused("nobody reads the output any more") from error
            self._delivered.append(reply.answers)
        return MessageKey(f"shown:{reply.answers}")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
