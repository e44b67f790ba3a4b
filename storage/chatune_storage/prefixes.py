"""Rows whose name begins with something."""

from typing import Any

from sqlalchemy import ColumnElement, and_

_LAST = "\U0010ffff"


def begins_with(dialect: str, column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """Return whether the text in `column` begins with `prefix`, letter for letter.

    An index is walked by SQLite, which orders text by code point, and by a PostgreSQL database
    whose collation is C.
    """
    if dialect == "sqlite":
        return and_(column >= prefix, column < prefix + _LAST)
    return column.startswith(prefix, autoescape=True)
