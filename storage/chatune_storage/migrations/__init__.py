"""The history of the schema; Alembic reads it when a database is opened."""
