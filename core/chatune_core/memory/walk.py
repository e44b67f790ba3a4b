"""Memory in the walk of a message: what is learned from it, recalled for it, or asked of it."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from chatune_core.commands import Answer
from chatune_core.memory.answers import SURE, forgotten, kept, not_learning, which
from chatune_core.memory.chains import unlearned
from chatune_core.memory.explicit import (
    ForgetEverything,
    ForgetThis,
    RememberThis,
    Request,
    request_in,
)
from chatune_core.memory.extraction import Candidate, asked_for, extracted
from chatune_core.memory.learning import Lesson, learned
from chatune_core.memory.notes import Note
from chatune_core.memory.own_words import own_sentences
from chatune_core.memory.ports import Attention, Heard, Memories, MemoryStanding
from chatune_core.memory.recalled import NOTHING_RECALLED, Recalled
from chatune_core.memory.recalling import Recalling
from chatune_core.memory.requests import meant_by
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import ConversationId, EventKey, Inbound, MessageEdited, UserId
from chatune_core.outcomes import Effect, MemoryLearned, MemoryNoted
from chatune_core.privacy import ErasureReceipt

_NOTHING = Heard()
_OF_THEMSELVES = re.compile(r"\b(?:i|i'm|i've|i'd|me|my|mine)\b", re.IGNORECASE)
_SHORT = 400
"""Characters of a message that is read whatever the quick look says: reading it is as quick."""


@dataclass(frozen=True, slots=True)
class Places:
    """What is known of conversations.

    `allowed`: the operator, or who has a say in that place, lets memory have a part there.
    `private`: nobody but the person reads there.
    """

    allowed: Callable[[ConversationId], bool]
    private: Callable[[ConversationId], bool]


@dataclass(frozen=True, slots=True)
class PersonalMemory:
    """See Remembering."""

    memories: Memories
    recalling: Recalling
    places: Places
    worth_reading: Callable[[str], bool]
    """A quick look at a long message: whether it may say something that is to be remembered."""
    new_token: Callable[[], str]
    """Returns something that no memory was ever called by."""
    reads_notes: bool = False
    """A model reads what is noted: see `reading`."""

    async def attending(self, event: Inbound) -> Attention | None:
        """See Remembering.attending."""
        if not self.places.allowed(event.conversation):
            return None
        return _Attention(self, event, await self.memories.standing(event.user))

    async def forget(self, user: UserId, memories: Collection[MemoryId] | None) -> ErasureReceipt:
        """Forget these memories of `user`, or all, and what is kept of them in this process."""
        receipt = await self.memories.forget(user, memories)
        await self.recalling.forget(user)
        return receipt

    async def relearned(self, edited: MessageEdited) -> tuple[Effect, ...]:
        """See Remembering.relearned. The message has no source any more but its new text."""
        if not self.places.allowed(edited.conversation):
            return ()
        standing = await self.memories.standing(edited.user)
        attention = _Attention(self, edited, standing)
        if not attention.learns:
            return ()
        source = EventKey(edited.message)
        known = await self.recalling.known(edited.user, standing)
        gone = {one.id for one in known if (one.source, one.user) == (source, edited.user)}
        return attention.lessons(_candidates(edited.text), unlearned(known, gone))


@dataclass(frozen=True, slots=True)
class _Attention:
    """See Attention."""

    of: PersonalMemory
    event: Inbound
    standing: MemoryStanding

    @property
    def learns(self) -> bool:
        """Whether the person lets anything be learned and used here."""
        standing = self.standing
        return standing.agreed and standing.preferences.allow(self.event.conversation)

    @property
    def private(self) -> bool:
        return self.of.places.private(self.event.conversation)

    async def recalled(self, question: str) -> Recalled:
        """See Attention.recalled."""
        if not self.learns:
            return NOTHING_RECALLED
        event = self.event
        return await self.of.recalling.recalled(
            event.user,
            self.standing,
            question,
            event.conversation,
            at=event.at,
            private=self.private,
        )

    async def heard(self, text: str) -> Heard:
        """See Attention.heard. A message that asks for more is answered besides."""
        first, *more = [*own_sentences(text)] or [text]
        request = request_in(first if more else text)
        if request is not None and (not more or _about_the_person(request)):
            heard = await self._requested(request)
            return replace(heard, answer=None) if more else heard
        if not self.learns or (len(text) > _SHORT and not self.of.worth_reading(text)):
            return _NOTHING
        candidates = extracted(text)
        if not candidates:
            return self._noted(text)
        effects = self.lessons(candidates, await self._known())
        said = " ".join(effect.memory.text for effect in effects)
        return Heard(effects, f"(Noted: {said})" if said else "")

    def _noted(self, text: str) -> Heard:
        """Have a model read what the rules find nothing in, where one is there to."""
        own = " ".join(own_sentences(text))
        if not self.of.reads_notes or not own or not self.of.worth_reading(own):
            return _NOTHING
        event = self.event
        note = Note(event.key, event.user, event.conversation, event.at, self.private, own)
        return Heard((MemoryNoted(note),))

    def lessons(
        self, candidates: Sequence[Candidate], known: Sequence[Memory]
    ) -> tuple[MemoryLearned, ...]:
        """Return what is new of `candidates` to who knows `known`."""
        event = self.event
        source = event.message if isinstance(event, MessageEdited) else event.key
        lesson = Lesson(event.user, EventKey(source), event.conversation, event.at, self.private)
        return learned(lesson, candidates, known, self.of.new_token)

    async def _known(self) -> Sequence[Memory]:
        return await self.of.recalling.known(self.event.user, self.standing)

    async def _requested(self, request: Request) -> Heard:
        match request:
            case RememberThis():
                return await self._remember(request)
            case ForgetThis(what=what):
                return await self._forget(what)
            case ForgetEverything():
                known = await self._known()
                return Heard(answer=SURE) if known else _NOTHING

    async def _remember(self, request: RememberThis) -> Heard:
        if not self.learns:
            return Heard(note=f"({not_learning(self.standing)})")
        effects = self.lessons(asked_for(request), await self._known())
        if not effects:
            said = "I know that already."
            return Heard(note=f"({said})", answer=Answer(said))
        answer = kept(effects[0].memory)
        return Heard(effects, f"({answer.text})", answer)

    async def _forget(self, what: str) -> Heard:
        current = [memory for memory in await self._known() if memory.current]
        meant = meant_by(what, current)
        if not current:
            return _NOTHING
        if not meant:
            return Heard(note="(I remember nothing like that.)")
        if len(meant) > 1:
            return Heard(
                note="(I remember several such things; see /memory show.)", answer=which(meant)
            )
        receipt = await self.of.forget(self.event.user, [meant[0].id])
        return Heard(note="(Forgotten.)", answer=forgotten(meant, receipt))


def _about_the_person(request: Request) -> bool:
    """Return whether a message that goes on is meant for memory: "note that x > 0" is for the answer."""
    if not isinstance(request, RememberThis) or request.lasting:
        return True
    return _OF_THEMSELVES.search(request.what) is not None


def _candidates(text: str) -> tuple[Candidate, ...]:
    request = request_in(text)
    return asked_for(request) if isinstance(request, RememberThis) else extracted(text)
