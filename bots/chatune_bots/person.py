"""Who sits at the terminal."""

import getpass
import os

from chatune_core.messages import UserId


def terminal_user() -> UserId:
    """Return the id of the person whose login runs this process: `terminal:<login>`."""
    try:
        return UserId(f"terminal:{getpass.getuser()}")
    except (KeyError, OSError):  # a container may run under a number that has no name
        return UserId(f"terminal:{os.getuid()}")
