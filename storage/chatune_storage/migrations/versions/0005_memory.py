"""Memories, where they were used, what people say of their use, and linked identities."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# SQLite numbers rows only in a column of the type INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new; nothing of it was known before."""
    _memories()
    _uses()
    _people()
    _links()


def _memories() -> None:
    op.create_table(
        "memories",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("learned_at", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("superseded_by", sa.Text(), nullable=True),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("memory"),
        sqlite_autoincrement=True,
    )
    op.create_index("memories_person", "memories", ["person_id", "id"])
    op.create_index("memories_source", "memories", ["source"])
    op.create_index("memories_place", "memories", ["place"])


def _uses() -> None:
    op.create_table(
        "memory_uses",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["generations.event"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event", "place"),
    )
    op.create_index("memory_uses_memory", "memory_uses", ["memory"])


def _people() -> None:
    op.create_table(
        "memory_people",
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("only_in", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("person_id"),
    )


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("circle", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_index("links_circle", "links", ["circle"])
    op.create_table(
        "link_codes",
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("person_id"),
        sa.UniqueConstraint("code_hash"),
    )
