"""The bot: `chatune serve` as a process of its own, which may be killed and starts again."""

import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import anyio
from anyio import to_thread

from fakes.processes import Process, Start, Streams

LEASE_S = 6.0
"""How long the claims of a killed process stand; longer than any one call to a platform takes."""


class Child:
    """One home folder, and one process after another that serves it."""

    def __init__(
        self, start: Start, home: Path, environment: Mapping[str, str], log: IO[bytes]
    ) -> None:
        self._start, self._home, self._environment, self._log = start, home, environment, log
        self._process: Process | None = None
        self.kills = 0

    def start(self) -> None:
        """Start it; it is not ready when this returns."""
        with Path(os.devnull).open("r+b") as nothing:
            streams = Streams(nothing.fileno(), nothing.fileno(), self._log.fileno())
            self._process = self._start(["serve"], self._environment, self._home, streams)

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        assert self._process.poll() is None, "it has ended by itself"
        self._process.kill()
        await to_thread.run_sync(self._process.wait)
        self.kills += 1

    async def end(self) -> int:
        """Ask it to end; return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await to_thread.run_sync(self._process.wait, 30.0)

    async def close(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            await to_thread.run_sync(self._process.wait)


@asynccontextmanager
async def child(
    start: Start, folder: Path, model: str, environment: Mapping[str, str], settings: str
) -> AsyncIterator[Child]:
    """Yield a bot that is set up but not started; it is gone when the body ends."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "chatune.toml").write_text(
        f'[models.script]\nkind = "openai"\nbase_url = "{model}"\nmodel = "script"\n'
        f"context_tokens = 4096\nconcurrency = 64\n[storage]\nlease_s = {LEASE_S}\n"
        f"{settings}"
    )
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    surroundings = {
        **kept,
        "HOME": str(folder),
        "CHATUNE_HOME": str(home),
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "errors").open("wb") as log:
        bot = Child(start, home, {**surroundings, **environment}, log)
        try:
            yield bot
        finally:
            with anyio.CancelScope(shield=True):
                await bot.close()
