"""An empty corner of a PostgreSQL server for one test, or for many one after another."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine


@contextmanager
def empty_schema(server: str) -> Iterator[str]:
    """Yield a URL whose user finds an empty schema; `server` names one who may make roles.

    Unlike a database, a schema is made and dropped in milliseconds.
    """
    owner, password = make_url(server), secrets.token_hex(16)
    name = f"chatune_test_{secrets.token_hex(8)}"
    _execute(
        owner,
        f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
        # Nobody pulls the plug of a test, and waiting for the disk is most of its time.
        f"ALTER ROLE {name} SET synchronous_commit = off",
        # Whatever lies in "public" is not this test's.
        f"ALTER ROLE {name} SET search_path = {name}",
        f"GRANT {name} TO CURRENT_USER",
        f"CREATE SCHEMA {name} AUTHORIZATION {name}",
    )
    try:
        yield owner.set(username=name, password=password).render_as_string(hide_password=False)
    finally:
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'"
        _execute(owner, end, f"DROP SCHEMA {name} CASCADE", f"DROP ROLE {name}")


_RENEW = """
DO $$
DECLARE
    name text;
    filled bool;
    names text[] := '{}';
BEGIN
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()
        AND tablename NOT IN ('alembic_version', 'settings', 'settings_when_new')
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO filled;
        IF filled THEN
            names := names || name;
        END IF;
    END LOOP;
    IF names <> '{}' THEN
        EXECUTE 'TRUNCATE ' || array_to_string(names, ', ') || ' RESTART IDENTITY CASCADE';
    END IF;
    CREATE TABLE IF NOT EXISTS settings_when_new AS TABLE settings;
    DELETE FROM settings;
    INSERT INTO settings TABLE settings_when_new;
END $$
"""
"""Leaves alone what is empty: a table that is emptied gets new files, and so do its indexes."""


def renew(url: str) -> None:
    """Make the tables of the schema at `url` what they are at the first call, which is when they
    have just been made.
    """
    _execute(make_url(url), _RENEW)


def _execute(server: URL, *statements: str) -> None:
    async def execute() -> None:
        engine = create_async_engine(server)
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL synchronous_commit = off"))
            for statement in statements:
                await connection.execute(text(statement))
        await engine.dispose()

    anyio.run(execute)
