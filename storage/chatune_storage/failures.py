"""What a database's error means to the caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chatune_core.errors import ChatuneError, RetryLater

_SOON, _LATER = timedelta(seconds=1), timedelta(seconds=30)

# SQLite says what happened in words alone (https://www.sqlite.org/rescode.html).
_SQLITE = (
    ("locked", "the database is locked by another process", _SOON),
    ("disk is full", "the disk that holds the database is full", _LATER),
    ("readonly", "the database can only be read: check who owns its file and folder", _LATER),
    ("unable to open", "the database file or its folder cannot be opened", _LATER),
    ("disk i/o", "the disk that holds the database fails (full, unplugged or broken)", _LATER),
    ("interrupted", "the database was interrupted", _SOON),
)
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES = (
    ("53100", "the disk of the database server is full", _LATER),
    ("08", "the connection to the database is lost", _SOON),
    ("25006", "the database server takes no writes at present", _LATER),
    ("53", "the database server has no room for more work", _SOON),
    ("55", "the database rows are locked", _SOON),
    ("57", "the database server stopped the work or is starting", _SOON),
    ("58", "the disk of the database server fails", _LATER),
)
_LOST = "the database server cannot be reached"
_CONFLICTS = ("40001", "40P01")


def sqlstate(error: DBAPIError) -> str:
    """Return PostgreSQL's five-character code, or an empty string."""
    return str(getattr(error.orig, "sqlstate", None) or "")


class Conflict(RetryLater):
    """Two transactions were in each other's way and this one had to go: try it again at once."""


def passing(error: Exception) -> RetryLater | None:
    """Return the error as one that passes, or None if trying again would not help."""
    if isinstance(error, IntegrityError):
        return None
    if isinstance(error, OSError | TimeoutError | PoolTimeout):
        return RetryLater(_LOST, _SOON)
    if not isinstance(error, DBAPIError):
        return None
    return _by_code(sqlstate(error)) or _by_words(error)


def _by_code(code: str) -> RetryLater | None:
    if code in _CONFLICTS:
        return Conflict("the database was too busy with the same rows", _SOON)
    for start, reason, after in _POSTGRES:
        if code.startswith(start):
            return RetryLater(reason, after)
    return None


def _by_words(error: DBAPIError) -> RetryLater | None:
    words = str(error.orig).lower()
    for part, reason, after in _SQLITE:
        if part in words:
            return RetryLater(reason, after)
    return RetryLater(_LOST, _SOON) if error.connection_invalidated else None


@contextmanager
def translated() -> Iterator[None]:
    """Raise what passes as `RetryLater`, with the cause kept."""
    try:
        yield
    except ChatuneError:
        raise
    except Exception as error:
        later = passing(error)
        if later is None:
            raise
        raise later from error
