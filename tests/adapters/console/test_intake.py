"""Bytes from a pipe to text."""

import os
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_adapters.console.intake import Seat, lines, mended, whole
from chatune_core.messages import ConversationId, Inbound, UserId

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def _send(writing: int, data: bytes) -> None:
    os.write(writing, data)
    os.close(writing)


async def _lines(descriptor: int, most: int) -> list[bytes]:
    async with aclosing(lines(descriptor, most)) as found:
        return [line async for line in found]


async def test_all_that_comes_through_a_pipe_is_one_message(pipe: tuple[int, int]) -> None:
    _send(pipe[1], b"first\nsecond\n")

    assert await whole(pipe[0], 1000) == b"first\nsecond\n"


async def test_a_file_is_read_like_a_pipe(tmp_path: Path) -> None:
    file = tmp_path / "question"
    file.write_bytes(b"What?")

    with file.open("rb") as opened:
        assert await whole(opened.fileno(), 1000) == b"What?"


async def test_far_too_much_is_not_held_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "flood"
    file.write_bytes(b"x" * 1_000_000)

    with file.open("rb") as opened:
        read = await whole(opened.fileno(), 1000)

    assert 1000 < len(read) < 100_000


async def test_lines_come_one_by_one_and_the_last_needs_no_end(pipe: tuple[int, int]) -> None:
    _send(pipe[1], b"one\ntwo\n\nthree")

    assert await _lines(pipe[0], 1000) == [b"one", b"two", b"", b"three"]


async def test_a_line_that_never_ends_is_cut_and_the_next_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "flood"
    file.write_bytes(b"x" * 300_000 + b"\nnext\n")

    with file.open("rb") as opened:
        assert await _lines(opened.fileno(), 1000) == [b"x" * 1000, b"next"]


def test_bytes_that_are_not_utf8_are_replaced_and_the_person_is_told() -> None:
    found = mended(b"a\xff\xc3b".decode("utf-8", errors="surrogateescape"))

    assert found.text == "a\ufffd\ufffdb"
    assert "not UTF-8" in found.note


def test_control_characters_go_and_the_person_is_told() -> None:
    found = mended("be\x07ll\x1b[0m")

    assert found.text == "bell[0m"
    assert "Control characters" in found.note


@pytest.mark.parametrize(
    "text", ["", "plain", "tab\tand\nline", "windows\r\nline", "ünï \ufffd 日本"]
)
def test_text_that_is_fine_is_left_alone_without_a_word(text: str) -> None:
    found = mended(text)

    assert (found.text, found.note) == (text.replace("\r\n", "\n"), "")


@given(st.binary())
def test_whatever_comes_can_be_stored_as_utf8(data: bytes) -> None:
    mended(data.decode("utf-8", errors="surrogateescape")).text.encode("utf-8")


def test_every_event_of_a_seat_has_a_key_of_its_own() -> None:
    numbers = iter("123")
    seat = Seat(
        UserId("terminal:ann"),
        ConversationId("terminal:c"),
        lambda: datetime(2026, 1, 1, tzinfo=UTC),
        lambda: next(numbers),
    )

    events: list[Inbound] = [seat.message("a"), seat.stop(), seat.message("a")]

    assert [event.key for event in events] == ["terminal:1", "terminal:2", "terminal:3"]
    assert {event.user for event in events} == {"terminal:ann"}
