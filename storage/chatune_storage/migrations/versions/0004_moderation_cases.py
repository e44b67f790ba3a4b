"""Moderation cases."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# SQLite numbers rows only in a column of the type INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = {
    "message": ("message",),
    "conversation": ("conversation",),
    "state": ("state", "id"),
    "person": ("person_id", "id"),
    "claimed": ("claimed_by",),
    "decided": ("decided_by",),
    "first_decided": ("first_decided_by",),
}


def upgrade() -> None:
    """Add the table."""
    persons = ("person_id", "claimed_by", "decided_by", "first_decided_by")
    op.create_table(
        "moderation_cases",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("measures", sa.Text(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("claimed_by", _NUMBER, nullable=True),
        sa.Column("decided_by", _NUMBER, nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("first_decided_by", _NUMBER, nullable=True),
        sa.Column("appeal", sa.LargeBinary(), nullable=True),
        *(sa.ForeignKeyConstraint([person], ["people.id"]) for person in persons),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id"),
        sqlite_autoincrement=True,
    )
    for purpose, columns in _INDEXES.items():
        op.create_index(f"moderation_cases_{purpose}", "moderation_cases", list(columns))
