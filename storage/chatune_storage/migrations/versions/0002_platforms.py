"""Claims by platform, replies of several messages, corrections, questions, values by name."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# SQLite numbers rows only in a column of the type INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new, and fill it from what is known."""
    _platforms()
    _shown()
    _questions()
    _corrections()
    op.create_table(
        "key_values",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _platforms() -> None:
    name = "split_part({}, ':', 1)"
    if op.get_bind().dialect.name == "sqlite":
        name = "substr({0}, 1, instr({0} || ':', ':') - 1)"
    for queue in ("inbox", "outbox"):
        op.add_column(queue, sa.Column("platform", sa.Text(), nullable=True))
        # A request to stop has no line; its person is of the same platform.
        person = f"(SELECT user_id FROM people WHERE people.id = {queue}.person_id)"
        op.execute(
            f"UPDATE {queue} SET platform = {name.format(f'coalesce(line, {person})')} "
            "WHERE state < 4"
        )
        op.create_index(
            f"{queue}_platform",
            queue,
            ["platform", "seq"],
            sqlite_where=sa.text("state = 1"),
            postgresql_where=sa.text("state = 1"),
        )


def _shown() -> None:
    op.create_table(
        "shown",
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["answers"], ["outbox.answers"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message"),
    )
    op.create_index("shown_answers", "shown", ["answers"])
    # The newest reply counts where a message was reported for several.
    op.execute(
        "INSERT INTO shown (message, answers) SELECT message, answers FROM outbox WHERE seq IN "
        "(SELECT max(seq) FROM outbox WHERE message IS NOT NULL GROUP BY message)"
    )
    op.drop_index("outbox_message", "outbox")
    op.drop_column("outbox", "message")
    # An ended reply keeps its line from now on.
    op.execute(
        "UPDATE outbox SET line = (SELECT conversation FROM generations "
        "WHERE generations.event = outbox.answers) WHERE line IS NULL"
    )


def _questions() -> None:
    op.create_index("turns_event", "turns", ["event"])
    op.add_column("generations", sa.Column("question", sa.Text(), nullable=True))
    op.create_index(
        "generations_question",
        "generations",
        ["question"],
        sqlite_where=sa.text("question IS NOT NULL"),
        postgresql_where=sa.text("question IS NOT NULL"),
    )


def _corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("answers", "person_id"),
    )
    op.create_index("corrections_person", "corrections", ["person_id"])
