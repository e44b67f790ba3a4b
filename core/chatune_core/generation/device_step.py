"""One step on the device, with the fault of one request kept from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from chatune_core.errors import ChatuneError, GenerationFailed, RetryLater
from chatune_core.generation.runner import Runner
from chatune_core.generation.scheduler import Work
from chatune_core.generation.slots import Copy

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step came to: work that was run, its logits in that order, and work that failed.

    `logits` has shape (B, V), one row for each of `done` that wants them; None if none does.
    """

    done: Sequence[Work]
    logits: Tensor | None
    failed: Sequence[tuple[Work, Exception]]


def run_step(runner: Runner, works: Sequence[Work]) -> StepResult:
    """Make the copies, then run all chunks at once.

    Should that fail, every chunk is run by itself, which a chunk's explicit `start` makes safe to
    repeat: one request that the device cannot take does not end the others, and a batch that is
    too large for the memory still goes on.
    """
    ready, failed = _copied(runner, works)
    if not ready:
        return StepResult(ready, None, failed)
    logits = attempted(lambda: runner.forward([work.chunk for work in ready]))
    if not isinstance(logits, Exception):
        return StepResult(ready, logits, failed)
    if len(ready) == 1:
        return StepResult((), None, [*failed, (ready[0], logits)])
    return _one_by_one(runner, ready, failed)


def attempted(action: Callable[[], Value]) -> Value | Exception:
    """Return what `action` returns or raises; it calls code of the device, which may raise all."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - a fault of the device must not end the loop
        return error


def refusal(error: Exception, alone: bool, after: timedelta) -> ChatuneError:
    """Return what a request is told whose work raised `error`.

    Memory comes back, so that is worth another try. Any other error is the request's own if the
    device served other requests in the same step; if it served none (`alone`), the device may be
    what is broken, and the request must not be given up for that.
    """
    if isinstance(error, ChatuneError):
        return error
    if _out_of_memory(error):
        return RetryLater("the device is out of memory", after)
    if alone:
        return RetryLater(f"the device failed: {error!r}", after)
    return GenerationFailed(f"the model cannot run this request: {error!r}")


def _copied(
    runner: Runner, works: Sequence[Work]
) -> tuple[list[Work], list[tuple[Work, Exception]]]:
    ready, failed = [], []
    for work in works:
        fault = None if work.copy is None else attempted(partial(_make, runner, work, work.copy))
        if fault is None:
            ready.append(work)
        else:
            failed.append((work, fault))
    return ready, failed


def _make(runner: Runner, work: Work, copy: Copy) -> None:
    runner.copy_prefix(copy.source, work.chunk.slot, copy.tokens)


def _one_by_one(
    runner: Runner, works: Sequence[Work], failed: list[tuple[Work, Exception]]
) -> StepResult:
    done, rows = [], []
    for work in works:
        logits = attempted(partial(runner.forward, [work.chunk]))
        if isinstance(logits, Exception):
            failed.append((work, logits))
            continue
        done.append(work)
        if work.chunk.logits:
            rows.append(logits)
    return StepResult(done, torch.cat(rows) if rows else None, failed)


def _out_of_memory(error: Exception) -> bool:
    # On the CPU torch raises a plain RuntimeError, "DefaultCPUAllocator: can't allocate memory".
    return isinstance(
        error, MemoryError | torch.OutOfMemoryError
    ) or "can't allocate memory" in str(error)
