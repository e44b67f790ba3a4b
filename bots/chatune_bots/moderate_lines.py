"""`chatune moderate --jsonl`: a line in, a line out, in order, however long the stream is."""

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio

from chatune_bots.home import Home
from chatune_bots.moderate import answer, as_line, open_moderator, role_named
from chatune_bots.start import Start, start
from chatune_core.errors import GenerationFailed, InvalidInput, RetryLater
from chatune_core.messages import ConversationId, UserId
from chatune_core.moderation.moderator import Examined, Moderator
from chatune_core.moderation.verdicts import Said, Source

LONGEST_LINE = 8_000_000
"""Bytes; a megabyte of text, each character written as an escape, and some room."""
_CHUNK = 1 << 16
_TEXTS, _CHARACTERS = 64, 200_000
"""What is judged together at most."""

Judged = Examined | InvalidInput | RetryLater
"""What became of one line: looked at, not understood, or not possible now."""


def run_moderate_lines(home: Home, folder: Path, source: Source) -> None:
    """Answer each line of standard input on standard output, as soon as it can be."""
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    anyio.run(partial(_answer_lines, start(home, folder, None), source))


async def _answer_lines(begun: Start, source: Source) -> None:
    async with open_moderator(begun) as moderator:
        read = partial(_arrived, sys.stdin.fileno())
        async for _, _, judged in judged_lines(
            moderator, read, partial(said_in_json, source=source)
        ):
            sys.stdout.write(as_line(_result(judged)) + "\n")
            sys.stdout.flush()


async def _arrived(descriptor: int) -> bytes:
    # A thread that waits for input would outlive Ctrl-C. A regular file cannot be waited for, and
    # never makes anyone wait.
    with suppress(PermissionError):
        await anyio.wait_readable(descriptor)
    return os.read(descriptor, _CHUNK)


def _result(judged: Judged) -> dict[str, object]:
    return answer(judged) if isinstance(judged, Examined) else {"error": str(judged)}


def said_in_json(line: bytes, source: Source) -> Said:
    """Return the text in a line of JSON; what it leaves out is as `source` says.

    Raises:
        InvalidInput: the line is no such object.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidInput("the line is not JSON") from None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise InvalidInput('the line is not an object with a string "text"')
    values = {name: row.get(name, "") for name in ("role", "channel", "user")}
    for name, value in values.items():
        if not isinstance(value, str):
            raise InvalidInput(f'"{name}" is not a string')
    return Said(
        row["text"],
        Source(
            role_named(values["role"]) if values["role"] else source.role,
            ConversationId(values["channel"]) if values["channel"] else source.conversation,
            UserId(values["user"]),
        ),
    )


def said_in_text(line: bytes, source: Source) -> Said:
    """Return a line of plain text as it is."""
    return Said(line.decode("utf-8", errors="replace"), source)


async def judged_lines(
    moderator: Moderator, read: Callable[[], Awaitable[bytes]], said_in: Callable[[bytes], Said]
) -> AsyncIterator[tuple[int, bytes, Judged]]:
    """Yield number (from 1), content and outcome of each line of a stream, in order.

    Args:
        moderator: what judges; lines that are there already are judged together.
        read: returns what is there, waiting for some; b"" at the end.
        said_in: returns what a line says, or raises InvalidInput.
    """
    number, lines = 0, Lines()
    while lines.open:
        arrived = list(lines.after(await read()))
        for batch in _batches(arrived, said_in):
            outcomes = await _judged(moderator, [said for _, said in batch])
            for (line, _), outcome in zip(batch, outcomes, strict=True):
                number += 1
                yield number, line, outcome


class Lines:
    """Cuts a stream of bytes into lines, holding no more than one line of the longest length."""

    def __init__(self) -> None:
        self.open = True
        """Whether there may be more."""
        self._begun = bytearray()
        self._too_long = False

    def after(self, data: bytes) -> Iterator[bytes | None]:
        """Yield the lines that `data` ends; None for one that was too long. b"" ends the stream."""
        if not data:
            self.open = False
            if self._begun or self._too_long:
                yield self._taken()
            return
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._add(end)
            yield self._taken()
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        if len(self._begun) + len(piece) > LONGEST_LINE:
            self._too_long = True
            self._begun.clear()
        if not self._too_long:
            self._begun += piece

    def _taken(self) -> bytes | None:
        line = None if self._too_long else bytes(self._begun).removesuffix(b"\r")
        self._begun.clear()
        self._too_long = False
        return line


def _batches(
    lines: Sequence[bytes | None], said_in: Callable[[bytes], Said]
) -> Iterator[list[tuple[bytes, Said | InvalidInput]]]:
    batch: list[tuple[bytes, Said | InvalidInput]] = []
    characters = 0
    for line in lines:
        said = _understood(line, said_in)
        batch.append((line or b"", said))
        characters += len(said.text) if isinstance(said, Said) else 0
        if len(batch) >= _TEXTS or characters >= _CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _understood(line: bytes | None, said_in: Callable[[bytes], Said]) -> Said | InvalidInput:
    if line is None:
        return InvalidInput(f"the line is longer than {LONGEST_LINE} bytes")
    try:
        return said_in(line)
    except InvalidInput as error:
        return error


async def _judged(moderator: Moderator, batch: Sequence[Said | InvalidInput]) -> list[Judged]:
    judged = iter(await _examined(moderator, [one for one in batch if isinstance(one, Said)]))
    return [next(judged) if isinstance(one, Said) else one for one in batch]


async def _examined(moderator: Moderator, texts: Sequence[Said]) -> Sequence[Judged]:
    try:
        return await moderator.examine(texts)
    except RetryLater as error:
        if len(texts) == 1 or not isinstance(error.__cause__, GenerationFailed):
            return [error for _ in texts]
    # The model could not answer for one of them, which must not spoil the others.
    return [judged for text in texts for judged in await _examined(moderator, [text])]
