"""Training takes only as much of the machine as it was given."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import torch

from chatune_core.learning.recipe import Pace


class Pacer:
    """Holds a run to its pace. One for each process that trains: threads and niceness are its own."""

    def __init__(
        self,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rest, self._clock, self._sleep = pace.rest, clock, sleep
        if pace.threads is not None:
            torch.set_num_threads(pace.threads)
        if pace.nice and hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, 0, pace.nice)
        self._since = clock()

    def breathe(self) -> None:
        """Pause in proportion to the work since the last pause."""
        if self._rest > 0:
            self._sleep(self._rest * max(0.0, self._clock() - self._since))
        self._since = self._clock()
