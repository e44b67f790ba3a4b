"""An audit log whose entries are tied together; what is in it is tied as it is now."""

import sqlalchemy as sa
from alembic import context, op

from chatune_storage.audit_chain import START, AuditChain, Head, entry_from

revision = "0003"
down_revision = "0002"

# SQLite numbers rows only in a column of the type INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CHUNK = 1000


def upgrade() -> None:
    """Write the log anew: its numbers may have gaps, and no column of it may be empty."""
    chained = op.create_table(
        "audit_chained",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    chain: AuditChain = context.config.attributes["audit_chain"]
    head = _copy(chain, chained)
    op.drop_table("audit")
    op.rename_table("audit_chained", "audit")
    settings = sa.table("settings", sa.column("name"), sa.column("value", sa.LargeBinary()))
    row = {"name": "audit head", "value": chain.closed(head)}
    op.get_bind().execute(sa.insert(settings), row)


def _copy(chain: AuditChain, chained: sa.Table) -> Head:
    names = ("id", "at", "actor", "action", "subject", "details")
    old = sa.table("audit", *map(sa.column, names))
    head, place = Head(0, START), 0
    rows = sa.select(old).order_by(old.c.id).limit(_CHUNK)
    while found := op.get_bind().execute(rows.where(old.c.id > place)).mappings().all():
        linked, head = chain.linked([entry_from(row) for row in found], head)
        op.get_bind().execute(sa.insert(chained), linked)
        place = found[-1]["id"]
    return head
