"""The home folder: where it is, that it is private, and what lies in it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chatune_core.errors import ConfigurationError

CONFIGURATION = "chatune.toml"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that holds everything Chatune keeps on this machine; mode 0700."""

    path: Path

    @property
    def configuration(self) -> Path:
        """Return where the settings of this home lie."""
        return self.path / CONFIGURATION

    @property
    def database(self) -> Path:
        """Return the default database file."""
        return self.path / "chatune.db"

    @property
    def terminal_history(self) -> Path:
        """Return the file of lines typed in `chatune chat`; it holds message text."""
        return self.path / "terminal_history"

    @property
    def log(self) -> Path:
        """Return the newest log file."""
        return self.path / "logs" / "chatune.log"

    @property
    def models(self) -> Path:
        """Return the folder of converted weights."""
        return self.path / "models"

    @property
    def loras(self) -> Path:
        """Return the folder of the registry: the files of each LoRA."""
        return self.path / "loras"

    @property
    def reports(self) -> Path:
        """Return the folder of reports on how new versions were judged."""
        return self.path / "reports"

    @property
    def training(self) -> Path:
        """Return the folder of what training has not finished: checkpoints, no text."""
        return self.path / "training"

    @property
    def files(self) -> Path:
        """Return the folder of files that bots sent to the terminal."""
        return self.path / "files"

    @property
    def lock(self) -> Path:
        """Return the file that a running `chat` or `serve` holds."""
        return self.path / "running.lock"


def home_at(chosen: Path | None, environment: Mapping[str, str]) -> Home:
    """Return the home: `chosen`, else CHATUNE_HOME, else chatune in the XDG data folder."""
    if chosen is not None:
        return Home(chosen.expanduser().absolute())
    if named := environment.get("CHATUNE_HOME"):
        return Home(Path(named).expanduser().absolute())
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Home(Path(data).expanduser().absolute() / "chatune")


def prepare(home: Home) -> None:
    """Make the home and its log folder, readable by their owner alone, as all files made later.

    An existing folder keeps its mode: `chatune doctor` speaks up if others can read it.

    Raises:
        ConfigurationError: if it cannot be made or written to.
    """
    os.umask(0o077)
    try:
        home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.log.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unusable(home, error.strerror or str(error)) from error
    if not os.access(home.path, os.W_OK | os.X_OK) or not os.access(home.log.parent, os.W_OK):
        raise _unusable(home, "it is not writable")


def _unusable(home: Home, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The home folder {str(home.path)!r} cannot be used: {reason}.",
        "Mend its permissions, or choose another with --home or CHATUNE_HOME.",
    )
