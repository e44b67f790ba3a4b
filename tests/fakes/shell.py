"""The command line as people use it: a process of its own, a home of its own."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes.terminal import Terminal, terminal

_COMMAND = [sys.executable, "-c", "from chatune_bots.cli import main; main()"]
_PATIENCE_S = 120


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    errors: str


@dataclass(frozen=True)
class Shell:
    """Runs `chatune` with a home and a current folder that belong to the test."""

    home: Path
    folder: Path
    environment: dict[str, str]

    def configure(self, text: str) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.home / "chatune.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str | Path, typed: str | bytes = b"") -> Ran:
        data = typed.encode() if isinstance(typed, str) else typed
        ended = subprocess.run(
            self._line(arguments),
            input=data,
            capture_output=True,
            env=self.environment,
            cwd=self.folder,
            timeout=_PATIENCE_S,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    @contextmanager
    def serving(self) -> "Iterator[Serving]":
        """Run `chatune serve` while the body runs; it is ready when the body begins."""
        with subprocess.Popen(
            self._line(("serve",)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.folder,
        ) as process:
            try:
                serving = Serving(process)
                while "ready" not in (line := serving.remark()):
                    assert line, "it ended before it was ready"
                yield serving
            finally:
                process.kill()

    def terminal(self, *arguments: str | Path) -> AbstractContextManager[Terminal]:
        return terminal(self._line(arguments), self.environment, self.folder)

    def _line(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return [*_COMMAND, *(str(argument) for argument in arguments)]


class Serving:
    """A `chatune serve` that answers lines."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._process = process
        self._in, self._out, self._errors = process.stdin, process.stdout, process.stderr

    def say(self, line: str) -> None:
        self._in.write(line.encode() + b"\n")
        self._in.flush()

    def answer(self) -> str:
        return self._out.readline().decode().rstrip("\n")

    def remark(self) -> str:
        return self._errors.readline().decode()

    def told_to_end(self) -> tuple[int, str]:
        """Send SIGTERM; return the exit code and what else came out."""
        self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=_PATIENCE_S)
        return self._process.returncode, out.decode()


def wait_until(true: Callable[[], object]) -> None:
    """Return once `true` says so; fail if it takes too long."""
    end = time.monotonic() + _PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
