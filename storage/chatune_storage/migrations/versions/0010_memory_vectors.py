"""What the search model made of each memory, so that it is made once."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add what is new; what is not there is made when it is needed."""
    op.add_column("memories", sa.Column("vector", sa.LargeBinary()))
    op.add_column("memories", sa.Column("vector_by", sa.Text()))
