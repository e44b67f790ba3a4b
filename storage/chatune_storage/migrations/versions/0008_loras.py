"""Versions of LoRAs, and what each of them learned from."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# SQLite numbers rows only in a column of the type INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new; nothing of it was known before."""
    op.create_table(
        "lora_versions",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("lora", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lora"),
        sqlite_autoincrement=True,
    )
    op.create_index("lora_versions_model", "lora_versions", ["model", "id"])
    for state in ("active", "canary"):
        standing = sa.text(f"state = '{state}'")
        op.create_index(
            f"lora_versions_{state}",
            "lora_versions",
            ["model"],
            unique=True,
            sqlite_where=standing,
            postgresql_where=standing,
        )
    _learned_from("lora_people", "person_id", sa.Column("rows", sa.Integer(), nullable=False))
    _learned_from("lora_answers", "answer")


def _learned_from(table: str, what: str, *more: "sa.Column[int]") -> None:
    person = what == "person_id"
    op.create_table(
        table,
        sa.Column("version_id", _NUMBER, nullable=False),
        sa.Column(what, _NUMBER if person else sa.Text(), nullable=False),
        *more,
        sa.ForeignKeyConstraint(["version_id"], ["lora_versions.id"]),
        *([sa.ForeignKeyConstraint(["person_id"], ["people.id"])] if person else []),
        sa.PrimaryKeyConstraint("version_id", what),
    )
    op.create_index(f"{table}_{what.removesuffix('_id')}", table, [what])
