"""Which slot a request gets, and how many of its prompt tokens need no computing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatune_core.generation.requests import LoraId

COPY_WORTH = 16
"""Fewer cached tokens than this are computed again rather than copied from another slot."""
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Copy:
    """The first `tokens` cached tokens of the slot `source` are wanted in another one."""

    source: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Place:
    """A slot for a request; its first `reused` tokens are cached there once `copy` is made."""

    slot: int
    reused: int
    copy: Copy | None


@dataclass(slots=True)
class _Slot:
    """What the cache of one slot holds: the first `count` of `tokens`, run with `lora`."""

    tokens: Sequence[int] = ()
    count: int = 0
    lora: LoraId | None = None
    busy: bool = False
    freed: int = 0

    def shared(self, prompt: Sequence[int], lora: LoraId | None) -> int:
        if self.lora != lora:
            return 0
        return min(shared_prefix(self.tokens, prompt), self.count)


class SlotTable:
    """The slots of the cache, who uses them and what they still remember. Not thread-safe.

    A freed slot keeps what it holds until somebody else needs the slot, so the next turn of a
    conversation finds its history computed.
    """

    def __init__(self, slots: int) -> None:
        self._slots = [_Slot() for _ in range(slots)]
        self._freed = 0
        self.free = slots

    def take(self, prompt: Sequence[int], lora: LoraId | None) -> Place:
        """Occupy a free slot for `prompt`, keeping as much of all caches as possible.

        A free slot that holds little beyond the shared prefix is continued in place; otherwise
        the slot unused for longest is taken and the prefix copied into it, so that one request
        with the common system prompt does not wipe out another conversation's history. The last
        prompt token always remains to be run: its logits are wanted.
        """
        shared = [slot.shared(prompt, lora) for slot in self._slots]
        best = max(range(len(shared)), key=lambda index: self._worth(index, shared[index]))
        free = [index for index, slot in enumerate(self._slots) if not slot.busy]
        target = min(free, key=lambda index: (self._slots[index].freed, index))
        if not self._slots[best].busy and 2 * shared[best] > self._slots[best].count:
            target = best
        most = len(prompt) - 1
        reused, copy = min(shared[target], most), None
        if shared[best] >= shared[target] + COPY_WORTH:
            reused = min(shared[best], most)
            copy = Copy(best, reused)
        slot = self._slots[target]
        slot.tokens, slot.count, slot.lora, slot.busy = prompt, 0, lora, True
        self.free -= 1
        return Place(target, reused, copy)

    def _worth(self, index: int, shared: int) -> tuple[int, bool, int]:
        slot = self._slots[index]
        return shared, not slot.busy, -slot.count

    def cached(self, prompt: Sequence[int], lora: LoraId | None) -> int:
        """Return how many leading tokens of `prompt` some slot holds now."""
        return max(slot.shared(prompt, lora) for slot in self._slots)

    def hold(self, slot: int, tokens: Sequence[int], count: int) -> None:
        """Record that the cache of `slot` now holds the first `count` of `tokens`."""
        self._slots[slot].tokens, self._slots[slot].count = tokens, count

    def release(self, slot: int) -> None:
        """Give `slot` back; what it holds stays reusable."""
        self._freed += 1
        self._slots[slot].busy, self._slots[slot].freed = False, self._freed
        self.free += 1

    def forget(self, slot: int) -> None:
        """Reuse nothing of what `slot` holds."""
        self._slots[slot].count = 0

    def forget_lora(self, lora: LoraId) -> None:
        """Reuse nothing that was computed with `lora`."""
        for slot in self._slots:
            if slot.lora == lora:
                slot.count = 0


def shared_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many leading tokens two sequences of the same type have in common."""
    limit = min(len(one), len(other))
    start = 0
    while start < limit and one[start : start + _BLOCK] == other[start : start + _BLOCK]:
        start += _BLOCK
    end = min(start + _BLOCK, limit)
    while start < end and one[start] == other[start]:
        start += 1
    return min(start, limit)
