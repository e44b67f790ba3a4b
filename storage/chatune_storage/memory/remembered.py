"""What is remembered of people, in memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chatune_core.memory.chains import unlearned, with_earlier
from chatune_core.memory.notes import Note
from chatune_core.memory.places import MemoryPreferences
from chatune_core.memory.ports import MemoryStanding, TextVector
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import EventKey, UserId
from chatune_core.outcomes import (
    MemoriesUnlearned,
    MemoryChanged,
    MemoryEdited,
    MemoryLearned,
    MemoryNoted,
    MemoryPreferencesChanged,
)
from chatune_core.privacy import ErasureReceipt, PersonalRecord, Purpose
from chatune_storage.memory.forgetting import around, everything, forget
from chatune_storage.memory.links import MemoryLinks
from chatune_storage.memory.logs import MemoryConsents
from chatune_storage.memory.loras import LoraRecords
from chatune_storage.memory.records import Records, drop
from chatune_storage.personal import FORGOTTEN, readable


class Remembered:
    """Memories and preferences of everyone."""

    def __init__(self, links: MemoryLinks) -> None:
        self._links = links
        self.memories: list[Memory] = []
        self.vectors: dict[MemoryId, tuple[str, TextVector]] = {}
        self.preferences: dict[UserId, MemoryPreferences] = {}
        self.notes: dict[EventKey, Note] = {}
        self.revisions: Counter[UserId] = Counter()

    def of(self, user: UserId) -> list[Memory]:
        """Return everything that is remembered of `user`, oldest first."""
        circle = self._links.circle_of(user)
        return [memory for memory in self.memories if memory.user in circle]

    def apply(self, change: MemoryChanged) -> None:
        """Record a change."""
        match change:
            case MemoryLearned(memory=memory, supersedes=earlier):
                self._supersede(memory, earlier)
                self.memories.append(memory)
                self.revisions[memory.user] += 1
            case MemoryEdited(memory=memory):
                self._edit(memory)
            case MemoryNoted(note=note):
                self.notes.setdefault(note.event, note)
            case MemoriesUnlearned(user=user, source=source):
                drop(self.notes, lambda event, note: (event, note.user) == (source, user))
                self.unlearn(lambda memory: (memory.user, memory.source) == (user, source))
            case MemoryPreferencesChanged(user=user, preferences=preferences):
                self.preferences |= dict.fromkeys(self._links.circle_of(user), preferences)
            case _:
                assert_never(change)

    def unlearn(self, unwanted: Callable[[Memory], bool]) -> None:
        """Let memories go; what they took the place of is so again."""
        gone = {memory.id: memory.user for memory in self.memories if unwanted(memory)}
        left = {memory.id: memory for memory in unlearned(self.memories, gone)}
        self.keep(lambda memory: left.get(memory.id))
        self.revisions.update(set(gone.values()))

    def records_of(self, user: UserId) -> Iterator[PersonalRecord]:
        """Return what is kept about `user` under this identity."""
        for memory in self.memories:
            if memory.user == user:
                yield PersonalRecord("memories", readable(memory))
        for note in self.notes.values():
            if note.user == user:
                yield PersonalRecord("memory_notes", readable(note))
        if user in self.preferences:
            yield PersonalRecord("memory_preferences", readable(self.preferences[user]))
        for other in sorted(self._links.circle_of(user) - {user}):
            yield PersonalRecord("links", {"linked": other})

    def keep(self, what: Callable[[Memory], Memory | None]) -> int:
        """Put `what` returns in the place of each memory; return how many had nothing."""
        before = len(self.memories)
        self.memories = [kept for memory in self.memories if (kept := what(memory)) is not None]
        texts = {memory.id: memory.text for memory in self.memories}
        drop(self.vectors, lambda memory, made: texts.get(memory) != made[1].text)
        return before - len(self.memories)

    def forget(self, doomed: Collection[MemoryId]) -> int:
        """Remove memories; return how many there were."""
        self.revisions.update({memory.user for memory in self.memories if memory.id in doomed})
        return self.keep(lambda memory: None if memory.id in doomed else memory)

    def _supersede(self, newer: Memory, earlier: Sequence[MemoryId]) -> None:
        circle = self._links.circle_of(newer.user)

        def now(memory: Memory) -> Memory:
            if memory.id not in earlier or memory.user not in circle:
                return memory
            return replace(memory, superseded_by=newer.id, valid_to=newer.valid_from)

        self.keep(now)

    def _edit(self, edited: Memory) -> None:
        def now(memory: Memory) -> Memory:
            if (memory.id, memory.user) != (edited.id, edited.user):
                return memory
            kept = (memory.source, memory.learned_at, memory.place)
            return replace(edited, source=kept[0], learned_at=kept[1], place=kept[2])

        self.keep(now)
        self.revisions[edited.user] += 1


class MemoryMemories:
    """See Memories. Nothing outlives the process."""

    def __init__(
        self,
        remembered: Remembered,
        records: Records,
        consents: MemoryConsents,
        links: MemoryLinks,
        loras: LoraRecords,
        now: Callable[[], datetime],
    ) -> None:
        self._remembered, self._records, self._loras = remembered, records, loras
        self._consents, self._links, self._now = consents, links, now

    async def standing(self, user: UserId) -> MemoryStanding:
        """See Memories.standing."""
        agreed = self._consents.allowed(user, Purpose.MEMORY)
        preferences = self._remembered.preferences.get(user, MemoryPreferences())
        revisions = self._remembered.revisions
        circle = sorted(self._links.circle_of(user))
        revision = " ".join(f"{one}.{revisions[one]}" for one in circle)
        return MemoryStanding(agreed, preferences, revision)

    async def of(self, user: UserId) -> Sequence[Memory]:
        """See Memories.of."""
        return self._remembered.of(user)

    async def used_in(self, answer: EventKey) -> Sequence[MemoryId]:
        """See Memories.used_in."""
        made = self._records.generations.get(answer)
        return made.memories if made is not None else ()

    async def forget(
        self, user: UserId, memories: Collection[MemoryId] | None = None
    ) -> ErasureReceipt:
        """See Memories.forget."""
        removed = dict.fromkeys(FORGOTTEN, 0)
        circle, theirs = self._links.circle_of(user), self._remembered.of(user)
        if memories is None:
            sources, reach = None, everything(circle)
            doomed = {memory.id for memory in theirs}
        else:
            doomed = with_earlier(memories, {m.id: m.superseded_by for m in theirs})
            sources = {memory.source for memory in theirs if memory.id in doomed}
            reach = around(self._records, circle, doomed, sources)
        if doomed or memories is None:
            removed |= forget(self._records, reach)
            because = "what was said was forgotten"
            removed["models"] = self._loras.forget_answers(self._records.has_text, because)
            removed["memory_notes"] = drop(
                self._remembered.notes,
                lambda event, note: note.user in circle and (sources is None or event in sources),
            )
            removed["memories"] = self._remembered.forget(doomed)
            self._forget_uses(doomed)
        return ErasureReceipt(user, self._now(), removed)

    def _forget_uses(self, doomed: set[MemoryId]) -> None:
        made = self._records.generations
        for key, item in made.items():
            if not doomed.isdisjoint(item.memories):
                left = tuple(memory for memory in item.memories if memory not in doomed)
                made[key] = replace(item, memories=left)


class MemoryVectors:
    """See Vectors. Nothing outlives the process."""

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered

    async def kept(self, user: UserId, encoder: str) -> Mapping[MemoryId, bytes]:
        """See Vectors.kept."""
        kept = self._remembered.vectors
        theirs = [memory.id for memory in self._remembered.of(user) if memory.id in kept]
        return {key: kept[key][1].numbers for key in theirs if kept[key][0] == encoder}

    async def keep(
        self, user: UserId, encoder: str, vectors: Mapping[MemoryId, TextVector]
    ) -> None:
        """See Vectors.keep."""
        for memory in self._remembered.of(user):
            made = vectors.get(memory.id)
            if made is not None and made.text == memory.text:
                self._remembered.vectors[memory.id] = (encoder, made)


class MemoryNotes:
    """See Notes. Nothing outlives the process."""

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered

    async def oldest(self, limit: int) -> Sequence[Note]:
        """See Notes.oldest."""
        return list(self._remembered.notes.values())[:limit]

    async def settle(self, note: Note, learned: Sequence[MemoryLearned]) -> bool:
        """See Notes.settle."""
        kept = self._remembered.notes.get(note.event)
        if kept is None or kept.user != note.user:
            return False
        del self._remembered.notes[note.event]
        for change in learned:
            self._remembered.apply(change)
        return True
