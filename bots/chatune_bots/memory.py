"""Builds memory over the stores that there are; its search model loads at the first question."""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from chatune_bots.memory_settings import MemorySection
from chatune_core.consents import ConsentCommands
from chatune_core.errors import ConfigurationError
from chatune_core.memory.commands import MemoryCommands
from chatune_core.memory.finding import SearchFinder
from chatune_core.memory.gate import WriteGate
from chatune_core.memory.linking import LinkCommand
from chatune_core.memory.reading import NoteReader
from chatune_core.memory.recalling import Recalling
from chatune_core.memory.walk import PersonalMemory, Places
from chatune_core.messages import ConversationId
from chatune_core.parts import Part
from chatune_core.ports import Generator
from chatune_storage.stores import Stores

if TYPE_CHECKING:
    from chatune_core.memory.search import Encoder

logger = logging.getLogger(__name__)
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_TERMINALS = ("terminal", "console")


@dataclass(frozen=True, slots=True)
class OpenedMemory:
    """Memory for the walk of a message, and what people reach by commands."""

    memory: PersonalMemory
    parts: Sequence[Part]


def open_memory(
    section: MemorySection, stores: Stores, now: Callable[[], datetime]
) -> OpenedMemory:
    """Return memory as the settings ask for it.

    Where it is not enabled nothing is learned or used; people can still see and forget what there is.
    """
    finder = SearchFinder(partial(_encoder, section), stores.vectors)
    places = Places(section.allows, is_private)
    recalling = Recalling(stores.memories, finder)
    gate = WriteGate.open()
    memory = PersonalMemory(
        stores.memories,
        recalling,
        places,
        gate.worth_remembering,
        _token,
        reads_notes=section.model is not None,
    )
    commands = MemoryCommands(memory, stores.history, stores.personal_data, stores.links, now)
    consents = ConsentCommands(stores.consents, now)
    return OpenedMemory(memory, [commands, consents, LinkCommand(stores.links, _code, now)])


def note_reader(section: MemorySection, stores: Stores, generator: Generator) -> NoteReader:
    """Return what reads noted messages with `generator`."""
    return NoteReader(stores.memories, stores.notes, generator, section.allows, _token)


def _token() -> str:
    return secrets.token_hex(8)


def _code() -> str:
    """Return twelve letters and digits that are not taken for one another, in two groups."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(12))
    return f"{letters[:6]}-{letters[6:]}"


def is_private(conversation: ConversationId) -> bool:
    """Return whether nobody but the person reads there: a terminal, a direct message."""
    platform = conversation.partition(":")[0]
    if platform == "discord":
        from chatune_adapters.discord.ids import is_direct

        return is_direct(conversation)
    if platform == "slack":
        from chatune_adapters.slack.ids import place_of

        return place_of(conversation).direct
    return platform.partition("-")[0] in _TERMINALS


def _encoder(section: MemorySection) -> "Encoder | None":
    if section.search == "words":
        return None
    from chatune_core.embedding.sentences import SentenceEncoder

    try:
        return SentenceEncoder.open()
    except ConfigurationError as error:
        logger.warning("memories are found by their words alone: %s", error)
        return None
