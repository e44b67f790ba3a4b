"""Keeps what is typed during an answer from being echoed into it."""

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

_LOCAL_FLAGS = 3  # index in what tcgetattr returns


@contextmanager
def no_echo() -> Iterator[None]:
    """Turn the terminal's echo off for the body; what is typed is kept for the next prompt."""
    descriptor = sys.stdin.fileno()
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error:  # no terminal, so nothing echoes
        yield
        return
    silent = [*before]
    silent[_LOCAL_FLAGS] = before[_LOCAL_FLAGS] & ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
