"""The way out to a person at a terminal: answers grow in place."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TextIO

import anyio
from anyio import to_thread
from prompt_toolkit.application import run_in_terminal

from chatune_adapters.console.frame import Frame, Size, printable
from chatune_adapters.console.saved import SavedFiles
from chatune_core.messages import EventKey, Inbound, MessageKey, Reply
from chatune_core.ports import Capabilities
from chatune_core.signal import Signal

_REMEMBERED = 256  # deliveries; a repeated one follows its first within minutes
_HOUR = timedelta(hours=1)


class ConsoleSender:
    """Shows the answer of one turn at a time; fulfils `Sender`.

    Previews go through `run`, which writes in a thread: a terminal that is held with Ctrl-S
    delays only itself. A reply that is not of the running turn (to a message that an earlier run
    left unanswered) waits for the end of the turn and is shown above the prompt.
    """

    capabilities = Capabilities(buttons=False, files=True)

    def __init__(self, out: TextIO, size: Size, files: SavedFiles) -> None:
        self._out, self._size, self._files = out, size, files
        self._pen = anyio.Lock()
        self._answering: EventKey | None = None
        self._frame = Frame(size)
        self._newest = ""
        self._changed = Signal()
        self._muted: set[EventKey] = set()
        self._above: list[str] = []
        self._delivered: deque[EventKey] = deque(maxlen=_REMEMBERED)

    @asynccontextmanager
    async def turn(self, key: EventKey) -> AsyncGenerator[None, None]:
        """Give the screen to the answer to `key` until the body ends."""
        self._answering, self._frame, self._newest = key, Frame(self._size), ""
        try:
            yield
        finally:
            self._answering = None
        await self._show_above()

    def mute(self, key: EventKey) -> None:
        """Do not show the reply to `key`: the person sees its effect anyway."""
        self._muted.add(key)

    def preview(self, event: Inbound, text: str) -> None:
        """See `Sender.preview`."""
        if event.key == self._answering:
            # The final text has no white space around it; neither has what comes before it.
            self._newest = text.strip()
            self._changed.set()

    def waiting(self, event: Inbound, position: int) -> None:
        """See `Sender.waiting`."""
        if position:
            self.preview(event, f"You are {position} in line.")

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """See `Sender.deliver`."""
        receipt = MessageKey(f"shown:{reply.answers}")
        if reply.answers in self._muted:
            self._muted.discard(reply.answers)
        elif reply.answers not in self._delivered:
            self._delivered.append(reply.answers)
            reply = await self._files.shown(reply)
            if reply.answers == self._answering:
                self._newest = reply.text
                await self._paint(ending="\n\n")
            else:
                await self.announce(f"(To an earlier message:) {reply.text}\n")
        return [receipt]

    async def note(self, text: str) -> None:
        """Show a line of Chatune's own, below what stands of the running answer."""
        async with self._pen:
            await to_thread.run_sync(self._write, f"{self._frame.leave()}{printable(text)}\n")

    async def announce(self, text: str) -> None:
        """Show a line above the prompt, or after the running answer."""
        self._above.append(f"{text}\n")
        await self._show_above()

    async def run(self) -> None:
        """Paint previews until cancelled, only ever the newest."""
        while True:
            await self._changed.wait(_HOUR)
            await self._paint()

    async def _paint(self, ending: str = "") -> None:
        async with self._pen:
            if self._answering is not None:
                written = self._frame.draw(self._newest) + ending
                await to_thread.run_sync(self._write, written)
                if ending:
                    self._answering, self._frame = None, Frame(self._size)

    async def _show_above(self) -> None:
        async with self._pen:
            while self._above and self._answering is None:
                await run_in_terminal(partial(self._write, printable(self._above.pop(0))))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
