"""Personal data and secrets are found by what makes them valid, and can be hidden."""

# ruff: noqa: RUF001 - look-alike digits are what is tested.

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.rules.personal_data import PersonalData
from chatune_core.moderation.rules.redacting import redacted
from chatune_core.moderation.rules.rule import Rule
from chatune_core.moderation.verdicts import Category, Span

RULE: Rule = PersonalData(("US", "GB", "DE"))
ALPHABET = string.ascii_letters + string.digits


def found_in(text: str) -> list[tuple[str, str]]:
    return [
        (span.rule, text[span.start : span.end])
        for finding in RULE.find(normalised(text))
        for span in finding.spans
    ]


def made_up(length: int, alphabet: str = ALPHABET) -> str:
    """Return random characters, the same in every run, so that no token stands in this file."""
    return "a1" + "".join(random.Random(length).choices(alphabet, k=length - 2))


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        ("pii.card", "4111111111111111"),
        ("pii.card", "4111 1111 1111 1111"),
        ("pii.card", "5555-5555-5555-4444"),
        ("pii.card", "3782 822463 10005"),
        ("pii.card", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
        ("pii.card", "４１１１１１１１１１１１１１１１"),
        ("pii.card", "4111\u200b1111\u200b1111\u200b1111"),
        ("pii.iban", "DE89370400440532013000"),
        ("pii.iban", "GB82 WEST 1234 5698 7654 32"),
        ("pii.iban", "fr1420041010050500013m02606"),
        ("pii.email", "anna.b+c@mail.example.org"),
        ("pii.email", "anna%40example.org"),
        ("pii.ip", "203.0.113.7"),
        ("pii.ip", "2001:db8:85a3::8a2e:370:7334"),
        ("pii.phone", "+44 7700 900355"),
        ("pii.phone", "+1 (415) 555-2671"),
        ("pii.phone", "415-555-2671"),
        ("pii.phone", "(415) 555-2671"),
        ("pii.phone", "0049 30 55503544"),
        ("pii.phone", "020 7946 0958"),
        ("pii.us_ssn", "219-09-9998"),
        ("pii.es_dni", "12345678Z"),
        ("pii.es_dni", "X1234567L"),
        ("pii.de_tax_id", "86 095 742 719"),
        ("pii.fr_nir", "2 55 08 14 168 025 38"),
        ("pii.it_codice_fiscale", "RSSMRA85T10A562S"),
        ("pii.br_cpf", "529.982.247-25"),
        ("pii.ca_sin", "130 692 544"),
        ("pii.se_personnummer", "811218-9876"),
        ("pii.ch_ahv", "756.9217.0769.85"),
        ("secret.aws", "AKIA" + "Q3EGRIOPQ5RTZ2K7"),
        ("secret.github", "ghp_" + made_up(36)),
        ("secret.gitlab", "glpat-" + made_up(20)),
        ("secret.slack", "xoxb-" + "123456789012-" + made_up(24)),
        ("secret.slack", "hooks.slack.com/services/T0000000A/B0000000B/" + made_up(24)),
        ("secret.discord", f"M{made_up(23)}.{made_up(6)}.{made_up(27)}"),
        ("secret.discord", f"discord.com/api/webhooks/{'1' * 18}/{made_up(68)}"),
        ("secret.google", "AIza" + made_up(35)),
        ("secret.stripe", "sk_live_" + made_up(24)),
        ("secret.openai", "sk-" + made_up(48)),
        ("secret.openai", "sk-proj-" + made_up(48)),
        ("secret.hugging_face", "hf_" + made_up(34)),
        ("secret.telegram", "123456789:AA" + made_up(33)),
        ("secret.jwt", f"eyJ{made_up(20)}.eyJ{made_up(40)}.{made_up(43)}"),
        (
            "secret.private_key",
            f"-----BEGIN RSA PRIVATE KEY-----\n{made_up(60)}\n-----END RSA PRIVATE KEY-----",
        ),
    ],
)
def test_what_is_valid_is_found_whole(rule: str, written: str) -> None:
    for text in (written, f"here: {written}, keep it", f"first\n{written}\nlast", f"({written})"):
        assert (rule, written) in found_in(text)


