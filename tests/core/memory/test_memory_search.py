"""Finding memories: whose, which, in what order, and what is left when one is forgotten."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.memory.entries import Entry, entry_of
from chatune_core.memory.index import Allowed
from chatune_core.memory.search import Encoder, MemorySearch
from chatune_core.memory.values import Kind, Memory, MemoryId
from chatune_core.messages import ConversationId, EventKey, UserId
from fakes.encoders import DIMENSIONS, HashedWords

ADA, BEN = UserId("console:ada"), UserId("console:ben")
TODAY = date(2026, 3, 18)


def entry(
    key: str,
    text: str,
    kind: Kind = Kind.FACT,
    at: datetime | None = None,
    *,
    speaker: str = "",
    session: str = "",
) -> Entry:
    return Entry(MemoryId(key), text, kind, at, speaker, session)


def search_over(
    user: UserId, entries: Sequence[Entry], encoder: Encoder | None = None
) -> MemorySearch:
    search = MemorySearch(encoder, dimensions=DIMENSIONS)
    search.load(user, entries)
    while search.encode_new(user):
        pass
    return search


def anywhere(_: MemoryId) -> bool:
    return True


def ids(
    search: MemorySearch,
    text: str,
    user: UserId = ADA,
    most: int = 5,
    allowed: Allowed = anywhere,
) -> list[str]:
    found = search.search(user, text, most, today=TODAY, allowed=allowed)
    return [one.entry.id for one in found]


FACTS = [
    entry("home", "I live in Leeds near the canal."),
    entry("pet", "My dog is called Rufus."),
    entry("job", "I work as a nurse at night."),
]


@pytest.mark.parametrize("encoder", [None, HashedWords()])
def test_the_memory_that_answers_comes_first(encoder: Encoder | None) -> None:
    search = search_over(ADA, FACTS, encoder)

    assert ids(search, "Where do I live?")[0] == "home"
    assert ids(search, "What is my dog called?")[0] == "pet"
    assert ids(search, "Where am I working these nights?")[0] == "job"


def test_nobody_finds_what_another_person_said() -> None:
    search = search_over(ADA, FACTS)
    search.load(BEN, [entry("other", "I live in Oslo.")])

    assert ids(search, "Where do I live?", BEN) == ["other"]
    assert "other" not in ids(search, "Where do I live?", ADA)
    assert ids(search, "Where do I live?", UserId("console:eve")) == []


@pytest.mark.parametrize("text", ["Where do I live?", "A flat for me, please!"])
def test_what_may_not_be_used_here_is_not_found_here(text: str) -> None:
    secret = [entry(f"secret{i}", "I live in fear of moths.") for i in range(9)]
    search = search_over(ADA, [*secret, *FACTS])

    found = ids(search, text, allowed=lambda key: not key.startswith("secret"))

    assert sorted(found) == ["home", "job", "pet"]
    assert ids(search, text, allowed=lambda _: False) == []
    assert len(ids(search, text)) == 5


def test_a_wish_finds_preferences_first_and_still_a_fact() -> None:
    likings = [entry(f"p{i}", f"I avoid dish number {i}.", Kind.PREFERENCE) for i in range(9)]
    search = search_over(ADA, [*FACTS, *likings])

    found = ids(search, "Can you recommend a dish for dinner?", most=6)

    assert [key.startswith("p") for key in found].count(True) == 5
    assert found[5] in {"home", "pet", "job"}


def test_a_question_for_a_fact_does_not_put_preferences_first() -> None:
    search = search_over(ADA, [*FACTS, entry("p", "I avoid parties.", Kind.PREFERENCE)])

    assert ids(search, "What is my dog called?", most=1) == ["pet"]


def test_of_two_who_speak_the_one_asked_of_comes_first() -> None:
    talk = [
        entry("a", "I painted a lake.", speaker="Ada", session="s1"),
        entry("b", "I painted a lake.", speaker="Ben", session="s2"),
    ]
    search = search_over(ADA, talk, HashedWords())

    assert ids(search, "What did Ben paint?") == ["b", "a"]
    assert ids(search, "What did Ada paint?") == ["a", "b"]


def test_an_answer_is_found_by_the_words_of_the_turn_before_it() -> None:
    talk = [
        entry("asks", "Which instrument?", speaker="Ben", session="s"),
        entry("says", "The cello, every Sunday!", speaker="Ada", session="s"),
        entry("else", "Every Sunday we sleep.", speaker="Ada", session="t"),
    ]
    search = search_over(ADA, talk)

    assert set(ids(search, "Which instrument does Ada have?", most=2)) == {"asks", "says"}


def test_what_stands_alone_gets_no_context_from_what_is_beside_it() -> None:
    alone = [entry("asks", "Which instrument?"), entry("says", "The cello, every Sunday!")]
    search = search_over(ADA, alone)

    scores = {
        str(one.entry.id): one.score
        for one in search.search(ADA, "What is my instrument?", 5, today=TODAY, allowed=anywhere)
    }

    assert scores["says"] == 0 < scores["asks"]


def test_a_time_that_is_named_brings_what_was_said_then_to_the_front() -> None:
    trips = [
        entry("may", "I went on a trip.", at=datetime(2025, 5, 10, tzinfo=UTC)),
        entry("june", "I went on a trip.", at=datetime(2025, 6, 20, tzinfo=UTC)),
        entry("week", "I went on a trip.", at=datetime(2026, 3, 10, tzinfo=UTC)),
    ]
    search = search_over(ADA, trips)

    assert ids(search, "What trip did I go on in May?", most=1) == ["may"]
    assert ids(search, "What trip did I go on last week?", most=1) == ["week"]


def test_a_new_memory_is_found_by_its_words_before_it_is_encoded() -> None:
    encoder = HashedWords()
    search = search_over(ADA, FACTS, encoder)
    asked = encoder.asked

    search.add(ADA, entry("new", "My sister keeps bees."))

    assert encoder.asked == asked
    assert ids(search, "What does my sister keep? Bees?")[0] == "new"
    assert set(search.encode_new(ADA)) == {"new"}
    assert search.encode_new(ADA) == {}


def test_vectors_that_were_kept_are_not_computed_again() -> None:
    encoder = HashedWords()
    vectors = search_over(ADA, [], encoder).encode_new(ADA)
    first = MemorySearch(encoder, dimensions=DIMENSIONS)
    first.load(ADA, FACTS)
    vectors = first.encode_new(ADA)
    second = MemorySearch(encoder, dimensions=DIMENSIONS)
    second.load(ADA, FACTS, vectors)

    assert second.encode_new(ADA) == {}
    assert ids(second, "Where do I live?") == ids(first, "Where do I live?")


def test_an_entry_cannot_be_there_twice() -> None:
    search = search_over(ADA, FACTS)

    with pytest.raises(ValueError, match="home"):
        search.add(ADA, entry("home", "I live in Rome."))


def test_only_as_many_people_are_held_as_may_be() -> None:
    search = MemorySearch(None, most_people=2, dimensions=DIMENSIONS)
    for user in ("a", "b"):
        search.load(UserId(user), FACTS)
    ids(search, "Where do I live?", UserId("a"))

    search.load(UserId("c"), FACTS)

    assert [search.holds(UserId(user)) for user in ("a", "b", "c")] == [True, False, True]


def test_only_as_many_bytes_are_held_as_may_be_but_always_the_last_person() -> None:
    one = search_over(ADA, FACTS).nbytes
    search = MemorySearch(None, most_bytes=int(2.5 * one), dimensions=DIMENSIONS)
    for user in ("a", "b", "c"):
        search.load(UserId(user), FACTS)
    assert search.people == 2

    search.load(UserId("d"), [entry(str(i), "I like long walks. " * 50) for i in range(20)])

    assert search.people == 1
    assert search.holds(UserId("d"))


def test_forgetting_a_person_leaves_nothing_of_them() -> None:
    search = search_over(ADA, FACTS)

    assert search.forget_user(ADA)
    assert not search.forget_user(ADA)
    assert ids(search, "Where do I live?") == []
    assert search.nbytes == 0


def reachable(root: object) -> set[str]:
    """Return every text that hangs on `root`, whatever holds it."""
    texts: set[str] = set()
    seen: set[int] = set()
    rest = [root]
    while rest:
        one = rest.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, str):
            texts.add(one)
        elif isinstance(one, dict):
            rest += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            rest += one
        elif isinstance(one, np.ndarray) and one.dtype == object:
            rest += one.tolist()
        else:
            slots = [getattr(one, name, None) for name in getattr(type(one), "__slots__", ())]
            rest += [*getattr(one, "__dict__", {}).values(), *slots]
    return texts


def test_of_a_forgotten_memory_no_word_is_left_in_memory() -> None:
    talk = [entry(e.id, e.text, session="s") for e in FACTS]
    search = search_over(ADA, [*talk, entry("gone", "Zebras frighten me.", session="s"), *FACTS2])
    ids(search, "What frightens me?")
    assert any("zebra" in text for text in reachable(search))

    assert search.forget(ADA, MemoryId("gone"))
    ids(search, "What frightens me?")

    assert not any("zebra" in text.lower() or text == "gone" for text in reachable(search))
    assert not search.forget(ADA, MemoryId("gone"))


FACTS2 = [entry("after", "That is silly.", session="s")]

texts = st.lists(st.text(alphabet="abcde fgh", max_size=30), min_size=1, max_size=12)


@given(texts, st.data())
def test_forgetting_is_as_if_it_had_never_been_said(said: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(range(len(said)))))
    question = data.draw(st.text(alphabet="abcde fgh", max_size=20)) + " did I?"
    entries = [entry(str(i), text, session="s" if i % 3 else "") for i, text in enumerate(said)]
    forgot = search_over(ADA, entries, HashedWords())
    never = search_over(ADA, [e for i, e in enumerate(entries) if i not in gone], HashedWords())

    for number in gone:
        forgot.forget(ADA, MemoryId(str(number)))

    found = [
        one.search(ADA, question, 20, today=TODAY, allowed=anywhere) for one in (forgot, never)
    ]
    assert [f.entry.id for f in found[0]] == [f.entry.id for f in found[1]]
    assert [f.score for f in found[0]] == pytest.approx([f.score for f in found[1]], abs=1e-5)


@given(texts, texts, st.text(max_size=40), st.integers(0, 30))
def test_a_search_finds_only_the_persons_own_each_once_and_not_more_than_asked(
    mine: list[str], others: list[str], question: str, most: int
) -> None:
    search = search_over(ADA, [entry(f"a{i}", text) for i, text in enumerate(mine)], HashedWords())
    search.load(BEN, [entry(f"b{i}", text) for i, text in enumerate(others)])

    found = ids(search, question, most=most)

    assert len(found) == len(set(found)) == min(most, len(mine))
    assert all(key.startswith("a") for key in found)
    assert ids(search, question, most=most) == found


@given(texts, st.text(max_size=40))
def test_adding_one_by_one_is_the_same_as_loading_all(said: list[str], question: str) -> None:
    entries = [entry(str(i), text, session="s") for i, text in enumerate(said)]
    whole = search_over(ADA, entries, HashedWords())
    grown = search_over(ADA, [], HashedWords())
    for one in entries:
        grown.add(ADA, one)
        ids(grown, question)
        grown.encode_new(ADA)

    assert ids(grown, question) == ids(whole, question)


def test_a_memory_becomes_an_entry_of_the_time_since_when_it_is_so() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    memory = Memory(
        MemoryId("m"), ADA, "I am vegan.", Kind.PREFERENCE, EventKey("e"), at, at,
        ConversationId("c"),
    )  # fmt: skip

    assert entry_of(memory) == Entry(MemoryId("m"), "I am vegan.", Kind.PREFERENCE, at)
