"""What Alembic runs: the open connection is handed in by `chatune_storage.migrate`."""

from alembic import context

from chatune_storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
