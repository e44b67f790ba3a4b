"""A conversation at the terminal: read, hand to the core, show, until the person leaves."""

import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol

import anyio

from chatune_adapters.console.intake import Seat, mended
from chatune_adapters.console.sender import ConsoleSender
from chatune_core.errors import RetryLater
from chatune_core.messages import Inbound
from chatune_core.runtime import Runtime

LEAVE = frozenset({"/quit", "/exit"})
HOW_TO_LEAVE = "Ctrl-D leaves, /help lists what I can do."
DELAYED = "That could not be worked on"
NOTHING_TYPED = "Write something, or /help."


class Editor(Protocol):
    """Where messages are typed."""

    async def read(self) -> str:
        """See `LineEditor.read`."""
        ...

    def silent(self) -> AbstractContextManager[None]:
        """See `LineEditor.silent`."""
        ...


class ConsoleSession:
    """One person's visit. `ready` gives the runtime, and waits for it where it still loads."""

    def __init__(
        self,
        editor: Editor,
        sender: ConsoleSender,
        seat: Seat,
        ready: Callable[[], Awaitable[Runtime]],
    ) -> None:
        self._editor, self._sender, self._seat, self._ready = editor, sender, seat, ready
        self._left = False

    async def run(self) -> None:
        """Talk until the person leaves."""
        while True:
            try:
                typed = mended(await self._editor.read())
            except EOFError:
                return
            except KeyboardInterrupt:
                await self._sender.note(HOW_TO_LEAVE)
                continue
            if typed.text.strip().lower() in LEAVE:
                return
            if typed.note:
                await self._sender.note(typed.note)
            if not typed.text.strip():
                await self._sender.note(NOTHING_TYPED)
            elif not await self._answered(typed.text):
                return

    async def _answered(self, text: str) -> bool:
        """Show the answer to `text`; return False if the person left instead of waiting."""
        with self._editor.silent():
            return await self._answer(await self._ready(), text)

    async def _answer(self, runtime: Runtime, text: str) -> bool:
        event = self._seat.message(text)
        self._left = False
        async with self._sender.turn(event.key), anyio.create_task_group() as tasks:
            tasks.start_soon(self._obey_interrupts, runtime, tasks.cancel_scope)
            await self._handle(runtime, event)
            tasks.cancel_scope.cancel()
        return not self._left

    async def _handle(self, runtime: Runtime, event: Inbound) -> None:
        try:
            await runtime.handle(event)
        except RetryLater as error:
            await self._sender.note(f"{DELAYED}: {error}. If no answer comes, press Up to repeat.")

    async def _obey_interrupts(self, runtime: Runtime, answering: anyio.CancelScope) -> None:
        """Let the first Ctrl-C stop the answer and the second leave without it."""
        with anyio.open_signal_receiver(signal.SIGINT) as presses:
            await anext(presses)
            stop = self._seat.stop()
            self._sender.mute(stop.key)
            try:
                await runtime.receive(stop)
            except RetryLater as error:
                await self._sender.note(f"It could not be stopped: {error}. Ctrl-C again leaves.")
            await anext(presses)
            self._left = True
            answering.cancel()
