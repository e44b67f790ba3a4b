"""The log file: one JSON object a line, without message text."""

import json
import logging
import logging.handlers
import os
import traceback
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

from chatune_bots.home import Home

_LARGEST = 5_000_000  # bytes of one file
_KEPT = 4  # older files


class JsonLines(logging.Formatter):
    """Formats a record as one line; of an exception it keeps the type and the frames alone.

    What an exception says often quotes the input that caused it, and the log holds no message
    text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "part": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["raised"] = raised(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def raised(error: BaseException) -> list[str]:
    """Return the types and frames of `error`, its causes and its parts, without what they say."""
    lines: list[str] = []
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        here = waiting.pop()
        if here is None or id(here) in seen:
            continue
        seen.add(id(here))
        lines.append(type(here).__name__)
        frames = traceback.extract_tb(here.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        waiting += [here.__context__, here.__cause__]
        if isinstance(here, BaseExceptionGroup):
            waiting += here.exceptions
    return lines


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """Rotates, readable by the owner alone; a full disk costs log lines, not answers."""

    def _open(self) -> TextIOWrapper:
        os.close(os.open(self.baseFilename, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the record."""


def start_log(home: Home) -> Path:
    """Send the log of every part to the home's log file from here on; return the file."""
    handler: logging.Handler
    try:
        handler = _PrivateFile(home.log, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8")
    except OSError:  # a full disk: the bot still answers, and `chatune doctor` tells of the disk
        handler = logging.NullHandler()
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Their debug and info lines quote prompts and parameters.
    for name in ("alembic", "openai", "httpx", "httpx2", "httpcore", "sqlalchemy", "transformers"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return home.log
