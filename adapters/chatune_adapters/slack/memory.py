"""Small bounded memories of the process."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping that forgets what was written longest ago once it holds more than `size`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def get(self, key: K) -> V | None:
        """Return what is kept under `key`."""
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep `value` as the newest."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def pop(self, key: K) -> V | None:
        """Forget `key` and return what was kept."""
        return self._kept.pop(key, None)


def doubt(known: Recent[K, bool], key: K) -> None:
    """Note that it is not certain any more what is shown of an event of this process."""
    if key in known:
        known.put(key, False)
