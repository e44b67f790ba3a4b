"""What serves follows the registry; what cannot be loaded leaves the one before in its place."""

from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from chatune_core.errors import ChatuneError, ConfigurationError, GenerationFailed, RetryLater
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import WEIGHTS, LoraFiles
from chatune_core.learning.serving import LINGER, Host, ServedLoras, in_canary
from chatune_core.learning.versions import LoraState, LoraVersion
from chatune_core.messages import ConversationId
from chatune_storage.memory import memory_stores
from fakes.clock import FakeClock
from fakes.events import ROOM
from fakes.loras import SOURCES, ScriptedLoraEngine, kept_version, lora_folder, something_to_learn

pytestmark = pytest.mark.anyio
CANDIDATE, CANARY, ACTIVE, RETIRED = LoraState
ROOMS = [ConversationId(f"test:{number}") for number in range(200)]
AGAIN = timedelta(seconds=5)


class Rig:
    """One configured model, its registry and its engine."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.stores = memory_stores(self.clock, timedelta(minutes=1))
        self.engine, self.files, self.folder = ScriptedLoraEngine(), LoraFiles(folder), folder
        self.told: list[str] = []
        self.served = self.serving(Host(self.engine))

    def serving(self, host: Host) -> ServedLoras:
        registry, tell = self.stores.loras, self.told.append
        return ServedLoras({"small": host}, registry, self.files, self.clock, tell)

    async def add(self, name: str, parent: str | None = None) -> LoraVersion:
        source = lora_folder(self.folder.parent / name, name.encode())
        made = kept_version(self.files, name, source, parent)
        await self.stores.loras.add(made, SOURCES)
        return made

    async def move(self, name: str, to: LoraState, share: float = 0.5) -> None:
        assert await self.stores.loras.move(LoraId(name), set(LoraState), to, "test", share)

    async def promoted(self, name: str, parent: str | None = None) -> LoraVersion:
        made = await self.add(name, parent)
        await self.move(name, ACTIVE)
        return made

    async def state(self, name: str) -> tuple[LoraState, str]:
        found = await self.stores.loras.find(LoraId(name))
        assert found is not None
        return found.state, found.reason

    def answering(self) -> str | None:
        return self.served.lora_for("small", ROOM)


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path / "loras")
    await something_to_learn(rig.stores)
    return rig


async def test_the_bare_model_answers_until_something_is_active(rig: Rig) -> None:
    await rig.add("v1")
    await rig.served.refresh()

    assert rig.answering() is None
    assert rig.served.lora_for("unknown", ROOM) is None
    assert rig.engine.calls == []


async def test_the_active_version_is_loaded_before_it_is_named(rig: Rig) -> None:
    v1 = await rig.promoted("v1")
    assert rig.answering() is None

    await rig.served.refresh()
    await rig.served.refresh()

    assert rig.answering() == "v1"
    assert rig.engine.placed == {"v1": str(rig.folder / v1.folder)}
    assert rig.engine.calls == ["place v1"]
    assert rig.told == []


async def test_an_old_version_stays_loaded_as_long_as_a_request_for_it_may_run(rig: Rig) -> None:
    await rig.promoted("v1")
    await rig.served.refresh()
    await rig.promoted("v2", "v1")

    await rig.served.refresh()
    assert rig.answering() == "v2"
    rig.clock.advance(LINGER - AGAIN)
    await rig.served.refresh()
    assert rig.engine.placed.keys() == {"v1", "v2"}

    rig.clock.advance(AGAIN)
    await rig.served.refresh()
    assert rig.engine.placed.keys() == {"v2"}
    assert rig.engine.calls == ["place v1", "place v2", "drop v1"]


async def test_a_version_that_comes_back_in_time_is_not_dropped_and_later_loaded_anew(
    rig: Rig,
) -> None:
    await rig.promoted("v1")
    await rig.served.refresh()
    await rig.promoted("v2", "v1")
    await rig.served.refresh()

    rig.clock.advance(LINGER / 2)
    await rig.move("v1", ACTIVE)
    await rig.served.refresh()
    rig.clock.advance(LINGER * 2 / 3)
    await rig.served.refresh()
    assert rig.engine.placed.keys() == {"v1", "v2"}
    rig.clock.advance(LINGER)
    await rig.served.refresh()
    assert rig.engine.placed.keys() == {"v1"}
    await rig.move("v2", ACTIVE)
    await rig.served.refresh()

    assert rig.answering() == "v2"
    assert rig.engine.placed.keys() == {"v1", "v2"}


async def test_a_canary_answers_in_its_share_of_conversations_always_the_same(rig: Rig) -> None:
    await rig.promoted("v1")
    await rig.add("v2", "v1")
    await rig.move("v2", CANARY, share=0.25)
    await rig.served.refresh()

    def answers() -> list[str | None]:
        return [rig.served.lora_for("small", room) for room in ROOMS]

    before = answers()
    await rig.served.refresh()

    assert {*before} == {"v1", "v2"}
    assert 30 <= before.count(LoraId("v2")) <= 70
    assert answers() == before
    await rig.move("v2", RETIRED)
    await rig.served.refresh()
    assert {*answers()} == {"v1"}


def test_each_canary_has_its_own_conversations_and_a_larger_share_keeps_those_of_a_smaller() -> (
    None
):
    one, other = LoraId("v2"), LoraId("v3")

    first = {room for room in ROOMS if in_canary(one, room, 0.2)}

    assert first < {room for room in ROOMS if in_canary(one, room, 0.4)}
    assert first != {room for room in ROOMS if in_canary(other, room, 0.2)}
    assert not any(in_canary(one, room, 0.0) for room in ROOMS)
    assert all(in_canary(one, room, 1.0) for room in ROOMS)


async def test_a_damaged_version_is_retired_with_the_reason_and_the_one_before_serves_on(
    rig: Rig,
) -> None:
    await rig.promoted("v0")
    await rig.promoted("v1", "v0")
    await rig.served.refresh()
    v2 = await rig.promoted("v2", "v0")
    (rig.folder / v2.folder / WEIGHTS).write_bytes(b"tampered")

    await rig.served.refresh()

    assert rig.answering() == "v1"
    state, reason = await rig.state("v2")
    assert state is RETIRED
    assert "the adapter_model.safetensors of 'v2' is not what was registered" in reason
    assert await rig.state("v1") == (ACTIVE, "v2 could not be loaded")
    assert rig.told == [f"v2 is retired: {reason}"]
    assert rig.engine.calls == ["place v1"]
    newest = [(e.actor, e.action, e.subject) for e in await rig.stores.audit.entries(2)]
    assert newest == [("serving", "models.active", "v1"), ("serving", "models.retired", "v2")]


async def test_at_a_start_the_parent_of_a_damaged_version_serves(rig: Rig) -> None:
    await rig.promoted("v1")
    v2 = await rig.promoted("v2", "v1")
    (rig.folder / v2.folder / WEIGHTS).unlink()

    await rig.served.refresh()

    assert rig.answering() == "v1"


async def test_where_all_are_damaged_the_bare_model_serves(rig: Rig) -> None:
    for name, parent in (("v1", None), ("v2", "v1")):
        made = await rig.promoted(name, parent)
        (rig.folder / made.folder / WEIGHTS).unlink()

    await rig.served.refresh()

    assert rig.answering() is None
    assert [(await rig.state(name))[0] for name in ("v1", "v2")] == [RETIRED, RETIRED]


async def test_a_damaged_canary_is_retired_and_the_active_version_stays(rig: Rig) -> None:
    await rig.promoted("v1")
    await rig.add("v2", "v1")
    await rig.move("v2", CANARY, share=1.0)
    rig.engine.failing["v2"] = GenerationFailed("the LoRA does not fit")

    await rig.served.refresh()

    assert rig.answering() == "v1"
    assert await rig.state("v2") == (RETIRED, "the LoRA does not fit")
    assert (await rig.state("v1"))[1] == "test", "nothing was in its place"


async def test_a_damaged_canary_brings_back_nothing_that_was_retired_before(rig: Rig) -> None:
    await rig.promoted("v1")
    await rig.move("v1", RETIRED)
    await rig.add("v2", "v1")
    await rig.move("v2", CANARY, share=1.0)
    rig.engine.failing["v2"] = GenerationFailed("the LoRA does not fit")

    await rig.served.refresh()

    assert rig.answering() is None
    assert (await rig.state("v1"))[0] is RETIRED


@pytest.mark.parametrize(
    "fault",
    [
        RetryLater("the device is out of memory", AGAIN),
        ConfigurationError("The server does not load LoRAs at run time.", "Start it so."),
    ],
)
async def test_what_cannot_be_loaded_now_is_said_once_and_tried_again(
    rig: Rig, fault: ChatuneError
) -> None:
    await rig.promoted("v1")
    await rig.served.refresh()
    await rig.promoted("v2", "v1")
    rig.engine.failing["v2"] = fault

    await rig.served.refresh()
    await rig.served.refresh()

    assert rig.answering() == "v1"
    said = str(fault).rstrip(".")
    assert rig.told == [f"model small: {said}; it serves what it served before"]
    assert rig.served.faults == {"small": said}
    assert (await rig.state("v2"))[0] is ACTIVE, "it is no fault of the version"
    del rig.engine.failing["v2"]
    await rig.served.refresh()
    assert rig.answering() == "v2"
    assert rig.served.faults == {}


async def test_room_is_made_for_what_does_not_fit(rig: Rig) -> None:
    for name, parent in (("v1", None), ("v2", "v1")):
        await rig.promoted(name, parent)
        await rig.served.refresh()
    await rig.promoted("v3", "v2")
    rig.engine.failing["v3"] = RetryLater("the device is out of memory", AGAIN)

    await rig.served.refresh()

    assert rig.engine.placed.keys() == {"v2"}, "what nobody names any more goes at once"
    assert rig.answering() == "v2"


async def test_a_canary_that_cannot_be_loaded_now_keeps_no_active_version_back(rig: Rig) -> None:
    await rig.promoted("v1")
    await rig.add("v2", "v1")
    await rig.move("v2", CANARY, share=1.0)
    rig.engine.failing["v2"] = RetryLater("the device is out of memory", AGAIN)

    await rig.served.refresh()

    assert rig.answering() == "v1"


async def test_a_version_that_cannot_be_dropped_keeps_nothing_back(rig: Rig) -> None:
    await rig.promoted("v1")
    await rig.served.refresh()
    await rig.promoted("v2", "v1")
    rig.engine.failing["v1"] = GenerationFailed("the server does not know how")
    await rig.served.refresh()

    rig.clock.advance(LINGER)
    await rig.served.refresh()

    assert rig.answering() == "v2"
    assert rig.engine.calls[-1] == "drop v1"
    assert rig.told == []


async def test_files_that_are_on_another_machine_retire_nothing(rig: Rig) -> None:
    v1 = await rig.promoted("v1")
    rig.files.remove(v1)

    await rig.served.refresh()

    assert rig.answering() is None
    assert (await rig.state("v1"))[0] is ACTIVE
    assert "share that folder" in rig.told[0]


async def test_a_server_is_told_again_of_what_it_may_have_forgotten_by_its_own_path(
    rig: Rig,
) -> None:
    v1 = await rig.promoted("v1")
    served = rig.serving(Host(rig.engine, Path("/mnt/loras"), forgets=True))
    await served.refresh()
    assert rig.engine.placed == {"v1": f"/mnt/loras/{v1.folder}"}
    rig.engine.placed.clear()

    await served.refresh()
    assert rig.engine.placed == {}, "not at every look"
    rig.clock.advance(timedelta(minutes=1))
    await served.refresh()

    assert rig.engine.placed == {"v1": f"/mnt/loras/{v1.folder}"}


async def test_a_server_that_is_down_when_it_is_told_again_is_still_asked_for_the_lora(
    rig: Rig,
) -> None:
    await rig.promoted("v1")
    served = rig.serving(Host(rig.engine, forgets=True))
    await served.refresh()
    rig.engine.failing["v1"] = RetryLater("the server is down", AGAIN)
    rig.clock.advance(timedelta(minutes=1))

    await served.refresh()

    assert served.lora_for("small", ROOM) == "v1"


async def test_who_promotes_here_has_it_served_at_once(rig: Rig) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(rig.served.run)
        await wait_all_tasks_blocked()
        await rig.promoted("v1")

        rig.served.wake()
        while rig.answering() is None:
            await checkpoint()
        tasks.cancel_scope.cancel()

    assert rig.answering() == "v1"
