"""Waiting for what a protocol server will come to show."""

from collections.abc import Callable

import anyio


async def until(holds: Callable[[], object], patience_s: float = 30.0) -> None:
    """Return once `holds()`; fail if that takes too long. The bot may be another process."""
    with anyio.fail_after(patience_s):
        while not holds():  # noqa: ASYNC110 - what it looks at is in another process
            await anyio.sleep(0.01)
