"""`chatune` as a process of its own, started as people start it; and what any way to start has."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

_COMMAND = (
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'chatune'; from chatune_bots.cli import main; main()",
)
# Makes its standard input the terminal that controls it, so that Ctrl-C is a signal there.
_IN_TERMINAL = (
    sys.executable,
    "-c",
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])",
)


class Streams(NamedTuple):
    """File descriptors of the three standard streams; whoever opened them closes them."""

    stdin: int
    stdout: int
    stderr: int


class Process(Protocol):
    """What runs, or has run; `subprocess.Popen` fulfils it."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit code, or None if it runs; negative is the signal that ended it."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended; raise `subprocess.TimeoutExpired` if it does not."""
        ...

    def send_signal(self, sig: int) -> None:
        """Signal it, if it runs."""
        ...

    def kill(self) -> None:
        """End it at once, if it runs."""
        ...


class Start(Protocol):
    """Starts `chatune` with `arguments`, leader of a session of its own.

    If `streams` are a terminal, it is the terminal that controls it.
    """

    def __call__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        streams: Streams,
    ) -> Process: ...


def start_anew(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, streams: Streams
) -> Process:
    """See Start. A new interpreter imports all it needs."""
    in_terminal = _IN_TERMINAL if os.isatty(streams.stdin) else ()
    return subprocess.Popen(
        [*in_terminal, *_COMMAND, *arguments],
        stdin=streams.stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
        env=dict(environment),
        cwd=folder,
        start_new_session=True,
    )
