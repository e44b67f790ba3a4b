"""Which memory took the place of which, seen over all memories of a person. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from chatune_core.memory.values import Memory, MemoryId

Chain = Mapping[MemoryId, MemoryId | None]
"""What took the place of each memory, None where nothing did."""


def with_earlier(wanted: Collection[MemoryId], chain: Chain) -> set[MemoryId]:
    """Return those of `wanted` that there are, and everything whose place they took."""
    earlier: dict[MemoryId, list[MemoryId]] = {}
    for memory, later in chain.items():
        if later is not None:
            earlier.setdefault(later, []).append(memory)
    found: set[MemoryId] = set()
    todo = [memory for memory in wanted if memory in chain]
    while todo:
        memory = todo.pop()
        if memory not in found:
            found.add(memory)
            todo += earlier.get(memory, ())
    return found


def heirs(gone: Collection[MemoryId], chain: Chain) -> dict[MemoryId, MemoryId | None]:
    """Return what follows each memory that one of `gone` had taken the place of.

    That is the next later memory that stays, or None: the memory is so again.
    """
    return {
        memory: _next(later, gone, chain)
        for memory, later in chain.items()
        if later in gone and memory not in gone
    }


def _next(memory: MemoryId | None, gone: Collection[MemoryId], chain: Chain) -> MemoryId | None:
    while memory is not None and memory in gone:
        memory = chain.get(memory)
    return memory


def unlearned(memories: Sequence[Memory], gone: Collection[MemoryId]) -> list[Memory]:
    """Return `memories` without those of `gone`; what these took the place of is so again."""
    begins = {memory.id: memory.valid_from for memory in memories}
    after = heirs(gone, {memory.id: memory.superseded_by for memory in memories})

    def left(memory: Memory) -> Memory:
        if memory.id not in after:
            return memory
        heir = after[memory.id]
        ends = None if heir is None else begins[heir]
        return replace(memory, superseded_by=heir, valid_to=ends)

    return [left(memory) for memory in memories if memory.id not in gone]
