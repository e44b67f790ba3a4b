"""A disguised message reads like the plain one, and the way back is kept."""

# ruff: noqa: RUF001 - look-alike letters are what is tested.

import sys
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.moderation.normalising import Normalised, normalised
from chatune_core.moderation.normalising_letters import folded


def written_at(text: Normalised, word: str) -> str:
    at = text.text.index(word)
    start, end = text.matching.place(at, at + len(word))
    return text.original[start:end]


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("b\u200ba\u200cd\u2060w\ufefford", "badword"),
        ("bаdwоrd", "badword"),
        ("ВАDWΟRD", "badword"),
        ("𝓫𝓪𝓭𝔀𝓸𝓻𝓭", "badword"),
        ("ⓑⓐⓓⓦⓞⓡⓓ", "badword"),
        ("🅱🅰🅳🆆🅾🆁🅳", "badword"),
        ("ᏴᎪᎠᎳᎾᎡᎠ", "badword"),
        ("ｂａｄｗｏｒｄ", "badword"),
        ("b4dw0rd", "badword"),
        ("b@dword", "badword"),
        ("ca$h", "cash"),
        ("4n 1d10t", "an idiot"),
        ("h4t3 7h15", "hate this"),
        ("b a d w o r d", "badword"),
        ("a  b a d  w o r d", "a bad word"),
        ("b\na\nd\nw\no\nr\nd", "badword"),
        ("b.a.d.w.o.r.d", "badword"),
        ("(b--a--d--w--o--r--d)!", "(badword)!"),
        ("b . a . d . w . o . r . d", "badword"),
        ("i.s b.a.d", "is bad"),
        ("baaaadwoooord", "badword"),
        ("b\u0301\u0323a\u0301\u0323d\u0301word", "badword"),
        ("bädwörd", "badword"),
        ("%62%61dword", "badword"),
        ("%2562adword", "badword"),
        ("b%D0%B0dword", "badword"),
        ("\u202ebad\u202cword", "badword"),
        ("BadWORD", "badword"),
    ],
)
def test_a_disguised_word_reads_plainly(disguised: str, plain: str) -> None:
    assert normalised(disguised).text == plain


@pytest.mark.parametrize(
    "text",
    [
        "in 2024 it cost $500, or 1,000 in 1999",
        "at 5pm on the 3rd, 10k people, 100mb",
        "an mp3 of 4k at 1080p and h264",
        "version 1.2.3.4 of 2024-01-05",
        "e.g. this, i.e. that",
        "no1 here is 5'7, not even in shoes",
        "open from 8am, 4ever, for cad$5 or $10k",
        "mail me@home now, well!then, k..i'm in",
        "nhl14 on the ps4, msg150p at most",
        "it's a c program, i'm a b student",
        "ask bob@example.com or see https://example.com/a1b2/3x3",
        "100% of 50 %",
        "...",
        "🙂 👍 🎉",
        "שלום עולם",
        "你好 世界",
        "",
    ],
)
def test_real_numbers_addresses_and_other_scripts_stay(text: str) -> None:
    assert normalised(text).text == text


def test_numbers_and_case_stay_in_the_plain_reading() -> None:
    text = normalised("ＡＫＩＡ ４１１１ b\u200bob h4t3")

    assert text.plain.text == "AKIA 4111 bob h4t3"


@pytest.mark.parametrize(
    ("text", "word", "written"),
    [
        ("so b a d w o r d it is", "badword", "b a d w o r d"),
        ("so b\u200bad\u200bword\u200b!", "badword", "b\u200bad\u200bword\u200b"),
        ("so %62adword!", "badword", "%62adword"),
        ("so baaad!", "bad", "baaad"),
        ("so b4\u0301d\u0301!", "bad", "b4\u0301d\u0301"),
        ("ﬁre and bad", "bad", "bad"),
    ],
)
def test_a_word_leads_back_to_all_that_it_was_written_with(
    text: str, word: str, written: str
) -> None:
    assert written_at(normalised(text), word) == written


tricky = st.text(
    st.sampled_from("aehtobs4301$@!| \n.-_%25D0B\u200b\u0301\u202eаеＨ𝐡ⓗßİŉﷺ😀\ud800שא")
)
texts = st.one_of(st.text(st.characters()), tricky)


@given(texts)
def test_any_text_is_read_and_its_origins_never_decrease(text: str) -> None:
    found = normalised(text)

    for reading in (found.plain, found.matching):
        assert len(reading.text) == len(reading.starts) == len(reading.ends)
        assert list(reading.starts) == sorted(reading.starts)
        assert list(reading.ends) == sorted(reading.ends)
        for start, end in zip(reading.starts, reading.ends, strict=True):
            assert 0 <= start < end <= len(text)
    found.text.encode()


@given(texts)
def test_reading_what_was_read_changes_nothing(text: str) -> None:
    once = normalised(text).text

    assert normalised(once).text == once


disguises = st.sampled_from(
    [
        lambda word: "\u200b".join(word),
        lambda word: " ".join(word),
        lambda word: ".".join(word),
        lambda word: "-".join(word),
        lambda word: "".join(chr(ord(letter) + 0xFEE0) for letter in word),
        lambda word: "".join(letter + "\u0336" for letter in word),
        lambda word: "".join(f"%{ord(letter):02x}" for letter in word),
        lambda word: word.translate(str.maketrans("aeop", "аеор")),
        lambda word: word.upper(),
        lambda word: "".join(letter * 4 for letter in word),
        lambda word: word,
    ]
)
# Letters that no two neighbours share, so that drawing out is undone letter by letter.
words = st.lists(st.sampled_from("bdfgkmnpr"), min_size=2, max_size=4).map(
    lambda letters: "".join(a + b for a, b in zip(letters, "aeiou", strict=False))
)


@given(
    word=words,
    disguise=disguises,
    before=st.sampled_from(["", "well, ", "ОК, ", "12 monkeys, ", "😀 "]),
    after=st.sampled_from(["", " indeed", ", no", " 😀 yes"]),
)
def test_a_disguised_word_is_found_and_its_place_holds_all_of_it(
    word: str, disguise: Callable[[str], str], before: str, after: str
) -> None:
    disguised = disguise(word)

    text = normalised(f"{before}{disguised}{after}")

    assert disguised.strip("\u200b") in written_at(text, word)


def test_every_character_folds_to_what_folds_to_itself() -> None:
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) not in {"Cn", "Co"}:
            shown = folded(chr(code))
            assert all(folded(each) == each for each in shown), hex(code)


def test_no_letter_of_ascii_is_taken_for_another() -> None:
    for code in range(0x20, 0x7F):
        assert folded(chr(code)) == chr(code)


def test_what_cannot_be_seen_is_gone() -> None:
    unseen = [
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) == "Cf" or 0xE0100 <= code <= 0xE01EF
    ]

    assert normalised("a" + "".join(unseen) + "b").text == "ab"
