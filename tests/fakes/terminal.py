"""A terminal with a program in it, for tests that type and look."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fakes.processes import Process, Start, Streams

_PATIENCE_S = 20.0
_CONTROLS = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>()][0-9A-Za-z]?|\].*?\x07)")
ENTER, CTRL_C, CTRL_D, ALT_ENTER, TAB, UP = b"\r", b"\x03", b"\x04", b"\x1b\r", b"\t", b"\x1b[A"


class Terminal:
    """Types into the program and reads what it shows, colours and movements left out."""

    def __init__(self, process: Process, master: int) -> None:
        self._process, self._master = process, master
        self._seen = ""

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def until(self, shown: str) -> str:
        """Return what came up to and with `shown`; fail if it does not come."""
        end = time.monotonic() + _PATIENCE_S
        while shown not in self._seen:
            assert self._read(end - time.monotonic()), f"no {shown!r} in {self._seen!r}"
        before, _, self._seen = self._seen.partition(shown)
        return before + shown

    def ends(self) -> int:
        """Return the exit code once the program has ended."""
        end = time.monotonic() + _PATIENCE_S
        while self._read(end - time.monotonic()):
            pass
        return self._process.wait(max(0.1, end - time.monotonic()))

    @property
    def rest(self) -> str:
        """Return what came after the last `until`."""
        return self._seen

    def _read(self, patience_s: float) -> bool:
        if not select.select([self._master], [], [], max(0.0, patience_s))[0]:
            return False
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # Linux says EIO when the program has closed its end
            return False
        self._seen += _CONTROLS.sub("", data.decode("utf-8", errors="replace"))
        return bool(data)


@contextmanager
def terminal(
    start: Start, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[Terminal]:
    """Start it in a terminal of 24 rows and 80 columns; it is killed when the body ends."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    # Nobody here answers when prompt_toolkit asks where the cursor is.
    asked_not_to = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    process = start(
        arguments, {**environment, **asked_not_to}, folder, Streams(slave, slave, slave)
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)
