"""What memory needs from storage, and the walk of a message from memory; see `chatune_core.ports` for the rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from chatune_core.commands import Answer
from chatune_core.memory.notes import Note
from chatune_core.memory.places import MemoryPreferences
from chatune_core.memory.recalled import Recalled
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import EventKey, Inbound, MessageEdited, UserId
from chatune_core.outcomes import Effect, MemoryLearned
from chatune_core.privacy import ErasureReceipt


@dataclass(frozen=True, slots=True)
class MemoryStanding:
    """How memory stands with a person.

    `agreed` is their consent. `revision` changes with everything that is learned, edited or
    forgotten, whichever process does it: what was computed at another revision is out of date.
    """

    agreed: bool = False
    preferences: MemoryPreferences = field(default_factory=MemoryPreferences)
    revision: str = ""


class Memories(Protocol):
    """What is remembered of each person; the ledger writes what is learned.

    Everything is asked by user and answered about that user: theirs, and what was learned through
    the identities that they linked to this one.
    """

    async def standing(self, user: UserId) -> MemoryStanding:
        """Return how memory stands with `user`."""
        ...

    async def of(self, user: UserId) -> Sequence[Memory]:
        """Return everything that is remembered of `user`, superseded memories too, oldest first.

        What was learned through a linked identity whose consent was withdrawn is among them.
        """
        ...

    async def used_in(self, answer: EventKey) -> Sequence[MemoryId]:
        """Return which memories the generated answer to `answer` used, in the order of the prompt.

        Empty if none, and once the answer or all of them are forgotten.
        """
        ...

    async def forget(
        self, user: UserId, memories: Collection[MemoryId] | None = None
    ) -> ErasureReceipt:
        """Forget these memories of `user`, or all; return what went, per store.

        With a memory goes what it took the place of, the message that it was learned from, the
        texts of the answers that used it, and of the prompts that may repeat any of these. Without
        `memories` everything goes that the person and the bot said to each other, and the key that
        it was encrypted with; consents and preferences stay. On return nothing of it is in the
        files of an SQLite database. Memories of others are never touched. It may be repeated.
        """
        ...


@dataclass(frozen=True, slots=True)
class TextVector:
    """What a model made of the text of a memory; as private as the text, for it can be guessed from it."""

    text: str
    numbers: bytes


class Vectors(Protocol):
    """Vectors of what is remembered, so that a text is encoded once. They go with their memories."""

    async def kept(self, user: UserId, encoder: str) -> Mapping[MemoryId, bytes]:
        """Return the vectors that `encoder` made of what is remembered of `user`, as they were kept.

        Those of an earlier text of an edited memory are not among them.
        """
        ...

    async def keep(
        self, user: UserId, encoder: str, vectors: Mapping[MemoryId, TextVector]
    ) -> None:
        """Keep what `encoder` made of memories of `user`, in place of what another encoder made.

        A vector is dropped if its memory is gone, says something else by now, or is being changed.
        """
        ...


class Notes(Protocol):
    """Messages that wait to be read by a model; the ledger writes them, age and forgetting end them."""

    async def oldest(self, limit: int) -> Sequence[Note]:
        """Return the notes that wait longest, oldest first."""
        ...

    async def settle(self, note: Note, learned: Sequence[MemoryLearned]) -> bool:
        """Remove `note` and record what was learned from it: one transaction.

        Return False, with nothing recorded, if it has gone: forgotten, or settled elsewhere.
        """
        ...


class Links(Protocol):
    """Identities of one person on several platforms."""

    async def offer(self, user: UserId, code: str, valid_for: timedelta) -> None:
        """Let whoever shows `code` within `valid_for` be linked to `user`; an earlier code ends.

        Only a hash of the code is kept.
        """
        ...

    async def accept(self, user: UserId, code: str) -> UserId | None:
        """Link `user` to who was given `code`; return who that is, None if the code is not valid.

        A code works once, and never for the one who was given it.
        """
        ...

    async def linked(self, user: UserId) -> Sequence[UserId]:
        """Return the other identities of the same person, sorted."""
        ...

    async def part(self, user: UserId) -> None:
        """Take `user` out of their links; each side keeps what was learned through it."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message means to memory.

    `effects` are to be committed with its turn. `note` is shown to the person below the answer;
    `answer` is given in place of one, for the message asked for nothing else.
    """

    effects: tuple[Effect, ...] = ()
    note: str = ""
    answer: Answer | None = None


class Attention(Protocol):
    """Memory of the person who caused one event, for as long as that is worked on."""

    async def heard(self, text: str) -> Heard:
        """Return what the person's own words in the event mean to memory.

        Raises:
            RetryLater: the store fails in passing.
        """
        ...

    async def recalled(self, question: str) -> Recalled:
        """Return what bears on an answer to `question` and may be used where the event is."""
        ...


class Remembering(Protocol):
    """What the walk of a message needs of memory."""

    async def attending(self, event: Inbound) -> Attention | None:
        """Return the memory of who caused `event`, None where memory has no part in it."""
        ...

    async def relearned(self, edited: MessageEdited) -> tuple[Effect, ...]:
        """Return what follows for memory from another text of a message."""
        ...
