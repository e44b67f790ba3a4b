"""What keeps a trainer from taking the machine from those who answer people."""

import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from chatune_core.errors import TrainingFailed

_LOOKS_S = 0.5
_SHARE_OF_FREE = 0.8
_MEGABYTE = 1_000_000
_DIE_FIRST = "800"


def stand_back(nice: int) -> None:
    """Let every other process of this machine go first, and be the one to die if memory runs out."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    if sys.platform == "linux":
        with suppress(OSError):  # not in every container
            Path("/proc/self/oom_score_adj").write_text(_DIE_FIRST)


def use_threads(threads: int | None) -> int:
    """Return how many threads to compute with: half of the cores unless said otherwise.

    To be called before torch is imported, whose libraries read it at their start.
    """
    chosen = threads or max(1, (os.cpu_count() or 2) // 2)
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(chosen)
    return chosen


def memory_limit_mb(limit_mb: int | None) -> int:
    """Return the limit in megabytes: four fifths of what is free unless said otherwise."""
    if limit_mb is not None:
        return limit_mb
    return int(psutil.virtual_memory().available * _SHARE_OF_FREE) // _MEGABYTE


async def watch_memory(
    limit_mb: int,
    sleep: Callable[[float], Awaitable[None]],
    resident_bytes: Callable[[], int] = lambda: int(psutil.Process().memory_info().rss),
) -> None:
    """Return never; see that this process does not outgrow the limit.

    What is resident counts. A limit on addresses (RLIMIT_AS) would count what is only mapped: the
    weights in their file, and CUDA's reservations of many times the memory that there is.

    Raises:
        TrainingFailed: it has outgrown it.
    """
    while True:
        if resident_bytes() > limit_mb * _MEGABYTE:
            raise TrainingFailed(
                f"training needed more than {limit_mb} MB of memory. Raise training.memory_mb, or"
                " lower training.tokens_per_batch or training.max_tokens."
            )
        await sleep(_LOOKS_S)
