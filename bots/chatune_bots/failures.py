"""Turns every failure of a command into one line and an exit code."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chatune_bots.home import Home
from chatune_core.errors import ChatuneError, InvalidInput

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit codes: something must be mended; the input must be mended; Ctrl-C."""

logger = logging.getLogger(__name__)


@contextmanager
def failures_as_lines(home: Home) -> Iterator[None]:
    """Run the body of a command; end the process with one line on stderr if it fails.

    A failure that nobody foresaw is put in the log with its traceback, and the line says where.
    """
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - the last place before the person
        line, code = _line_and_code(error, home)
        if line:
            print(f"chatune: {line}", file=sys.stderr)  # noqa: T201
        raise SystemExit(code) from None


def _line_and_code(error: BaseException, home: Home) -> tuple[str, int]:
    match first := _first(error):
        case SystemExit():
            return "", int(first.code or 0)
        case InvalidInput():
            return str(first), MISUSED
        case ChatuneError():
            return str(first), FAILED
        case KeyboardInterrupt():
            return "", INTERRUPTED
        case BrokenPipeError():
            # Whoever read the output has gone; the interpreter would complain at its last flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return "", FAILED
    logger.critical("the command ended", exc_info=error)
    kind = type(first).__name__
    return f"Something went wrong inside Chatune ({kind}). The traceback is in {home.log}.", FAILED


def _first(error: BaseException) -> BaseException:
    """Return the one that tells a person most of an exception group, or the exception itself."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    parts = [_first(part) for part in error.exceptions]
    return next((part for part in parts if isinstance(part, ChatuneError)), parts[0])
