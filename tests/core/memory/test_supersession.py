"""New memories beside those that are there."""

from dataclasses import replace
from datetime import UTC, datetime

from chatune_core.memory.extraction import Candidate, extracted
from chatune_core.memory.supersession import Settled, settled
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import ConversationId, EventKey, UserId

AT = datetime(2026, 1, 1, tzinfo=UTC)


def remembered(message: str, name: str = "1") -> Memory:
    [found] = extracted(message)
    return Memory(
        MemoryId(name), UserId("test:ann"), found.text, found.kind, EventKey(f"test:{name}"),
        AT, AT, ConversationId("test:room"), found.slot, found.polarity,
    )  # fmt: skip


def said(message: str) -> tuple[Candidate, ...]:
    return extracted(message)


def test_a_new_value_takes_the_place_of_the_old_one_in_its_slot() -> None:
    home, diet = remembered("I live in Lisbon."), remembered("I follow a keto diet.", "2")

    [moved] = settled([home, diet], said("I moved to Oslo last week."))

    assert moved.supersedes == (home.id,)
    assert moved.candidate.text == "I moved to Oslo last week."


def test_a_change_of_taste_takes_the_place_of_the_taste() -> None:
    taste = remembered("I love spicy food.")

    [changed] = settled([taste], said("I hate spicy food."))

    assert (changed.supersedes, changed.candidate.polarity) == ((taste.id,), -1)


def test_what_is_known_is_not_stored_again_however_often_it_is_said() -> None:
    known = [remembered("I live in Lisbon.")]

    assert settled(known, said("I live in Lisbon.") * 3) == ()
    assert settled(known, said("i live in lisbon")) == ()


def test_two_values_for_one_slot_in_one_message_leave_the_later() -> None:
    found = settled([], said("I live in Rome.") + said("I moved to Oslo."))

    assert [each.candidate.text for each in found] == ["I moved to Oslo."]


def test_what_is_no_longer_current_is_left_alone() -> None:
    old = replace(remembered("I live in Lisbon."), superseded_by=MemoryId("2"))

    assert settled([old], said("I live in Lisbon.")) == (Settled(said("I live in Lisbon.")[0]),)


def test_sentences_without_a_slot_stand_beside_each_other_unless_they_say_the_same() -> None:
    known = replace(remembered("I live in Lisbon."), slot="", text="The gate code is on the shelf.")
    same = replace(said("I live in Rome.")[0], slot="", text="the gate code is on the shelf")
    other = replace(same, text="The key is under the mat.")

    assert [each.candidate for each in settled([known], [same, other])] == [other]
