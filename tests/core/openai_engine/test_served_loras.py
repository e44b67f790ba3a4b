"""The registry's LoRAs on a vLLM server: loaded at run time, asked for by name, given anew."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from chatune_core.generation.openai_engine import OpenAIEngine
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.serving import LINGER, Host, ServedLoras
from chatune_core.learning.versions import LoraState
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.asking import answer_to, asked
from fakes.clock import FakeClock
from fakes.events import ROOM
from fakes.loras import SOURCES, kept_version, lora_folder, something_to_learn
from fakes.openai_server import FakeOpenAIServer, Refusal

pytestmark = pytest.mark.anyio


@dataclass
class Rig:
    """Two versions for a server that sees the registry at /mnt."""

    engine: OpenAIEngine
    stores: Stores
    served: ServedLoras
    folders: dict[str, str]
    clock: FakeClock
    told: list[str]

    async def promote(self, name: str) -> None:
        states = set(LoraState)
        assert await self.stores.loras.move(LoraId(name), states, LoraState.ACTIVE, "better")
        await self.served.refresh()

    async def ask(self) -> str | None:
        """Return the LoRA that the answer was made with."""
        _, end = await answer_to(self.engine, asked(lora=self.served.lora_for("main", ROOM)))
        return end.lora


@pytest.fixture
async def rig(server: FakeOpenAIServer, engine: OpenAIEngine, tmp_path: Path) -> Rig:
    server.loras = {}
    clock, files, told = FakeClock(), LoraFiles(tmp_path / "loras"), list[str]()
    stores = memory_stores(clock, timedelta(minutes=1))
    await something_to_learn(stores)
    folders = {}
    for name, parent in (("v1", None), ("v2", "v1")):
        made = kept_version(files, name, lora_folder(tmp_path / name), parent, "main")
        folders[name] = f"/mnt/{made.folder}"
        await stores.loras.add(made, SOURCES)
    host = Host(engine, Path("/mnt"), forgets=True)
    served = ServedLoras({"main": host}, stores.loras, files, clock, told.append)
    return Rig(engine, stores, served, folders, clock, told)


async def test_a_promoted_version_is_loaded_and_asked_for_by_its_name(
    server: FakeOpenAIServer, rig: Rig
) -> None:
    assert await rig.ask() is None

    await rig.promote("v1")
    assert await rig.ask() == "v1"
    await rig.promote("v2")
    assert await rig.ask() == "v2"

    assert server.loras == rig.folders
    assert [body["model"] for body in server.completions] == ["m", "v1", "v2"]
    rig.clock.advance(LINGER)
    await rig.served.refresh()
    assert server.loras == {"v2": rig.folders["v2"]}


async def test_a_server_that_was_started_anew_is_given_the_lora_again(
    server: FakeOpenAIServer, rig: Rig
) -> None:
    await rig.promote("v1")
    server.loras = {}

    rig.clock.advance(timedelta(minutes=1))
    await rig.served.refresh()

    assert await rig.ask() == "v1"


async def test_what_the_server_cannot_load_is_retired_with_its_words(
    server: FakeOpenAIServer, rig: Rig
) -> None:
    await rig.promote("v1")
    server.loras_refusal = Refusal(404, {"error": {"message": "No adapter found for /mnt/v2"}})

    await rig.promote("v2")

    assert await rig.ask() == "v1"
    v2 = await rig.stores.loras.find(LoraId("v2"))
    assert v2 is not None
    assert v2.state is LoraState.RETIRED
    assert "No adapter found for /mnt/v2" in v2.reason


async def test_a_server_that_loads_nothing_at_run_time_goes_on_with_the_bare_model(
    server: FakeOpenAIServer, rig: Rig
) -> None:
    server.loras = None

    await rig.promote("v1")

    assert await rig.ask() is None
    assert "--enable-lora" in rig.told[0]
