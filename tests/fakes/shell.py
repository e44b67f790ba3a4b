"""The command line as people use it: a process of its own, a home of its own."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fakes.processes import Process, Start, Streams, start_anew
from fakes.terminal import Terminal, terminal

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
    start: Start = start_anew

    def configure(self, text: str) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.home / "chatune.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str | Path, typed: str | bytes = b"") -> Ran:
        """Run it to its end; `typed` is all of its input."""
        with self.running(*arguments) as command:
            return command.ran(typed.encode() if isinstance(typed, str) else typed)

    @contextmanager
    def running(self, *arguments: str | Path) -> "Iterator[Running]":
        """Run it while the body runs; it is killed at the end if it has not ended."""
        theirs, ours = zip(*(_pipe(writes=number > 0) for number in range(3)), strict=True)
        words = [str(argument) for argument in arguments]
        try:
            process = self.start(words, self.environment, self.folder, Streams(*theirs))
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        stdin, stdout, stderr = ours
        try:
            yield Running(process, stdin, stdout, stderr)
        finally:
            process.kill()
            process.wait()
            for stream in ours:
                with suppress(BrokenPipeError):
                    stream.close()

    @contextmanager
    def serving(self) -> "Iterator[Running]":
        """Run `chatune serve` while the body runs; it is ready when the body begins."""
        with self.running("serve") as serving:
            while "ready" not in (line := serving.remark()):
                assert line, "it ended before it was ready"
            yield serving

    def terminal(self, *arguments: str | Path) -> AbstractContextManager[Terminal]:
        words = [str(argument) for argument in arguments]
        return terminal(self.start, words, self.environment, self.folder)


class Running:
    """A `chatune` that runs; one that answers lines may be talked to."""

    def __init__(
        self, process: Process, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]
    ) -> None:
        self._process = process
        self._in, self._out, self._errors = stdin, stdout, stderr

    def say(self, line: str) -> None:
        self._in.write(line.encode() + b"\n")
        self._in.flush()

    def answer(self) -> str:
        return self._out.readline().decode().rstrip("\n")

    def remark(self) -> str:
        return self._errors.readline().decode()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def ran(self, typed: bytes = b"") -> Ran:
        """Give it the rest of its input; return how it ended, with what else came out."""
        with ThreadPoolExecutor(3) as threads:
            given = threads.submit(self._give, typed)
            out, errors = (threads.submit(one.read) for one in (self._out, self._errors))
            try:
                code = self._process.wait(_PATIENCE_S)
            finally:
                self._process.kill()
            given.result()
            return Ran(code, out.result().decode(), errors.result().decode())

    def told_to_end(self) -> tuple[int, str]:
        """Send SIGTERM; return the exit code and what else came out."""
        self.signal(signal.SIGTERM)
        ran = self.ran()
        return ran.code, ran.out

    def _give(self, typed: bytes) -> None:
        with suppress(BrokenPipeError):  # it has ended before it read all
            self._in.write(typed)
        with suppress(BrokenPipeError):
            self._in.close()


def _pipe(*, writes: bool) -> tuple[int, IO[bytes]]:
    """Return the command's end of a new pipe, to which it `writes` or not, and ours."""
    read, write = os.pipe()
    return (write, os.fdopen(read, "rb")) if writes else (read, os.fdopen(write, "wb"))


def wait_until(true: Callable[[], object]) -> None:
    """Return once `true` says so; fail if it takes too long."""
    end = time.monotonic() + _PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