@pytest.mark.parametrize(
    ("before", "rule", "written"),
    [
        ("my BSN is ", "pii.nl_bsn", "111222333"),
        ("PESEL: ", "pii.pl_pesel", "44051401359"),
        ("Steuer-ID ", "pii.de_tax_id", "86095742719"),
        ("SSN ", "pii.us_ssn", "219099998"),
        ("password = ", "secret.assigned", "x9Kd72mQpL40vTzR"),
        ("https://anna:", "secret.url_password", "hunter22"),
    ],
)
def test_a_bare_number_or_word_is_found_where_someone_says_what_it_is(
    before: str, rule: str, written: str
) -> None:
    text = f"{before}{written}{'@example.org/' if '//' in before else ' ok'}"

    assert (rule, written) in found_in(text)
    assert rule not in dict(found_in(f"order {written} came"))


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "order #4111111111111111",
        "1234567890123456",
        "DE89370400440532013001",
        "commit 44b8f869e6d30233ffb3c06b38986088d3507e24",
        "uuid b68a5a0b90281db39b98c63a757fd863",
        "channel id 596598784384874384",
        "it costs 9689 1894 yen",
        "build 2024-12-07 at 12:30:45",
        "v1.2.3.4 on 127.0.0.1 or 192.168.0.12",
        "std::vector a::b ::",
        "000-12-3456 and 666-12-3456 and 900-12-3456",
        "12345678A",
        "password = correct-horse-battery",
        "the sk-learn docs, ghp_ and AKIA",
        "pay $500 or 1,000,000.00",
        "me@home and @everyone",
        "score was 386-94 lol",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert found_in(text) == []


@given(number=st.integers(10**14, 10**15 - 1), at=st.integers(0, 15), by=st.integers(1, 9))
def test_one_wrong_digit_makes_a_card_number_unknown(number: int, at: int, by: int) -> None:
    body = "4" + str(number)[1:]
    total = sum(sum(divmod(int(each) * (2 - place % 2), 10)) for place, each in enumerate(body))
    valid = body + str(-total % 10)

    wrong = valid[:at] + str((int(valid[at]) + by) % 10) + valid[at + 1 :]

    assert "pii.card" in dict(found_in(valid))
    assert "pii.card" not in dict(found_in(wrong))


def test_findings_are_of_one_category_and_sure() -> None:
    findings = RULE.find(normalised("bob@example.org, 203.0.113.7 and anna@example.org"))

    assert [(each.rule, len(each.spans)) for each in findings] == [("pii.email", 2), ("pii.ip", 1)]
    assert all(each.category is Category.PII and each.score == 1 for each in findings)


def test_redaction_names_the_kind_and_leaves_the_rest() -> None:
    text = "call +44 7700 900355 or mail b\u200bob@example.org!"
    spans = [span for finding in RULE.find(normalised(text)) for span in finding.spans]

    assert redacted(text, spans) == "call [phone] or mail [email]!"


def test_overlapping_spans_are_redacted_once() -> None:
    spans = [Span(6, 9, "secret.aws"), Span(2, 7, "pii.card"), Span(3, 5, "pii.ip")]

    assert redacted("0123456789", spans) == "01[card]9"


@given(st.text(), st.lists(st.tuples(st.integers(-5, 50), st.integers(-5, 50))))
def test_redaction_never_shows_a_hidden_character(text: str, places: list[tuple[int, int]]) -> None:
    marked = "".join(chr(0xF0000 + at) for at in range(len(text)))

    shown = redacted(marked, [Span(start, end, "pii.card") for start, end in places])

    hidden = {at for start, end in places for at in range(max(start, 0), end)}
    kept = [each for each in shown if each >= "\U000f0000"]
    assert kept == [each for at, each in enumerate(marked) if at not in hidden]


@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    for finding in RULE.find(normalised(text)):
        assert all(0 <= span.start < span.end <= len(text) for span in finding.spans)
