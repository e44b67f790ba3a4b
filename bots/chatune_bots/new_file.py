"""Files that hold what people said: new, and readable by their owner alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from chatune_core.errors import ConfigurationError, InvalidInput


@contextmanager
def new_file(file: Path) -> Iterator[TextIO]:
    """Open the new `file`, mode 0600, for the body to write; it is gone again if the body fails.

    Raises:
        InvalidInput: it exists.
        ConfigurationError: it cannot be made.
    """
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise InvalidInput(f"{file} exists; choose another name.") from error
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            yield opened
    except BaseException:
        file.unlink(missing_ok=True)
        raise
