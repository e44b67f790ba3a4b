"""What became of answers that nobody saw."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

# SQLite numbers rows only in a column of the type INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new; nothing of it was known before."""
    op.create_table(
        "missed_answers",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("lora", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event"),
        sqlite_autoincrement=True,
    )
    op.create_index("missed_answers_at", "missed_answers", ["at"])
    op.create_index("missed_answers_conversation", "missed_answers", ["conversation"])
    op.create_index("missed_answers_person", "missed_answers", ["person_id"])
    op.create_index("generations_at", "generations", ["at"])
