"""One line for the person, the traceback in the log, nobody's words in it."""

import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatune_bots.failures import failures_as_lines
from chatune_bots.home import Home, home_at, prepare
from chatune_bots.lock import held
from chatune_bots.logs import start_log
from chatune_core.errors import ConfigurationError, GenerationFailed, InvalidInput


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    home = Home(tmp_path / "home")
    prepare(home)
    start_log(home)
    yield home
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def _log(home: Home) -> list[dict[str, object]]:
    return [json.loads(line) for line in home.log.read_text().splitlines()]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InvalidInput("Too long."), 2, "chatune: Too long.\n"),
        (ConfigurationError("It is wrong.", "Mend it."), 1, "chatune: It is wrong. Mend it.\n"),
        (KeyboardInterrupt(), 130, ""),
        (
            ExceptionGroup("g", [ExceptionGroup("g", [ValueError("x"), GenerationFailed("No.")])]),
            1,
            "chatune: No.\n",
        ),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    home: Home, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    with pytest.raises(SystemExit) as ended, failures_as_lines(home):
        raise error

    assert ended.value.code == code
    assert capsys.readouterr().err == line


def test_a_defect_is_one_line_and_its_traceback_lies_in_the_log_without_its_words(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, failures_as_lines(home):
        raise ExceptionGroup("all", [KeyError("what somebody wrote")])

    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "(KeyError)" in said
    assert str(home.log) in said
    logged = json.dumps(_log(home)[-1])
    assert "test_failures_and_logs.py" in logged
    assert "somebody wrote" not in logged + said


def test_the_log_is_private_and_one_object_a_line(home: Home) -> None:
    logging.getLogger("part").info("two\nlines")

    assert stat.S_IMODE(home.log.stat().st_mode) == 0o600
    assert [line["event"] for line in _log(home)] == ["two\nlines"]


def test_the_home_is_the_option_then_the_variable_then_the_data_folder() -> None:
    environment = {"CHATUNE_HOME": "/named", "XDG_DATA_HOME": "/data"}

    assert home_at(Path("/chosen"), environment).path == Path("/chosen")
    assert home_at(None, environment).path == Path("/named")
    assert home_at(None, {"XDG_DATA_HOME": "/data"}).path == Path("/data/chatune")
    assert home_at(None, {}).path == Path.home() / ".local/share/chatune"


def test_one_home_is_held_by_one_at_a_time(home: Home) -> None:
    with held(home), pytest.raises(ConfigurationError, match="Another chatune"), held(home):
        pass

    with held(home):
        pass
