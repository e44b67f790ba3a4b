"""No text, however it is made, takes more time than its length warrants."""

import time
from collections.abc import Callable

import pytest

from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.rules.hidden import HiddenText
from chatune_core.moderation.rules.links import LinkPolicy, Links
from chatune_core.moderation.rules.mentions import Mentions
from chatune_core.moderation.rules.personal_data import PersonalData
from chatune_core.moderation.rules.rule import Rule
from chatune_core.moderation.rules.words import WordList
from chatune_core.moderation.verdicts import Category

RULES: tuple[Rule, ...] = (
    PersonalData(("US", "GB", "ES")),
    Links(LinkPolicy()),
    Mentions(),
    HiddenText(),
    WordList(
        "test",
        ["*a*", "badword", "free money", "aaaa*", *(f"word{at}" for at in range(5000))],
        allow=["ab*"],
        category=Category.SPAM,
    ),
)
# What each pattern begins with and nearly finishes, over and over.
SEEDS = [
    *("a", "ab ", "a b ", "a.", "aaaa ", "a@", "@", "@a.", "a@a.", "a.co ", "a.com/", "x-", "_"),
    *("4", "4 ", "4111 1111 1111 111", "4111 1111 1111 1111 ", "DE89", "DE89 ", "1.", "1:", "12 "),
    *("+1 ", "+44 7700 900355 ", "0", "(1)", "123-", "123 45 ", "756.", "1/", "#1", "a:", ":"),
    *("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "eyJaaaaaaaaaaaa.", "-eyJaaaaaaaa", "sk-a"),
    *("password=", "secret:aaaaaaaaaaaaaaaaaa", "xoxb-", "AIza", "M" + "a" * 23 + ".", "://a:b"),
    *("http://", "http://a@", "https://discord.", "hxxps://u:p@h:1/", "[.]", "a [.] ", " dot "),
    *("<@", "<@1|", "<@1>", "\U000e0041", "badword ", "%", "%25", "%41", "%2%35", "%D0", "h4t3 "),
    *(
        "\u0430",
        "\u200b",
        "a\u0301",
        "\U0001f600",
        "\ufdfa",
        "\ud800",
        "\n",
        " ",
        "$",
        "!|",
        "h.a ",
    ),
]


def seconds(work: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    work(text)
    return time.process_time() - start


def searched(text: str) -> None:
    found = normalised(text)
    for rule in RULES:
        rule.find(found)


def assert_time_is_linear(work: Callable[[str], object], seed: str, length: int) -> None:
    """Compare a text with its half; a busy machine gets five tries, a slow pattern fails them all."""
    text = seed * (length // len(seed) + 1)
    tries = ((seconds(work, text[: length // 2]), seconds(work, text[:length])) for _ in range(5))

    assert any(whole <= 2.5 * half + 0.005 for half, whole in tries)


@pytest.mark.parametrize("seed", SEEDS, ids=ascii)
def test_twice_the_text_takes_twice_the_time(seed: str) -> None:
    assert_time_is_linear(searched, seed, 16_000)


def test_a_megabyte_is_read_in_time_linear_in_its_length() -> None:
    assert_time_is_linear(normalised, "The quick brown fox jumps. ", 1_000_000)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS, ids=ascii)
def test_a_megabyte_of_malice_takes_twice_the_time_of_half_of_it(seed: str) -> None:
    assert_time_is_linear(searched, seed, 1_000_000)
