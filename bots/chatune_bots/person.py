"""Who sits at the terminal."""

import getpass
import hashlib
import os
import socket

from chatune_bots.home import Home
from chatune_core.messages import UserId


def terminal_user() -> UserId:
    """Return the id of the person whose login runs this process: `terminal:<login>`."""
    try:
        return UserId(f"terminal:{getpass.getuser()}")
    except (KeyError, OSError):  # a container may run under a number that has no name
        return UserId(f"terminal:{os.getuid()}")


def terminal_platform(home: Home, kind: str) -> str:
    """Return the platform name of terminals of this home: `terminal-<8 hex digits>`.

    Where several machines share a database, none takes what was typed at another. `kind` is
    "terminal" for `chatune chat`, "console" for the standard input of `chatune serve`.
    """
    place = f"{socket.gethostname()}\0{home.path}"
    return f"{kind}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
