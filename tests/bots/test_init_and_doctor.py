"""`chatune init` writes what `chatune doctor` then checks."""

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chatune_bots.configuration import load
from chatune_bots.home import Home
from chatune_bots.init import Answers, written
from chatune_bots.settings import LocalModel, RemoteModel, Settings
from fakes.chat_server import ChatServer
from fakes.shell import Shell


def test_yes_takes_the_defaults_and_never_replaces_a_file(shell: Shell) -> None:
    first = shell.run("init", "--yes")
    text = (shell.home / "chatune.toml").read_text()
    second = shell.run("init", "--yes")

    assert (first.code, second.code) == (0, 2)
    assert "exists and was left as it is" in second.errors
    assert (shell.home / "chatune.toml").read_text() == text
    assert stat.S_IMODE((shell.home / "chatune.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE(shell.home.stat().st_mode) == 0o700


def test_a_file_is_replaced_after_a_clear_yes_and_asked_for_each_thing(
    served: Shell, server: ChatServer
) -> None:
    before = (served.home / "chatune.toml").read_text()

    assert served.run("init", typed="n\n").code == 2
    assert served.run("init", typed="y\nRex\n").code == 2  # the person went away in the middle
    assert (served.home / "chatune.toml").read_text() == before

    ran = served.run("init", typed=f"y\nRex\n\nmaybe\nserver\n{server.base_url}\nfake-model\n\n")

    assert ran.code == 0
    assert "Please answer one of: bundled, local, server." in ran.out
    settings = load(Home(served.home), served.folder).settings
    assert settings.bot.name == "Rex"
    assert settings.models["main"] == RemoteModel(
        kind="openai", base_url=server.base_url, model="fake-model"
    )


@given(st.text(min_size=1, max_size=64), st.text(min_size=1))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_the_file_loads_and_says_the_same(
    tmp_path: Path, name: str, model: str
) -> None:
    text = written(Answers(name=name, persona=model, kind="local", model=model))
    (tmp_path / "chatune.toml").write_text(text, encoding="utf-8", newline="")

    settings = load(Home(tmp_path / "home"), tmp_path).settings

    assert (settings.bot.name, settings.bot.persona) == (name, model)
    assert settings.models["main"] == LocalModel(model=model)


def test_every_commented_line_is_a_default_that_may_be_switched_on(tmp_path: Path) -> None:
    text = written(Answers()).replace('# url = "postgresql://..."\n', "")
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    (tmp_path / "chatune.toml").write_text("\n".join(lines))

    settings = load(Home(tmp_path / "home"), tmp_path).settings

    for section in ("generation", "storage", "limits", "serve"):
        assert getattr(settings, section) == getattr(Settings(), section)
    assert settings.bot.model == "bundled"
    assert settings.models == {"bundled": LocalModel(threads=2)}


def test_all_is_well_with_a_server_that_answers(served: Shell) -> None:
    ran = served.run("doctor")

    assert ran.code == 0, ran.out
    assert [line.split()[0] for line in ran.out.splitlines()] == ["ok"] * 10
    assert "serves 'fake-model'" in ran.out


def test_each_problem_is_a_line_with_a_remedy_and_the_exit_code_is_1(served: Shell) -> None:
    served.home.chmod(0o755)
    (served.home / "chatune.db").write_bytes(b"this is no database at all" * 100)
    (served.folder / "bot.py").write_text("bot = 1\n")
    served.environment["CHATUNE_MODELS__SCRIPTED__BASE_URL"] = "http://127.0.0.1:9/v1"

    ran = served.run("doctor", "--bot", "bot.py")

    assert ran.code == 1
    problems = [line.split()[1] for line in ran.out.splitlines() if line.startswith("problem")]
    assert problems == ["permissions", "bot", "database", "model"]
    assert f"Run: chmod 700 {served.home}" in ran.out
    assert "Traceback" not in ran.out + ran.errors


@pytest.mark.parametrize("command", ["chat", "serve", "doctor", "init"])
def test_a_home_that_cannot_be_made_is_one_line(shell: Shell, command: str) -> None:
    shell.home.write_text("a file, not a folder")

    ran = shell.run(command, typed="hello")

    assert ran.code == 1
    line = ran.out if command == "doctor" else ran.errors
    assert f"The home folder '{shell.home}' cannot be used" in line
    assert line.count("\n") == 1


def test_a_key_that_others_can_read_is_a_problem(served: Shell) -> None:
    file = served.home / "chatune.toml"
    file.write_text(file.read_text() + 'api_key = "s3cret"\n')
    file.chmod(0o644)

    ran = served.run("doctor")

    assert ran.code == 1
    assert f"{file} holds a key others can read. Run: chmod 600 {file}" in ran.out
    assert "s3cret" not in ran.out
