"""Implementations of the core's storage ports: SQLAlchemy and in-memory."""
