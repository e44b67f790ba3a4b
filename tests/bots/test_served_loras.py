"""The LoRA that the registry names answers in `chatune serve` and `chatune chat`."""

from pathlib import Path

import anyio
import pytest

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import WEIGHTS, LoraFiles
from chatune_core.learning.versions import LoraState
from fakes.chat_server import ChatServer
from fakes.loras import SOURCES, kept_version, lora_folder, something_to_learn
from fakes.shell import Shell
from fakes.terminal import CTRL_D, ENTER


@pytest.fixture
def trained(served: Shell, server: ChatServer, tmp_path: Path) -> Shell:
    """A shell in whose registry v1 is active."""
    server.loras.clear()
    home = Home(served.home)

    async def fill() -> None:
        async with open_stores(Settings(), home, ["test"]) as stores:
            await something_to_learn(stores)
            source = lora_folder(tmp_path / "run")
            made = kept_version(LoraFiles(home.loras), "v1", source, model="scripted")
            await stores.loras.add(made, SOURCES)
            states = [LoraState.CANDIDATE]
            assert await stores.loras.move(LoraId("v1"), states, LoraState.ACTIVE, "better")

    anyio.run(fill)
    return served


def test_serve_answers_with_the_active_version(trained: Shell, server: ChatServer) -> None:
    ran = trained.run("serve", typed=b"hello")

    assert ran.out == "You said: hello\n"
    assert server.models[-1] == "v1"
    [(name, folder)] = server.loras.items()
    assert (name, Path(folder).parent) == ("v1", trained.home / "loras")


def test_serve_says_what_is_damaged_in_one_line_and_answers_with_the_model_as_it_is(
    trained: Shell, server: ChatServer
) -> None:
    [weights] = (trained.home / "loras").glob(f"*/{WEIGHTS}")
    weights.write_bytes(b"tampered")

    ran = trained.run("serve", typed=b"hello")

    assert ran.out == "You said: hello\n"
    assert server.models[-1] == "fake-model"
    assert server.loras == {}
    [said] = [line for line in ran.errors.splitlines() if "retired" in line]
    assert said.startswith(f"chatune: v1 is retired: the {WEIGHTS} of 'v1' is not what was")
    assert "is not what was registered" in trained.run("models", "list").out


def test_chat_answers_with_the_active_version(trained: Shell, server: ChatServer) -> None:
    with trained.terminal("chat") as screen:
        screen.until("\n>")
        screen.type(b"hello" + ENTER)
        screen.until("You said: hello")
        screen.until("\n>")
        screen.type(CTRL_D)
        assert screen.ends() == 0

    assert server.models[-1] == "v1"
