"""From tokens to text: whole characters, nothing of a stop string, nothing lost."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chatune_core.generation.completion import ChatTokenizer, Completion, StopStrings
from chatune_core.generation.requests import ChatMessage
from fakes.runner import END_OF_TURN, ByteTokenizer

HALF = "\N{REPLACEMENT CHARACTER}"


class WordTokenizer:
    """Words that carry their leading space, which decode drops at the very start."""

    eos_tokens = frozenset({0})

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        return [1]

    def count_tokens(self, message: ChatMessage) -> int:
        return 1

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(self._words[token - 1] for token in tokens if token).removeprefix(" ")


class FallbackTokenizer(ByteTokenizer):
    """Shows every byte of a broken character by itself, as byte-fallback decoders do."""

    def decode(self, tokens: Sequence[int]) -> str:
        try:
            return bytes(tokens).decode()
        except UnicodeDecodeError as error:
            whole = bytes(tokens[: error.start]).decode()
            return whole + HALF * (len(tokens) - error.start)


def pieces(
    tokenizer: ChatTokenizer, tokens: Sequence[int], stop: Sequence[str] = ()
) -> tuple[list[str], bool]:
    completion = Completion(tokenizer, stop)
    shown = []
    for token in tokens:
        shown.append(completion.push(token))
        if completion.stopped:
            return shown, True
    return [*shown, completion.end()], False


def until_first_complete(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """The specification: read character by character, cut at the first stop string complete."""
    for end in range(len(text) + 1):
        starts = [end - len(one) for one in stop if text[:end].endswith(one)]
        if starts:
            return text[: min(starts)], True
    return text, False


fixed_port: ChatTokenizer = ByteTokenizer()


@given(st.text(st.characters(codec="utf-8", exclude_characters=HALF + "\0\1")))
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    shown, _ = pieces(ByteTokenizer(), list(text.encode()))

    assert "".join(shown) == text


@given(st.lists(st.integers(2, 255), max_size=60))
def test_any_bytes_are_shown_as_their_decode_less_a_half_character_at_the_end(
    tokens: list[int],
) -> None:
    whole = ByteTokenizer().decode(tokens)

    shown = "".join(pieces(ByteTokenizer(), tokens)[0])

    assert whole.startswith(shown)
    assert set(whole[len(shown) :]) <= {HALF}
    assert len(whole) - len(shown) <= 3


@given(st.text(alphabet="aé漢🙂", max_size=40))
def test_no_piece_ends_in_half_a_character(text: str) -> None:
    for tokenizer in (ByteTokenizer(), FallbackTokenizer()):
        shown, _ = pieces(tokenizer, list(text.encode()))

        assert "".join(shown) == text
        assert not any(HALF in piece for piece in shown)


@given(st.lists(st.integers(1, 6), max_size=60))
def test_leading_spaces_are_kept_wherever_the_window_begins(tokens: list[int]) -> None:
    tokenizer = WordTokenizer([" to", " be", "n't", " ", ",", "  two"])

    shown, _ = pieces(tokenizer, tokens)

    assert "".join(shown) == tokenizer.decode(tokens)


def test_text_is_shown_as_soon_as_its_character_is_whole() -> None:
    shown, _ = pieces(ByteTokenizer(), list("aé🙂".encode()))

    assert shown == ["a", "", "é", "", "", "", "🙂", ""]


def test_a_long_run_of_broken_bytes_is_not_held_back_for_ever() -> None:
    completion = Completion(ByteTokenizer(), ())

    shown = "".join(completion.push(0xFF) for _ in range(20))

    assert shown == HALF * 17


def test_decoding_a_step_does_not_grow_with_the_completion() -> None:
    lengths = []

    class Recording(ByteTokenizer):
        def decode(self, tokens: Sequence[int]) -> str:
            lengths.append(len(tokens))
            return super().decode(tokens)

    pieces(Recording(), list(("x" * 500 + "é" * 200).encode()))

    assert max(lengths) <= 16


def test_the_end_of_turn_ends_the_completion_and_is_not_shown() -> None:
    assert pieces(ByteTokenizer(), [*b"Yes", END_OF_TURN, *b"no"]) == (["Y", "e", "s", ""], True)


def test_a_forming_stop_string_is_shown_when_the_turn_ends_without_it() -> None:
    shown, stopped = pieces(ByteTokenizer(), [*b"a\nUs", END_OF_TURN], ["\nUser:"])

    assert ("".join(shown), stopped) == ("a\nUs", True)


def test_nothing_of_a_stop_string_is_shown_across_tokens() -> None:
    tokenizer = WordTokenizer(["Hello", "\nUs", "er: more"])

    assert pieces(tokenizer, [1, 2, 3], ["\nUser:"]) == (["Hello", "", ""], True)


def test_a_stop_string_forming_again_within_itself_is_found() -> None:
    shown, stopped = pieces(ByteTokenizer(), list(b"xaab!"), ["ab"])

    assert ("".join(shown), stopped) == ("xa", True)


def test_the_stop_string_that_is_complete_first_counts_even_within_one_token() -> None:
    tokenizer = WordTokenizer(["one two three"])

    shown, stopped = pieces(tokenizer, [1], ["one two three", "two"])

    assert ("".join(shown), stopped) == ("one ", True)


def test_an_empty_stop_string_stops_nothing() -> None:
    assert pieces(ByteTokenizer(), list(b"abc"), [""])[1] is False


@given(
    st.text(alphabet="ab\n", max_size=40),
    st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(0, 40), max_size=20),
)
def test_however_the_text_is_split_it_is_shown_up_to_the_first_complete_stop_string(
    text: str, stop: list[str], cuts: list[int]
) -> None:
    borders = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    parts = [text[a:b] for a, b in pairwise(borders)]

    screen = StopStrings(stop)
    shown = ""
    for part in parts:
        shown += screen.push(part)
        if screen.met:
            break
    shown += screen.flush()

    assert (shown, screen.met) == until_first_complete(text, stop)
