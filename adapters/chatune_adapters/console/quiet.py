"""Keeps what is typed during an answer from being echoed into it."""

import termios
from collections.abc import Iterator
from contextlib import contextmanager

_LOCAL_FLAGS = 3  # index in what tcgetattr returns


@contextmanager
def no_echo(descriptor: int) -> Iterator[None]:
    """Turn the echo of a terminal off for the body; what is typed is kept for the next prompt."""
    before = termios.tcgetattr(descriptor)
    silent = [*before]
    silent[_LOCAL_FLAGS] = before[_LOCAL_FLAGS] & ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
