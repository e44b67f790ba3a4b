"""The schema, brought up to date when a database is opened."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from chatune_core.errors import ConfigurationError
from chatune_storage.audit_chain import AuditChain

NEWEST: Final = "0011"
"""The revision that this code reads and writes."""
_MIGRATIONS = Path(__file__).with_name("migrations")
_ONE_AT_A_TIME = 0x6368_6174_756E_65


def migrate(connection: Connection, chain: AuditChain) -> None:
    """Bring the schema up to `NEWEST`, inside the open transaction; `chain` ties the audit log.

    Of several processes that start at once, one does the work and the others wait for it.

    Raises:
        ConfigurationError: the schema is newer than this code.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})
    present = _revision(connection)
    if present == NEWEST:
        return
    if present is not None and present > NEWEST:
        raise ConfigurationError(
            f"The database has the schema {present!r}, this version of Chatune knows {NEWEST!r}.",
            "Install the version of Chatune that last used it, or a newer one.",
        )
    _upgrade(connection, chain)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection, chain: AuditChain) -> None:
    # Alembic takes a fifth of a second to import and is needed once in a database's life.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["audit_chain"] = chain
    command.upgrade(config, "head")
