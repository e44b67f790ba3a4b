"""What is recalled for one answer, and how it reads in the prompt. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatune_core.memory.framing import framed, that_fit
from chatune_core.memory.style import style_of
from chatune_core.memory.values import Kind, Memory


@dataclass(frozen=True, slots=True)
class Recalled:
    """Memories for one answer: those of every answer, and those that were found for it."""

    pinned: tuple[Memory, ...] = ()
    found: tuple[Memory, ...] = ()

    def within(self, tokens: int, count_tokens: Callable[[str], int]) -> tuple[Memory, ...]:
        """Return the most important memories, whose `part_of_prompt` takes at most `tokens`."""
        return that_fit(self.pinned, self.found, tokens, count_tokens, part_of_prompt)


NOTHING_RECALLED = Recalled()


def recalled_from(usable: Sequence[Memory], found: Sequence[Memory]) -> Recalled:
    """Return the pinned ones of `usable`, styles first and the newest first, and what was found."""
    pinned = [memory for memory in reversed(usable) if memory.pinned]
    pinned.sort(key=lambda memory: memory.kind is not Kind.STYLE)
    return Recalled(tuple(pinned), tuple(found))


def part_of_prompt(memories: Sequence[Memory]) -> str:
    """Return what a prompt says of a person, "" if there is nothing to say.

    What they said is quoted; what follows for the answer from how they want it is said in our words.
    """
    told = framed([memory for memory in memories if _tells(memory)])
    return "\n".join(part for part in (told, *style_of(memories).lines) if part)


def _tells(memory: Memory) -> bool:
    """Return whether the memory says more than the lines of its style do."""
    return memory.kind is not Kind.STYLE or not style_of((memory,)).lines
