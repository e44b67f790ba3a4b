"""Which of two answers a person prefers, and whose words were in the prompt of an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# SQLite numbers rows only in a column of the type INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new; nothing of it was known before."""
    _preferred_answers()
    _heard()


def _preferred_answers() -> None:
    op.create_table(
        "preferred_answers",
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("rejected", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("question", "person_id"),
    )
    op.create_index("preferred_answers_person", "preferred_answers", ["person_id"])
    op.create_index("preferred_answers_chosen", "preferred_answers", ["chosen"])
    op.create_index("preferred_answers_rejected", "preferred_answers", ["rejected"])


def _heard() -> None:
    op.add_column("generations", sa.Column("heard", sa.SmallInteger(), nullable=True))
    op.create_table(
        "heard",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["event"], ["generations.event"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("event", "person_id"),
    )
    op.create_index("heard_person", "heard", ["person_id"])
