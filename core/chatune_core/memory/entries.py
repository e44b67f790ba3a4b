"""What retrieval searches: a memory, or a thing that was said, with what finding it needs."""

from dataclasses import dataclass
from datetime import datetime

from chatune_core.memory.values import Kind, Memory, MemoryId


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of a person that can be found.

    at: when it was said or became so; None if nobody knows.
    speaker: the name of who said it, where several speak; "" is the person.
    session: the talk of which it is one turn, "" for what stands alone. Turns of a session that
        follow one another give each other context.
    """

    id: MemoryId
    text: str
    kind: Kind = Kind.FACT
    at: datetime | None = None
    speaker: str = ""
    session: str = ""


def entry_of(memory: Memory) -> Entry:
    """Return a memory as an entry; whether it may be used somewhere is asked of the memory."""
    return Entry(memory.id, memory.text, memory.kind, memory.valid_from)
