"""What every command that runs a bot does first."""

from dataclasses import dataclass
from pathlib import Path

from chatune_bots.configuration import Configuration, load
from chatune_bots.home import Home, prepare
from chatune_bots.logs import start_log
from chatune_bots.settings import Settings
from chatune_core.bots import Bot


@dataclass(frozen=True, slots=True)
class Start:
    """A prepared home, its configuration and the bot that is to answer."""

    home: Home
    configuration: Configuration
    bot: Bot

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self.configuration.settings

    @property
    def folder(self) -> Path:
        """Return where relative paths in the settings begin: the folder of their file."""
        return settings_folder(self.configuration, self.home)


def settings_folder(configuration: Configuration, home: Home) -> Path:
    """Return the folder of the settings' file, or the home if there is none."""
    return configuration.file.parent if configuration.file is not None else home.path


def start(home: Home, folder: Path, bot_file: Path | None) -> Start:
    """Prepare the home, begin the log, read the configuration, load the bot file.

    Raises:
        ConfigurationError: the first of these that cannot be done.
    """
    prepare(home)
    start_log(home)
    configuration = load(home, folder)
    if bot_file is None:
        return Start(home, configuration, Bot())
    # Here, for reading a bot file is the only use of the import machinery.
    from chatune_bots.bot_file import load_bot

    return Start(home, configuration, load_bot(bot_file))
