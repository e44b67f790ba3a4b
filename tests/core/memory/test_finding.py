"""Finding for an answer: what the search model made of memories outlives the process."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.memory.finding import SearchFinder
from chatune_core.memory.search import DIMENSIONS
from chatune_core.memory.values import Memory
from chatune_core.outcomes import MemoryEdited, MemoryLearned
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.encoders import HashedWords
from fakes.events import ANN, AT, elsewhere, handle
from fakes.remembered import memory

pytestmark = pytest.mark.anyio
TEA, DOG = memory("tea", "Likes green tea."), memory("dog", "Has a dog called Rufus.", source="2")


@pytest.fixture
def stores() -> Stores:
    return memory_stores(FakeClock(), timedelta(seconds=60))


class OtherWords(HashedWords):
    name = "other-words"


async def learn(stores: Stores, *learned: Memory) -> None:
    await handle(stores, elsewhere(f"learns {learned!r}"), *map(MemoryLearned, learned))


async def found(finder: SearchFinder, stores: Stores, question: str) -> Sequence[str]:
    memories = await stores.memories.of(ANN)
    revision = (await stores.memories.standing(ANN)).revision
    return await finder.best(ANN, revision, memories, question, at=AT, allowed=lambda memory: True)


async def asked_after_restart(
    stores: Stores, encoder: HashedWords, question: str = "Is there tea?"
) -> int:
    """Return how many texts a new process encodes, besides the question."""
    before = encoder.asked
    await found(SearchFinder(lambda: encoder, stores.vectors), stores, question)
    return encoder.asked - before - 1


async def test_after_a_restart_no_memory_is_encoded_again(stores: Stores) -> None:
    await learn(stores, TEA, DOG)
    encoder = HashedWords(DIMENSIONS)

    assert await asked_after_restart(stores, encoder) == 2
    assert await asked_after_restart(stores, encoder) == 0

    await learn(stores, memory("home", "Lives in Leeds.", source="3"))
    assert await asked_after_restart(stores, encoder) == 1


async def test_what_is_found_is_the_same_after_a_restart(stores: Stores) -> None:
    await learn(stores, TEA, DOG)
    encoder = HashedWords(DIMENSIONS)
    questions = ["Is there tea?", "Who is called Rufus?", "What is my dog called?"]
    finder = SearchFinder(lambda: encoder, stores.vectors)
    before = [await found(finder, stores, question) for question in questions]

    again = SearchFinder(lambda: encoder, stores.vectors)

    assert [await found(again, stores, question) for question in questions] == before


async def test_another_encoder_encodes_all_memories(stores: Stores) -> None:
    await learn(stores, TEA, DOG)
    await asked_after_restart(stores, HashedWords(DIMENSIONS))

    assert await asked_after_restart(stores, OtherWords(DIMENSIONS)) == 2


async def test_an_edited_memory_is_encoded_again(stores: Stores) -> None:
    await learn(stores, TEA, DOG)
    encoder = HashedWords(DIMENSIONS)
    await asked_after_restart(stores, encoder)

    await handle(stores, elsewhere("edits"), MemoryEdited(replace(TEA, text="Likes rooibos.")))

    assert await asked_after_restart(stores, encoder) == 1


async def test_by_words_alone_the_right_memory_is_found_and_nothing_is_kept(
    stores: Stores,
) -> None:
    await learn(stores, TEA, DOG)

    best = await found(SearchFinder(lambda: None, stores.vectors), stores, "What is my dog called?")

    assert best[0] == DOG.id
    assert await stores.vectors.kept(ANN, HashedWords.name) == {}
