"""Stores for the benchmarks: in memory, in a throw-away SQLite file, or in PostgreSQL."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from chatune_storage.stores import Stores


def now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_bench_stores(kind: str, postgres: str | None) -> AsyncIterator[Stores]:
    """Open the stores of `kind`: "memory", "sqlite", or "postgres" at the URL `postgres`."""
    lease_for = timedelta(seconds=60)
    if kind == "memory":
        from chatune_storage.memory import memory_stores

        yield memory_stores(now, lease_for)
        return
    from chatune_storage.sql_stores import open_stores

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/bench.db" if kind == "sqlite" else postgres or ""
        async with open_stores(url, b"k" * 32, now, lease_for) as stores:
            yield stores
