"""What is recalled for one answer, and how it reads in the prompt. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatune_core.framing import framed
from chatune_core.memory.style import Style, style_of
from chatune_core.memory.values import Kind, Memory, MemoryId

MOST_CHARACTERS = 500
"""Of one memory in a prompt; a longer one is cut, so that it leaves room for others."""
_HEADING = "What the person you talk to has told you about themselves, for where it matters"


@dataclass(frozen=True, slots=True)
class Recalled:
    """Memories for one answer, the most important first."""

    memories: tuple[Memory, ...] = ()

    @property
    def ids(self) -> tuple[MemoryId, ...]:
        """Return which memories these are."""
        return tuple(memory.id for memory in self.memories)

    @property
    def style(self) -> Style:
        """Return how the person wants to be answered."""
        return style_of(self.memories)

    def first(self, most: int) -> "Recalled":
        """Return the `most` most important ones."""
        return Recalled(self.memories[:most])

    def block(self) -> str:
        """Return the part of the prompt, "" if there is nothing to say.

        What a person said stands between marks as data, each on one line; what follows for the
        answer is said in our words, after it.
        """
        told = [memory for memory in self.memories if _tells(memory)]
        parts = [framed(_HEADING, "\n".join(map(_line, told)))] if told else []
        return "\n".join([*parts, *self.style.lines])


def _tells(memory: Memory) -> bool:
    """Return whether the memory says more than the lines of its style do."""
    return memory.kind is not Kind.STYLE or not style_of((memory,)).lines


def _line(memory: Memory) -> str:
    said = " ".join(memory.text.split())
    short = said if len(said) <= MOST_CHARACTERS else f"{said[:MOST_CHARACTERS]}…"
    return f"- {short}"


NOTHING_RECALLED = Recalled()


def most_important(
    memories: Sequence[Memory], found: Sequence[Memory], most_pinned: int
) -> Recalled:
    """Return pinned memories, styles first and the newest first, then what was found."""
    pinned = [memory for memory in reversed(memories) if memory.pinned]
    pinned.sort(key=lambda memory: memory.kind is not Kind.STYLE)
    chosen = pinned[:most_pinned]
    return Recalled((*chosen, *(memory for memory in found if memory not in chosen)))
