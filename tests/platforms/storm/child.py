"""The bot: `chatune serve` as a process of its own, which may be killed and starts again."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import anyio
from anyio.abc import Process

LEASE_S = 6.0
"""How long the claims of a killed process stand; longer than any one call to a platform takes."""
_COMMAND = [sys.executable, "-c", "from chatune_bots.cli import main; main()", "serve"]


class Child:
    """One home folder, and one process after another that serves it."""

    def __init__(self, home: Path, environment: Mapping[str, str], log: IO[bytes]) -> None:
        self._home, self._environment, self._log = home, environment, log
        self._process: Process | None = None
        self.kills = 0

    async def start(self) -> None:
        """Start it; it is not ready when this returns."""
        self._process = await anyio.open_process(
            _COMMAND,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            env=self._environment,
            cwd=self._home,
        )

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        assert self._process.returncode is None, "it has ended by itself"
        self._process.kill()
        await self._process.wait()
        self.kills += 1

    async def end(self) -> int:
        """Ask it to end; return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        with anyio.fail_after(30):
            return await self._process.wait()

    async def close(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def child(folder: Path, model: str, environment: Mapping[str, str]) -> AsyncIterator[Child]:
    """Yield a bot that is set up but not started; it is gone when the body ends."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "chatune.toml").write_text(
        f'[models.script]\nkind = "openai"\nbase_url = "{model}"\nmodel = "script"\n'
        f"context_tokens = 4096\nconcurrency = 64\n[storage]\nlease_s = {LEASE_S}\n"
    )
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    surroundings = {
        **kept,
        "HOME": str(folder),
        "CHATUNE_HOME": str(home),
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "errors").open("wb") as log:
        bot = Child(home, {**surroundings, **environment}, log)
        try:
            yield bot
        finally:
            with anyio.CancelScope(shield=True):
                await bot.close()
