"""How many CPU threads a step uses: all of them while they are left alone, one while they are not.

Threads of one matrix product wait for each other by spinning, which is fastest on idle cores and
collapses on busy ones: a thread that has lost its core makes the others wait for milliseconds, some
hundred times a step (13 ms became 1,100 ms beside one busy process on two cores). One thread waits
for nobody. Threads that sleep instead of spin are slower than one thread at few rows.

Spinning threads use their cores whole, so the CPU time of a step tells: less than its share of
the wall time means that somebody else had a core.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_WINDOW_S = 0.1
"""Steps are judged together until they make up this time; a single one is too short to tell."""
_LEFT_ALONE = 0.8
"""The share of all cores' time below which somebody else was there."""
_SHORTEST_S, _LONGEST_S = 2.0, 30.0
"""How long one thread is used before all are tried again; doubles while that fails."""


class ThreadGovernor:
    """Chooses the threads of each step on one device thread. `most` is what the settings allow."""

    def __init__(
        self,
        most: int,
        use: Callable[[int], object],
        wall: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        """Take `use`, which sets the number of threads; `wall` and `cpu` return seconds."""
        self._most, self._use, self._wall, self._cpu = most, use, wall, cpu
        self._threads = 0
        self._wall_s = self._cpu_s = 0.0
        self._alone_until = 0.0
        self._pause_s = _SHORTEST_S

    @contextmanager
    def step(self) -> Iterator[None]:
        """Run the body with as many threads as pays at present, and learn from it."""
        wall, cpu = self._wall(), self._cpu()
        self._set(1 if wall < self._alone_until else self._most)
        try:
            yield
        finally:
            if self._threads > 1:
                self._judge(self._wall() - wall, self._cpu() - cpu)

    def _set(self, threads: int) -> None:
        if threads != self._threads:
            self._use(threads)
            self._threads = threads
            self._wall_s = self._cpu_s = 0.0

    def _judge(self, wall_s: float, cpu_s: float) -> None:
        self._wall_s += wall_s
        self._cpu_s += cpu_s
        if self._wall_s < _WINDOW_S:
            return
        if self._cpu_s < _LEFT_ALONE * self._most * self._wall_s:
            self._alone_until = self._wall() + self._pause_s
            self._pause_s = min(2 * self._pause_s, _LONGEST_S)
        else:
            self._pause_s = _SHORTEST_S
        self._wall_s = self._cpu_s = 0.0
