"""Loads a bot author's file and says in one line what is wrong with it."""

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from chatune_core.bots import Bot
from chatune_core.errors import ChatuneError, ConfigurationError

_MODULE = "chatune_bot_file"
_EXAMPLE = "Write: from chatune_core.bots import Bot; bot = Bot()"


def load_bot(file: Path) -> Bot:
    """Run `file` and return its module variable `bot`.

    Modules beside the file can be imported by it; what is installed goes before them.

    Raises:
        ConfigurationError: naming the file and, where there is one, the line.
    """
    if not file.is_file():
        raise ConfigurationError(f"There is no bot file {str(file)!r}.", "Check the path.")
    module = _module(file)
    bot = getattr(module, "bot", None)
    if not isinstance(bot, Bot):
        found = "has no variable `bot`" if bot is None else "has a `bot` that is not a Bot"
        raise ConfigurationError(f"{file} {found}.", _EXAMPLE)
    return bot


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_MODULE, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{file} is not a Python file.", "Its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look their module up by name.
    sys.modules[_MODULE] = module
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        where = f"{error.filename or file}, line {error.lineno}"
        raise ConfigurationError(f"{where}: {error.msg}.", "Mend that line.") from error
    except (Exception, SystemExit) as error:  # whatever the author's code raises, it is theirs
        raise _raised(file, error) from error
    return module


def _raised(file: Path, error: BaseException) -> ConfigurationError:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(file)
    ]
    where = f"{file}, line {lines[-1]}" if lines else str(file)
    if isinstance(error, ConfigurationError):
        return ConfigurationError(f"{where}: {error.problem}", error.remedy)
    said = " ".join(str(error).split())
    name = "" if isinstance(error, ChatuneError) else f"{type(error).__name__}: "
    return ConfigurationError(f"{where}: {name}{said}.", "Mend that line.")
