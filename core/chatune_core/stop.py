"""Stopping one turn from outside."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Stop:
    """The handle on a running turn: `request` ends its generation, the text so far is kept."""

    __slots__ = ("_scope", "requested")

    def __init__(self) -> None:
        self.requested = False
        self._scope: anyio.CancelScope | None = None

    def request(self) -> None:
        """Ask the turn to stop; at once if it is generating, else before it begins to."""
        self.requested = True
        if self._scope is not None:
            self._scope.cancel()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Run the body until it ends or `request` is called, whichever comes first."""
        with anyio.CancelScope() as self._scope:
            if self.requested:
                self._scope.cancel()
            try:
                yield
            finally:
                self._scope = None
