"""Stopping one turn from outside."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Stop:
    """The handle on a running turn: `request` ends its generation, the text so far is kept."""

    __slots__ = ("_scopes", "requested")

    def __init__(self) -> None:
        self.requested = False
        self._scopes: set[anyio.CancelScope] = set()

    def request(self) -> None:
        """Ask the turn to stop; at once if it is generating, else before it begins to."""
        self.requested = True
        for scope in self._scopes:
            scope.cancel()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Run the body until it ends or `request` is called, whichever comes first."""
        with anyio.CancelScope() as scope:
            if self.requested:
                scope.cancel()
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
