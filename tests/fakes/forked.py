"""Commands that start at once: each is the fork of a process that has imported Chatune already.

Most of what a small command costs is the import of SQLAlchemy, aiohttp and their like. Here that is
done once. A command is a process of its own all the same, with its own environment, folder, standard
streams, terminal and end; what is imported later than here it imports itself.
"""

import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from fakes.processes import Streams

_USED_LATER = (
    "alembic.command",
    "chatune_adapters.discord.platform",
    "chatune_adapters.slack.platform",
    "chatune_core.generation.openai_engine",
    "chatune_storage.sql_stores",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "typer._adapters",
)
"""What a command imports only when it comes to use it."""
_HEAVY = ("torch", "transformers")
_LONGEST = 1 << 20


class _Command(NamedTuple):
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    streams: Streams


class Forked:
    """A command that runs, or has run. Fulfils `fakes.processes.Process`."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._told = link.makefile("rb", buffering=0)
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("chatune", timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = int(self._told.readline())
            self._told.close()
            self._link.close()
        return self.returncode


class Stem:
    """The process that has imported Chatune; see `stem`."""

    def __init__(self, address: Path) -> None:
        self._address = address

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        streams: Streams,
    ) -> Forked:
        """Fulfil `fakes.processes.Start`."""
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(self._address))
        asked = json.dumps([list(arguments), dict(environment), str(folder)]).encode()
        socket.send_fds(link, [len(asked).to_bytes(4, "big")], list(streams))
        link.sendall(asked)
        return Forked(link)


@contextmanager
def stem() -> Iterator[Stem]:
    """Yield a process that commands are forked from; they and it are gone when the body ends."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    tests = str(Path(__file__).parents[1])
    code = f"import sys; sys.path.append({tests!r}); from fakes.forked import main; main()"
    with TemporaryDirectory() as folder:
        address = Path(folder, "stem")
        # Pipes, as a command's own streams mostly are: Python asks once what they are.
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(address)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # No thread may run in what is forked.
            env={**kept, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
        with process:  # whose end is the end of its input
            assert process.stdout
            assert process.stdout.readline() == b"ready\n", "it could not import Chatune"
            yield Stem(address)


def main() -> None:
    """Import Chatune, say so, and become each command that is asked for, in a fork."""
    address = sys.argv.pop()
    sys.path.pop()  # a command does not see the tests
    import chatune_bots

    names = [
        f"chatune_bots.{module.name}" for module in pkgutil.iter_modules(chatune_bots.__path__)
    ]
    for name in (*names, *_USED_LATER):
        importlib.import_module(name)
    assert not any(name in sys.modules for name in _HEAVY)
    gc.collect()
    gc.freeze()  # or each fork copies what its collector touches
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    os.write(1, b"ready\n")
    if command := _next_command(listener):
        _become(command)


def _next_command(listener: socket.socket) -> _Command | None:
    """Return in a fork what it is to be; return None in this process when its input ends."""
    running: dict[int, socket.socket] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while 0 not in (ready := _ready(0, woken, listener.fileno())):
        if woken in ready:
            os.read(woken, _LONGEST)
            _tell_ends(running)
        if listener.fileno() in ready and (command := _forked(listener, running)):
            return command
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    return None


def _ready(*descriptors: int) -> list[int]:
    return select.select(descriptors, [], [])[0]


def _forked(listener: socket.socket, running: dict[int, socket.socket]) -> _Command | None:
    link, _ = listener.accept()
    command = _asked(link)
    if pid := os.fork():
        for descriptor in command.streams:
            os.close(descriptor)
        running[pid] = link
        link.sendall(f"{pid}\n".encode())
        return None
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for open_here in (listener, link, *running.values()):
        open_here.close()
    return command


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        link = running.pop(pid)
        with suppress(BrokenPipeError):  # nobody waits for it
            link.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        link.close()


def _asked(link: socket.socket) -> _Command:
    size, streams, _, _ = socket.recv_fds(link, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += link.recv(_LONGEST)
    arguments, environment, folder = json.loads(asked)
    return _Command(arguments, environment, folder, Streams(*streams))


def _become(command: _Command) -> None:
    os.setsid()
    for number, descriptor in enumerate(command.streams):
        os.dup2(descriptor, number)
    for descriptor in set(command.streams):
        os.close(descriptor)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    sys.argv = ["chatune", *command.arguments]
    from chatune_bots.cli import main as command_line

    command_line()
