"""One process at a time for a home whose database is a file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from chatune_bots.home import Home
from chatune_core.errors import ConfigurationError


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Hold the home while the body runs; a killed process lets go by itself.

    Two processes would take each other's messages from the inbox and answer them in the wrong
    window.

    Raises:
        ConfigurationError: another process holds it, or it cannot be written.
    """
    try:
        descriptor = os.open(home.lock, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{home.lock} cannot be written: {error.strerror}.", "Mend that, or choose --home."
        ) from error
    try:
        _take(descriptor, home)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, home: Home) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        raise ConfigurationError(
            f"Another chatune (process {holder}) is using the home {str(home.path)!r}.",
            "Leave that one, choose another with --home, or use PostgreSQL (storage.url).",
        ) from error
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except OSError:
        return  # a full disk: the lock holds all the same, its holder just has no name
