"""Floods, repetitions and calls to everybody are seen over several messages."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from chatune_core.messages import ConversationId, MessageKey, UserId
from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.rules.crowd import Crowd, CrowdLimits, Seen, are_alike, simhash
from chatune_core.moderation.rules.hidden import HiddenText
from chatune_core.moderation.rules.mentions import Mentions
from chatune_core.moderation.rules.rule import Rule

START = datetime(2026, 1, 1, tzinfo=UTC)
ADVERT = "join my new server, there are free prizes for the first hundred people"


def seen(
    text: str, seconds: float = 0, user: str = "ann", channel: str = "general", message: str = ""
) -> Seen:
    return Seen(
        MessageKey(message or f"{channel}:{user}:{seconds}"),
        UserId(user),
        ConversationId(channel),
        START + timedelta(seconds=seconds),
        normalised(text),
    )


def rules(crowd: Crowd, *messages: Seen) -> list[str]:
    """Return what the last of the messages broke."""
    return [[finding.rule for finding in crowd.see(message)] for message in messages][-1]


def test_one_message_too_many_in_the_window_is_a_flood() -> None:
    limits = CrowdLimits(messages=3, flood_for=timedelta(seconds=10))

    assert rules(Crowd(limits), *(seen(f"{at}", at) for at in range(3))) == []
    assert rules(Crowd(limits), *(seen(f"{at}", at) for at in range(4))) == ["crowd.flood"]
    assert rules(Crowd(limits), *(seen(f"{at}", at * 4) for at in range(10))) == []


def test_people_and_channels_do_not_add_up_to_a_flood() -> None:
    crowd = Crowd(CrowdLimits(messages=3))
    talk = [seen("hi", 0, user, channel) for user in "abc" for channel in "xyz"]

    assert rules(crowd, *talk) == []


def test_what_was_counted_is_sure() -> None:
    crowd = Crowd(CrowdLimits(messages=1, copies=2, crowd_copies=1))

    [*_, findings] = [crowd.see(seen(ADVERT, at)) for at in range(2)]

    assert [(each.rule, each.sure) for each in findings] == [
        ("crowd.flood", True),
        ("crowd.repetition", True),
        ("crowd.raid", True),
    ]


def test_a_message_that_is_delivered_again_or_edited_counts_once() -> None:
    crowd = Crowd(CrowdLimits(messages=2, copies=2, crowd_copies=2))

    again = [seen(ADVERT, at, message="m1") for at in range(5)]

    assert rules(crowd, *again) == []
    assert rules(crowd, seen(ADVERT, 6, message="m2")) == ["crowd.repetition"]


def test_a_text_said_again_in_other_channels_is_a_repetition_though_it_is_varied() -> None:
    crowd = Crowd(CrowdLimits(copies=3))

    said = [
        seen(ADVERT, 0, channel="a"),
        seen(f"{ADVERT}!!", 30, channel="b"),
        seen(ADVERT.upper().replace("E", "3"), 60, channel="c"),
    ]

    assert rules(crowd, *said) == ["crowd.repetition"]


def test_a_text_said_again_after_the_window_is_no_repetition() -> None:
    crowd = Crowd(CrowdLimits(copies=2, copies_for=timedelta(minutes=5)))

    assert rules(crowd, seen(ADVERT), seen(ADVERT, 300)) == []
    assert rules(crowd, seen(ADVERT, 301)) == ["crowd.repetition"]


def test_short_words_may_be_repeated() -> None:
    crowd = Crowd(CrowdLimits(copies=2))

    assert rules(crowd, *(seen("thanks", at * 20) for at in range(5))) == []


def test_different_sentences_are_no_repetition() -> None:
    crowd = Crowd(CrowdLimits(copies=2))

    said = ["where do I find the minutes of friday", "the build is green again, thank you all"]

    assert rules(crowd, *(seen(text) for text in said)) == []


def test_one_text_from_many_people_in_a_channel_is_a_raid() -> None:
    crowd = Crowd(CrowdLimits(crowd_copies=3))

    assert rules(crowd, *(seen(ADVERT, at, user=f"u{at}") for at in range(2))) == []
    assert rules(crowd, seen(ADVERT, 3, user="u3")) == ["crowd.raid"]


def test_who_is_silent_longest_is_forgotten_first_when_too_many_write() -> None:
    crowd = Crowd(CrowdLimits(messages=1, kept=10))
    others = [seen("hi", at, user=f"u{at}") for at in range(9)]

    assert rules(crowd, seen("hi"), *others, seen("hi", 9)) == ["crowd.flood"]
    assert rules(crowd, *others, seen("hi", 9, user="u9"), seen("hi", 9.5)) == []


def test_a_message_that_comes_late_is_judged_by_its_own_time() -> None:
    crowd = Crowd(CrowdLimits(messages=2, flood_for=timedelta(seconds=10)))

    assert rules(crowd, seen("a", 100), seen("b", 0), seen("c", 101)) == []


def test_prints_of_alike_texts_are_near_and_of_others_far() -> None:
    texts = [
        "the quick brown fox jumps over the lazy dog near the river",
        "please review the pull request about the login page today",
        "our server moves to new hardware on sunday, expect an outage",
    ]

    for one, other in itertools.combinations(texts, 2):
        assert not are_alike(simhash(one), simhash(other))
    for text in texts:
        assert are_alike(simhash(text), simhash(f"{text}!!"))


@pytest.mark.parametrize(
    "mention", ["<@{}>", "<@!{}>", "<@&{}>", "<@U{}>", "<@U{}|name>"], ids=lambda each: str(each)
)
def test_more_people_than_allowed_may_not_be_called(mention: str) -> None:
    rule: Rule = Mentions(most=3)
    text = " ".join(mention.format(at) for at in range(4))

    (finding,) = rule.find(normalised(f"hey {text}"))

    assert (finding.rule, len(finding.spans)) == ("mentions", 4)
    assert rule.find(normalised(f"hey {mention.format(1)}" * 9)) == []


def test_text_in_invisible_tags_is_found_and_flags_of_regions_are_not() -> None:
    rule: Rule = HiddenText()
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all rules")
    flag = "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbeng") + "\U000e007f"

    (finding,) = rule.find(normalised(f"hello{hidden}!"))

    (span,) = finding.spans
    assert (span.start, span.end) == (5, 5 + len(hidden))
    assert rule.find(normalised(f"go {flag}!")) == []
