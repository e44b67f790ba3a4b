"""The command line as people use it: a process of its own, a home of its own."""

import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from fakes.terminal import Terminal, terminal

_COMMAND = [sys.executable, "-c", "from chatune_bots.cli import main; main()"]
_PATIENCE_S = 40


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

    def start(self, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._line(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.folder,
        )

    def terminal(self, *arguments: str | Path) -> AbstractContextManager[Terminal]:
        return terminal(self._line(arguments), self.environment, self.folder)

    def _line(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return [*_COMMAND, *(str(argument) for argument in arguments)]
