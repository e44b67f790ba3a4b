"""The way in from a terminal or a pipe: bytes to lines, text to events."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime

import anyio

from chatune_core.messages import (
    ConversationId,
    EventKey,
    MessageReceived,
    StopRequested,
    UserId,
)
from chatune_core.text import clean

_CHUNK = 65_536  # bytes read at once


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits at the terminal and in which conversation; makes the events of that person."""

    user: UserId
    conversation: ConversationId
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    def message(self, text: str) -> MessageReceived:
        """Return the event that the person said `text`."""
        return MessageReceived(self._key(), self.conversation, self.user, self.now(), text)

    def stop(self) -> StopRequested:
        """Return the event that the person wants the running answer to end."""
        return StopRequested(self._key(), self.conversation, self.user, self.now())

    def _key(self) -> EventKey:
        return EventKey(f"terminal:{self.new_id()}")


@dataclass(frozen=True, slots=True)
class Mended:
    """Text that can be stored and shown, and a sentence on what had to change; "" if nothing."""

    text: str
    note: str = ""


def mended(text: str) -> Mended:
    """Return `text` with what is not UTF-8 replaced and control characters gone.

    Bytes that are not UTF-8 come as lone surrogates: decode with "surrogateescape".
    """
    cleaned = clean(text)
    if any("\ud800" <= character <= "\udfff" for character in text):
        return Mended(cleaned, "Some of it was not UTF-8 and was replaced.")
    if len(cleaned) != len(text.replace("\r\n", "\n")):
        return Mended(cleaned, "Control characters were removed.")
    return Mended(cleaned)


async def whole(descriptor: int, most: int) -> bytes:
    """Return what comes from `descriptor` until its end, at most `most` bytes and a little."""
    data = bytearray()
    async with aclosing(_chunks(descriptor)) as chunks:
        async for chunk in chunks:
            data += chunk
            if len(data) > most:
                break
    return bytes(data)


async def lines(descriptor: int, most: int) -> AsyncGenerator[bytes, None]:
    """Yield each line from `descriptor` without its end; what is over `most` bytes is left out."""
    line = bytearray()
    async with aclosing(_chunks(descriptor)) as chunks:
        async for chunk in chunks:
            *ended, tail = chunk.split(b"\n")
            for piece in ended:
                yield bytes(line + piece)[:most]
                line.clear()
            line += tail[: most - len(line)]
    if line:
        yield bytes(line)


async def _chunks(descriptor: int) -> AsyncGenerator[bytes, None]:
    while True:
        # A regular file cannot be waited for, and never makes anyone wait.
        with suppress(PermissionError):
            await anyio.wait_readable(descriptor)
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            return
        yield chunk
