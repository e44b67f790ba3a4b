"""A shell for each test, and one scripted model for all."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.chat_server import ChatServer, chat_server
from fakes.forked import Stem
from fakes.processes import start_anew
from fakes.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, commands: Stem) -> Shell:
    """Runs commands that need not import everything again; see `anew` for those that do."""
    folder = tmp_path / "folder"
    folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LOGNAME": "ann"}
    environment |= {"HOME": str(tmp_path), "CHATUNE_HOME": str(tmp_path / "home")}
    # The command line under test is that of the tests, installed or not.
    environment |= {key: os.environ[key] for key in ("PYTHONPATH",) if key in os.environ}
    return Shell(tmp_path / "home", folder, environment, commands.start)


@pytest.fixture
def anew(shell: Shell) -> Shell:
    """The same shell, whose commands are started as people start them."""
    return replace(shell, start=start_anew)


@pytest.fixture(scope="session")
def server() -> Iterator[ChatServer]:
    with chat_server() as serving:
        yield serving


@pytest.fixture
def served(shell: Shell, server: ChatServer) -> Shell:
    """A shell whose model is a scripted server; moderation, with tests of its own, is off."""
    server.left.clear()
    server.hangs = True
    shell.configure(
        f'[moderation]\nmode = "off"\n[models.scripted]\nkind = "openai"\nbase_url = "{server.base_url}"\n'
        'model = "fake-model"\ncontext_tokens = 4096\n'
    )
    return shell
