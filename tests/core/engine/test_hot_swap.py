"""Versions change under load: nothing is dropped, and each answer says which LoRA it was made with."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from chatune_core.generation.engine import Engine, open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    GenerationRequest,
    LoraId,
    RequestId,
    Sampling,
)
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.serving import Host, ServedLoras
from chatune_core.learning.versions import LoraState
from chatune_core.messages import ConversationId, UserId
from chatune_core.settings import CoreSettings
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.loras import SOURCES, kept_version, something_to_learn
from fakes.platform import message
from fakes.runners import opened
from fakes.tiny_models import write_lora, write_model
from fakes.world import World, make_world

pytestmark = [
    pytest.mark.anyio,
    # peft asks transformers 5 for a name that it renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]
GREEDY = Sampling(temperature=0.0, max_tokens=24)
NAMES = ("v1", "v2", "v3")


@dataclass
class Rig:
    """A bot whose only model is a real engine, with three LoRAs in the registry."""

    engine: Engine
    stores: Stores
    served: ServedLoras
    world: World
    asked: list[str] = field(default_factory=list)

    async def ask(self, number: int) -> None:
        """Ask in so many conversations at once."""
        for _ in range(number):
            key = f"test:asked {len(self.asked)}"
            self.asked.append(key)
            await self.world.runtime.receive(message(key, f"hello {key}", f"test:talk {key}"))

    async def promote(self, name: str) -> None:
        lora, states = LoraId(name), set(LoraState)
        assert await self.stores.loras.move(lora, states, LoraState.ACTIVE, "better")
        await self.served.refresh()

    async def until(self, answered: int) -> None:
        with anyio.fail_after(60):
            while len(self.world.platform.posts) < answered:
                await checkpoint()

    async def made(self) -> list[dict[str, Any]]:
        records = await self.stores.personal_data.export(UserId("test:ann"))
        return [dict(r.record) for r in records if r.store == "generations"]

    async def alone(self, made: dict[str, Any]) -> str:
        """Return what the LoRA of this answer says to its prompt with nobody else about."""
        prompt = tuple(ChatMessage(each["role"], each["content"]) for each in made["prompt"])
        request = GenerationRequest(
            RequestId("alone"), prompt, GREEDY, UserId("x"), ConversationId("x"), lora=made["lora"]
        )
        events = [event async for event in self.engine.stream(request)]
        return "".join(event.text for event in events if isinstance(event, Delta))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    base = write_model(tmp_path / "tiny", "llama", max_position_embeddings=256)
    model = opened(base, tmp_path, slots=4, context_tokens=256)
    clock = FakeClock()
    stores = memory_stores(clock, timedelta(minutes=10))
    files = LoraFiles(tmp_path / "loras")
    await something_to_learn(stores)
    for seed, name in enumerate(NAMES):
        source = write_lora(tmp_path / name, base, seed)
        await stores.loras.add(kept_version(files, name, source), SOURCES)
    async with open_engine(model.runner, model.tokenizer, "tiny", EngineSettings()) as engine:
        served = ServedLoras({"small": Host(engine)}, stores.loras, files, clock)
        settings = CoreSettings(persona="", sampling=GREEDY, poll=timedelta(seconds=0.01))
        whole: Any = engine
        world = make_world(whole, stores=stores, settings=settings, loras=served)
        yield Rig(engine, stores, served, world)


async def test_a_hot_swap_under_load_drops_nothing_and_each_answer_names_its_lora(rig: Rig) -> None:
    await rig.promote("v1")
    async with anyio.create_task_group() as tasks:
        await tasks.start(rig.world.runtime.run)
        for name in ("v2", "v3"):
            await rig.ask(8)
            await rig.until(len(rig.asked) - 6)
            assert rig.engine.stats().running > 0
            await rig.promote(name)
        await rig.ask(4)
        await rig.until(len(rig.asked))
        tasks.cancel_scope.cancel()

    made = [each for each in await rig.made() if each["conversation"] != "test:room"]
    assert sorted(each["event"] for each in made) == sorted(rig.asked)
    assert {each["lora"] for each in made} == {*NAMES}
    for each in made:
        assert each["completion"] == await rig.alone(each), each["lora"]
    assert [await rig.alone(made[0] | {"lora": name}) for name in NAMES] != [
        made[0]["completion"]
    ] * 3
