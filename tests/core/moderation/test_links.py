"""Links are judged by where they lead, not by what they show."""

# ruff: noqa: RUF001 - look-alike letters are what is tested.

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.rules.links import LinkPolicy, Links
from chatune_core.moderation.rules.rule import Rule

DEFAULT = LinkPolicy()


def rules_broken_by(text: str, policy: LinkPolicy = DEFAULT) -> list[str]:
    rule: Rule = Links(policy)
    return [finding.rule for finding in rule.find(normalised(text))]


@pytest.mark.parametrize(
    "link",
    [
        "https://dlscord.com/nitro",
        "https://cliscord.com",
        "https://dicsord.com",
        "https://disc0rd.gift",
        "https://discord-nitro.com",
        "discordnitro.xyz",
        "https://discord.gifts",
        "https://discord.com.evil.example",
        "https://stearnpowered.com",
        "https://steamcommunlty.example/t",
        "https://steam-trade.net",
        "https://paypa1.com",
        "https://paypal-secure.com/login",
        "https://rnicrosoft.com",
        "https://faceboook.com",
        "https://gооgle.com",
        "https://xn--" + "gооgle".encode("punycode").decode() + ".com",
        "https://slack-login.app",
        "https://%64lscord.com",
        "dlscord[.]com",
        "dlscord (dot) com",
        "hxxps://dlscord.com",
    ],
)
def test_a_look_alike_of_a_well_known_host_is_found(link: str) -> None:
    assert rules_broken_by(f"look: {link} now") == ["link.lookalike"]


@pytest.mark.parametrize(
    "link",
    [
        "https://discord.com/channels/1/2",
        "https://cdn.discordapp.com/a.png",
        "https://store.steampowered.com/app/730",
        "https://my-team.slack.com/archives/1",
        "https://mail.google.com",
        "https://www.google.co.uk/search?q=discord-nitro.com",
        "https://smile.amazon.de",
        "https://github.com/discord-nitro/steam",
        "https://stackoverflow.com/q/11",
        "https://discord.js.org",
        "https://apple-pie.example.com",
        "https://finance.yahoo.com",
        "https://en.wikipedia.org/wiki/Paypal",
        "node.js and file.py, e.g.this or v1.2.3",
        "bob@discord-nitro.com",
        "https://",
        "https://user@",
        "http://[::1]/",
    ],
)
def test_real_hosts_and_things_that_are_no_links_pass(link: str) -> None:
    assert rules_broken_by(f"look: {link} now") == []


@pytest.mark.parametrize(
    ("link", "rule"),
    [
        ("https://discord.com@evil.example/x", "link.disguised"),
        ("http://3232235777/", "link.disguised"),
        ("http://0xcb.0x00.0x71.0x07/", "link.disguised"),
        ("https://discord.gg/abc", "link.invite"),
        ("discord.gg/abc", "link.invite"),
        ("discord[.]gg/abc", "link.invite"),
        ("https://discord.com/invite/abc", "link.invite"),
        ("https://t.me/+abcdef", "link.invite"),
        ("https://join.slack.com/t/x", "link.invite"),
        ("https://bit.ly/3x", "link.shortener"),
        ("https://grabify.link/abc", "link.tracker"),
    ],
)
def test_links_that_hide_invite_or_track_are_told_apart(link: str, rule: str) -> None:
    assert rules_broken_by(f"look: {link}.") == [rule]


def test_a_kind_can_be_switched_off() -> None:
    assert rules_broken_by("https://discord.gg/abc", LinkPolicy(invite_score=0)) == []


def test_denied_domains_and_what_is_below_them_are_found_even_if_allowed() -> None:
    policy = LinkPolicy(allow=frozenset({"bad.example"}), deny=frozenset({"bad.example"}))

    assert rules_broken_by("https://x.BAD.example/", policy) == ["link.denied"]
    assert rules_broken_by("https://notbad.example/", policy) == []


def test_allowed_domains_pass_whatever_they_look_like() -> None:
    policy = LinkPolicy(allow=frozenset({"discord-nitro.com"}))

    assert rules_broken_by("https://discord-nitro.com https://a.discord-nitro.com", policy) == []


def test_only_allowed_domains_pass_where_it_is_asked_for() -> None:
    policy = LinkPolicy(allow=frozenset({"good.example"}), only_allowed=True)

    assert rules_broken_by("https://good.example/a", policy) == []
    assert rules_broken_by("https://other.example/a", policy) == ["link.not_allowed"]


def test_the_span_is_the_link_as_it_was_written() -> None:
    text = "go to hxxps://dls\u200bcord[.]com/free, now"

    (finding,) = Links(DEFAULT).find(normalised(text))

    (span,) = finding.spans
    assert text[span.start : span.end] == "hxxps://dls\u200bcord[.]com/free"


@given(st.text(st.sampled_from("htps:/@.adcom[]%4xn-0 \u200bо\ud800")))
def test_any_text_can_be_searched(text: str) -> None:
    for finding in Links(DEFAULT).find(normalised(f"https://{text}")):
        assert all(0 <= span.start < span.end <= len(text) + 8 for span in finding.spans)
