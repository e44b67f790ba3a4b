"""The command line itself."""

import subprocess
import sys

from fakes.shell import Shell


def test_help_lists_the_commands(anew: Shell) -> None:
    ran = anew.run("--help")

    assert ran.code == 0
    for name in ("chat", "serve", "init", "doctor", "data"):
        assert f"\n  {name} " in ran.out


def test_the_version_is_said(anew: Shell) -> None:
    ran = anew.run("--version")

    assert ran.code == 0
    assert ran.out.startswith("chatune 0.")


def test_a_wrong_option_is_refused_with_exit_code_2(anew: Shell) -> None:
    ran = anew.run("chat", "--nope")

    assert ran.code == 2
    assert "No such option: --nope" in ran.errors


def test_the_forks_of_the_other_tests_say_and_end_as_commands_do(shell: Shell, anew: Shell) -> None:
    for arguments in (["--version"], ["data", "audit", "--limit", "0"], ["init", "telex"]):
        assert shell.run(*arguments) == anew.run(*arguments)


def test_the_command_line_loads_nothing_heavy_before_a_command_runs() -> None:
    heavy = {"torch", "transformers", "sqlalchemy", "openai", "pydantic", "prompt_toolkit", "anyio"}
    code = "import sys, chatune_bots.cli; print(*sorted(set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert heavy.isdisjoint(loaded.stdout.decode().split())
