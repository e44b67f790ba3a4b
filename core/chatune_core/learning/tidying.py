"""Weights that learned from what was taken back do not stay on the disk for longer than they serve."""

from collections.abc import Sequence

from anyio import to_thread

from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.ports import LoraRegistry
from chatune_core.learning.versions import LoraState

_SERVING = (LoraState.CANARY, LoraState.ACTIVE)


async def remove_stale_files(registry: LoraRegistry, files: LoraFiles) -> Sequence[LoraId]:
    """Delete the files of stale versions that serve no more, nor ever will; return which had some."""
    removed = []
    for version in await registry.versions():
        useless = version.stale and version.state not in _SERVING
        if useless and await to_thread.run_sync(files.remove, version):
            removed.append(version.id)
    return removed
