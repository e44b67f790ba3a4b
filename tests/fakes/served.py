"""`chatune serve` beside a protocol server in one event loop."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from anyio import to_thread

from fakes.shell import Shell


@asynccontextmanager
async def serving(shell: Shell) -> AsyncGenerator[None, None]:
    """Run `chatune serve` while the body runs; at its end it is told to end, and ends well."""
    running = shell.serving()
    bot = await to_thread.run_sync(running.__enter__)
    try:
        yield
        code, _ = await to_thread.run_sync(bot.told_to_end)
        assert code == 0
    finally:
        await to_thread.run_sync(running.__exit__, None, None, None)


async def exported(shell: Shell, user: str) -> list[dict[str, object]]:
    """Return every record about `user`, with the name of its store."""
    ran = await to_thread.run_sync(shell.run, "data", "export", user)
    records = json.loads(ran.out)["records"]
    assert isinstance(records, list)
    return records
