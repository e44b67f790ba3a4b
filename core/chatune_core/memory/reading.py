"""Reads noted messages with a model, behind the answers; nothing is learned that the message does not say."""

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import anyio

from chatune_core.errors import GenerationFailed, QueueFull, RetryLater
from chatune_core.framing import framed
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    GenerationRequest,
    Priority,
    RequestId,
    Sampling,
)
from chatune_core.memory.explicit import RememberThis
from chatune_core.memory.extraction import MOST_FROM_ONE, Candidate, asked_for
from chatune_core.memory.guards import unasked
from chatune_core.memory.learning import Lesson, learned
from chatune_core.memory.notes import Note
from chatune_core.memory.own_words import own_sentences
from chatune_core.memory.ports import Memories, Notes
from chatune_core.memory.requests import telling_words
from chatune_core.messages import ConversationId
from chatune_core.ports import Generator

logger = logging.getLogger(__name__)
AT_ONCE = 16
"""Notes that are read in one round."""
EVERY = timedelta(seconds=30)
CONFIDENCE = 0.6
LONGEST_LINE = 200
_TASK = (
    "List what the writer of a message says about themselves that will still be true next month: "
    "facts, likes and dislikes, how they want answers. One short sentence a line, beginning with "
    '"I" or "My", in the words of the message. If there is nothing of the kind, write NONE.'
)
_SAMPLING = Sampling(temperature=0, max_tokens=160)
_PATIENCE = timedelta(minutes=2)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])?\s*")
_OF_THE_WRITER = re.compile(r"(?:I|I'm|I've|I'd|My)\b")
_NEGATION = re.compile(
    r"\b(?:not|no|never|without|hate|dislike|avoid|stop|stopped|quit|\w+n't)\b", re.IGNORECASE
)


class NoteReader:
    """Takes notes oldest first. What one process settles, another passes over."""

    def __init__(
        self,
        memories: Memories,
        notes: Notes,
        generator: Generator,
        allowed: Callable[[ConversationId], bool],
        new_token: Callable[[], str],
    ) -> None:
        """Read where memory is `allowed`; `new_token` as in `learned`."""
        self._memories, self._notes, self._generator = memories, notes, generator
        self._allowed, self._new_token = allowed, new_token

    async def run(self) -> None:
        """Read whenever there is something to read, until cancelled."""
        while True:
            try:
                while await self.read_some():
                    pass
            except (RetryLater, QueueFull) as error:
                logger.info("reading for memories waits: %s", error)
            await anyio.sleep(EVERY.total_seconds())

    async def read_some(self) -> int:
        """Read the oldest notes; return how many there were.

        Raises:
            RetryLater, QueueFull: the store or the model cannot be had now; what is not read stays.
        """
        notes = await self._notes.oldest(AT_ONCE)
        for note in notes:
            candidates = await self._candidates(note)
            # Looked up after the model has answered: the person may have said more meanwhile.
            known = await self._memories.of(note.user) if candidates else ()
            lesson = Lesson(note.user, note.event, note.place, note.at, note.private)
            found = learned(lesson, candidates, known, self._new_token)
            if await self._still_wanted(note):
                await self._notes.settle(note, found)
            else:
                await self._notes.settle(note, ())
        return len(notes)

    async def _still_wanted(self, note: Note) -> bool:
        standing = await self._memories.standing(note.user)
        agreed = standing.agreed and standing.preferences.allow(note.place)
        return agreed and self._allowed(note.place)

    async def _candidates(self, note: Note) -> Sequence[Candidate]:
        if not await self._still_wanted(note):
            return ()
        try:
            said = await self._answer(note)
        except GenerationFailed as error:
            logger.warning("a message cannot be read for memories: %s", error)
            return ()
        return verified(said, note.text)

    async def _answer(self, note: Note) -> str:
        messages = (
            ChatMessage("system", _TASK),
            ChatMessage("user", framed("The message", note.text)),
        )
        request = GenerationRequest(
            RequestId(f"note:{note.event}"), messages, _SAMPLING, note.user, note.place,
            Priority.BACKGROUND, _PATIENCE,
        )  # fmt: skip
        said = ""
        async with aclosing(self._generator.stream(request)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    said += event.text
        return said


def verified(said: str, message: str) -> tuple[Candidate, ...]:
    """Return what a model `said` of the writer of `message`, as far as the message says so too.

    A line counts if nine in ten of its telling words stand in one sentence of the message, if it
    denies what that sentence denies, and if it is nothing that only its person may have remembered.
    """
    sentences = list(own_sentences(message))
    found: list[Candidate] = []
    for line in said.splitlines():
        text = _BULLET.sub("", line, count=1).strip()
        of_the_writer = len(text) <= LONGEST_LINE and _OF_THE_WRITER.match(text)
        if of_the_writer and not unasked(text) and any(_says(one, text) for one in sentences):
            found += asked_for(RememberThis(text))
    return tuple(
        replace(candidate, explicit=False, confidence=CONFIDENCE)
        for candidate in found[:MOST_FROM_ONE]
    )


def _says(sentence: str, line: str) -> bool:
    words, there = telling_words(line), telling_words(sentence)
    denies = _NEGATION.search(sentence) is not None
    return 10 * len(words & there) >= 9 * len(words) and denies is bool(_NEGATION.search(line))
