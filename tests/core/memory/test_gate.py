"""The write gate: which messages are worth a closer look."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.errors import ConfigurationError
from chatune_core.memory.gate import BUNDLED_GATE, CARD_FILE, WEIGHTS_FILE, WriteGate
from chatune_core.memory.gate_features import BUCKETS, gate_features

GATE = WriteGate.open()


@pytest.mark.parametrize(
    "text",
    [
        "I am allergic to peanuts.",
        "I moved to Oslo last month with my two sons.",
        "I'm not a fan of crowded beaches, I prefer the mountains.",
    ],
)
def test_what_a_person_says_of_themselves_passes(text: str) -> None:
    assert GATE.worth_remembering(text)


@pytest.mark.parametrize(
    "text",
    ["hello", "ok thanks!", "What is the capital of France?", "translate this into French", "lol"],
)
def test_small_talk_and_questions_do_not_pass(text: str) -> None:
    assert not GATE.worth_remembering(text)


@pytest.mark.parametrize(
    "text", ["Remember that the door code is on the fridge.", "From now on, only in Welsh"]
)
def test_what_is_asked_to_be_remembered_passes(text: str) -> None:
    assert GATE.worth_remembering(text)


@pytest.mark.parametrize("text", ["", "   ", "12 345", "?!?!", "\U0001f600"])
def test_what_has_no_letter_does_not_pass(text: str) -> None:
    assert not GATE.worth_remembering(text)


@given(st.text())
def test_any_text_has_a_score(text: str) -> None:
    assert 0 < GATE.score(text) < 1


@given(st.text())
def test_any_text_has_features_within_the_table(text: str) -> None:
    features = gate_features(text)

    assert features
    assert all(0 <= feature < BUCKETS for feature in features)


def test_of_a_long_message_the_beginning_is_read() -> None:
    begins = "I am allergic to peanuts. " * 50

    assert GATE.score(begins) == GATE.score(begins + "x" * 100_000)


@pytest.mark.parametrize("file", [CARD_FILE, WEIGHTS_FILE])
def test_weights_that_were_changed_are_refused(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(BUNDLED_GATE, folder)
    content = bytearray((folder / file).read_bytes())
    content[0] ^= 1
    (folder / file).write_bytes(content)

    with pytest.raises(ConfigurationError, match="write gate"):
        WriteGate.open(folder)


def test_weights_that_are_missing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="write gate"):
        WriteGate.open(tmp_path)
