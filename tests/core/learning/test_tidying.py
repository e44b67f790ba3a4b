"""What learned from what was taken back leaves the disk when it serves no more."""

from datetime import timedelta
from pathlib import Path

import pytest

from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.tidying import remove_stale_files
from chatune_core.learning.versions import LoraState
from chatune_storage.memory import memory_stores
from fakes.clock import FakeClock
from fakes.events import BEN
from fakes.loras import SOURCES, agree, kept_version, lora_folder, something_to_learn

pytestmark = pytest.mark.anyio


async def test_stale_versions_lose_their_files_as_soon_as_they_do_not_serve(tmp_path: Path) -> None:
    stores = memory_stores(FakeClock(), timedelta(minutes=1))
    files = LoraFiles(tmp_path / "loras")
    await something_to_learn(stores)
    for name in ("active", "canary", "retired", "candidate"):
        made = kept_version(files, name, lora_folder(tmp_path / name))
        await stores.loras.add(made, SOURCES)
        state = LoraState(name)
        await stores.loras.move(made.id, set(LoraState), state, "test", 0.5)
    assert await remove_stale_files(stores.loras, files) == []
    await agree(stores, BEN, granted=False)

    assert {*await remove_stale_files(stores.loras, files)} == {"retired", "candidate"}
    left = {folder.name.split(".")[0] for folder in (tmp_path / "loras").iterdir()}
    assert left == {"active", "canary"}
    await stores.loras.move(LoraId("active"), set(LoraState), LoraState.RETIRED, "test")
    assert await remove_stale_files(stores.loras, files) == ["active"]
    assert await remove_stale_files(stores.loras, files) == []
