"""What moderators see: bounded, marked where something was found, and harmless."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chatune_core.messages import ConversationId, EventKey, MessageKey, UserId
from chatune_core.moderation.cards import LONGEST, Record, card
from chatune_core.moderation.cases import Case, CaseState, Measure, Taken, case_id
from chatune_core.moderation.excerpts import cost, defused, marked
from chatune_core.moderation.notices import restored, warning
from chatune_core.moderation.verdicts import Category, Finding, Level, Span

AT = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = st.text(st.sampled_from("ab `»«<>&*_~|@#[]()\n\r\t\u202e\u200b\u2028é😀"), max_size=400)
SPANS = st.lists(st.tuples(st.integers(-5, 500), st.integers(-5, 500)), max_size=8)
LONG = st.one_of(st.text(max_size=200), st.just("`" * 3000), st.just("&<>" * 900))


def case_about(text: str, *findings: Finding, **changes: object) -> Case:
    event = EventKey("test:1")
    return Case(
        case_id(event),
        event,
        ConversationId("test:town:square"),
        UserId("test:ann"),
        MessageKey("test:m1"),
        AT,
        text,
        Level.ACT,
        findings or (Finding(Category.HATE, 1.0, "words.foul"),),
        "policy-1",
        "model-1",
        **changes,  # type: ignore[arg-type]
    )


def covered(text: str, spans: list[tuple[int, int]]) -> list[bool]:
    """Return for each character whether a span covers it."""
    return [any(start <= at < end for start, end in spans) for at in range(len(text))]


def shown_in(excerpt: str) -> tuple[str, list[bool]]:
    """Return the characters of an excerpt without marks, and whether each is between marks."""
    characters, inside, found = "", False, []
    for character in excerpt:
        if character in "»«":
            assert inside is (character == "«")  # marks alternate
            inside = character == "»"
        else:
            characters += character
            found.append(inside)
    assert not inside
    return characters, found


@given(TEXTS, SPANS)
def test_a_text_that_fits_is_shown_whole_with_exactly_the_spans_marked(
    text: str, spans: list[tuple[int, int]]
) -> None:
    excerpt = marked(text, spans, 10_000)

    assert shown_in(excerpt) == (defused(text), covered(text, spans))


@given(TEXTS, SPANS, st.integers(3, 200))
def test_an_excerpt_keeps_to_its_length_and_its_marks_stay_whole(
    text: str, spans: list[tuple[int, int]], most: int
) -> None:
    excerpt = marked(text, spans, most)

    assert cost(excerpt) <= most
    shown_in(excerpt)


def test_of_a_long_text_what_was_found_is_shown() -> None:
    text = "x" * 5000 + " needle " + "y" * 5000

    excerpt = marked(text, [(5001, 5007)], 400)

    assert "»needle«" in excerpt
    assert excerpt.startswith("…")
    assert excerpt.endswith("…")


@given(TEXTS)
def test_what_people_wrote_is_one_line_that_closes_no_block_of_code(text: str) -> None:
    excerpt = marked(text, (), 10_000)

    assert len(excerpt.splitlines()) <= 1
    assert not set(excerpt) & set("`\u202e\u200b\u2028")


@given(LONG, LONG, st.lists(LONG, max_size=8), LONG, SPANS)
def test_a_card_is_one_message_whatever_is_in_it(
    text: str, appeal: str, names: list[str], reason: str, places: list[tuple[int, int]]
) -> None:
    spans = tuple(Span(min(place), max(place), "words.foul") for place in places)
    findings = [
        Finding(category, 1.0, name, spans, where="picture 10" if name else "")
        for name in names or ["words.foul"]
        for category in Category
    ]
    measures = tuple(Taken(measure, AT + timedelta(1), reason) for measure in Measure)
    case = case_about(
        text,
        *findings,
        appeal=appeal,
        measures=measures,
        state=CaseState.APPEALED,
        first_decided_by=UserId(reason),
        claimed_by=UserId(text),
    )

    shown = card(case, Record(100, 50, 50), "Not taken back: the rest. " * 10)

    assert cost(shown.text) <= LONGEST
    assert shown.text.count("```") == 2 * bool(text) + 2 * bool(appeal)


HOSTILE = "``` @everyone <@1> **bold** [a](http://evil) ```\n# heading\n> quote"


def test_nothing_in_a_card_pings_formats_or_links() -> None:
    case = case_about(HOSTILE, appeal=HOSTILE, state=CaseState.APPEALED)

    shown = card(case, Record()).text

    prose = re.sub(r"```\n.*?\n```|`[^`\n]*`", "", shown, flags=re.DOTALL)
    for mark in ("@everyone", "<@1>", "](", "# heading", "> quote"):
        assert mark not in prose
    assert prose.count("**") == 2  # its own heading


def test_a_warning_quotes_in_a_block_and_a_restored_text_stays_a_quotation() -> None:
    case = case_about(HOSTILE)

    assert warning(case, case.findings).count("```") == 2
    assert all(line.startswith("> ") for line in restored(case).splitlines()[1:])
