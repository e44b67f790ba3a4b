"""What people read of how a candidate was judged."""

import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatune_core.learning.curves import Curve
from chatune_core.learning.gate import Decision, GateReport, judged, not_yet
from chatune_core.learning.limits import GateSettings
from chatune_core.learning.measured import Behaviour, Example, Interval, Measured
from chatune_core.learning.report import as_markdown, headline, markdown_text, summary
from chatune_core.learning.report_files import MARKDOWN, PAGE, VALUES, read_report, write_report
from chatune_core.learning.report_html import as_html

BEFORE = Behaviour(0.5, 12.0, 0.1, 0.0, 0.1, 40.0, 0.3)
GOOD = judged(
    Measured(
        100, 12, Interval(0.2, 0.1, 0.3, 0.996), BEFORE, replace(BEFORE, accuracy=0.7),
        examples=(Example("What is tea?", "A drink.", "Tea is a hot drink."),),
    ),
    GateSettings(),
)  # fmt: skip
BAD = judged(
    Measured(
        100, 12, Interval(0.2, -0.1, 0.3, 0.996), BEFORE, replace(BEFORE, perplexity=math.nan)
    ),
    GateSettings(),
)
HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;`|\n# [a](http://b)"


class Seen(HTMLParser):
    """What a browser makes of a page: elements and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def with_text(text: str) -> GateReport:
    return replace(
        GOOD,
        reasons=(text,),
        examples=(Example(text, text, text),),
        checks=(replace(GOOD.checks[0], name=text, after=text, reason=text),),
    )


def test_the_verdict_comes_first_then_reasons_limits_and_answers() -> None:
    page, text = Seen(as_html(BAD, "tea-1")).text, as_markdown(BAD, "tea-1")

    for shown in (page, text):
        places = [shown.index(part) for part in ("Refused", "not certain", "Limits")]
        assert places == sorted(places)
    assert text.startswith("# tea&#45;1\n\n**Refused. Held-out preference accuracy +20.0 points")


def test_every_limit_stands_in_the_table_with_both_models() -> None:
    page, text = Seen(as_html(GOOD, "tea-1")).text, as_markdown(GOOD, "tea-1")

    for check in GOOD.checks:
        for cell in (check.name, check.before, check.after, check.limit):
            assert cell in page
            assert markdown_text(cell) in text


def test_answers_before_and_after_stand_side_by_side() -> None:
    row = as_html(GOOD, "tea-1").split("What is tea?")[1].partition("</tr>")[0]

    assert "A drink." in row
    assert "Tea is a hot drink." in row
    assert "| What is tea? | A drink&#46; | Tea is a hot drink&#46; |" in as_markdown(GOOD, "t")


def test_training_shows_as_curves_and_the_gain_as_a_picture() -> None:
    plain, with_curves = as_html(GOOD, "t"), as_html(GOOD, "t", [Curve("Loss", (2.0, 1.0))])

    assert Seen(plain).elements.count("svg") == 1
    assert Seen(with_curves).elements.count("svg") == 2
    assert "Loss" in with_curves
    assert Seen(as_html(not_yet(("Not yet.",)), "t")).elements.count("svg") == 0


def test_a_page_needs_and_runs_nothing() -> None:
    page = as_html(GOOD, "t", [Curve("Loss", (2.0, 1.0))])

    assert "default-src 'none'" in page
    assert not {"script", "link", "img", "iframe"} & set(Seen(page).elements)
    assert not {"src", "href"} & set(Seen(page).attributes)


@settings(deadline=None)
@given(st.one_of(st.just(HOSTILE), st.text(max_size=60)))
def test_no_text_becomes_an_element_of_the_page(text: str) -> None:
    plain, hostile = Seen(as_html(with_text("x"), "x")), Seen(as_html(with_text(text), text))

    assert hostile.elements == plain.elements
    assert hostile.attributes == plain.attributes


@settings(deadline=None)
@given(st.one_of(st.just(HOSTILE), st.text(max_size=60)))
def test_no_text_has_a_meaning_in_markdown(text: str) -> None:
    shown = markdown_text(text)

    left = shown.replace("<br>", "")
    assert not set(left) & set("<>`*_[]()|\\\n\r!~")
    assert left.count("#") == left.count("&#")
    assert as_markdown(with_text(text), text).count("\n") == as_markdown(with_text("x"), "x").count(
        "\n"
    )


@pytest.mark.parametrize(
    ("decision", "begins"),
    [
        (Decision.PASSED, "Passed: it keeps to every limit. Held-out preference accuracy +20.0"),
        (Decision.WAITS, "Keeps to every limit, and waits for approval."),
        (Decision.REFUSED, "Refused."),
        (Decision.NOT_YET, "Not yet."),
    ],
)
def test_the_headline_is_the_verdict(decision: Decision, begins: str) -> None:
    assert headline(replace(GOOD, decision=decision)).startswith(begins)


def test_a_summary_has_the_reasons_and_one_line_for_each_limit() -> None:
    lines = summary(BAD).splitlines()

    assert lines[0].startswith("Refused.")
    assert lines[1].startswith("- It is not certain that people prefer its answers")
    assert sum(line.startswith("NO ") for line in lines) == 2
    assert sum(line.startswith("OK ") for line in lines) == len(BAD.checks) - 2


@pytest.mark.parametrize("report", [GOOD, BAD, not_yet(("Not yet: 3 of 40.",))])
def test_what_was_written_can_be_read_back(tmp_path: Path, report: GateReport) -> None:
    write_report(tmp_path, report, "tea-1", [Curve("Loss", (2.0, 1.0))])

    # NaN is not equal to itself, but reads the same.
    assert repr(read_report(tmp_path)) == repr(report)
    assert (tmp_path / MARKDOWN).read_text() == as_markdown(report, "tea-1")
    assert "Loss" in (tmp_path / PAGE).read_text()


@pytest.mark.parametrize("broken", ["", "{}", "[1]", '{"decision": "maybe"}'])
def test_what_cannot_be_read_is_no_report(tmp_path: Path, broken: str) -> None:
    assert read_report(tmp_path) is None

    (tmp_path / VALUES).write_text(broken)

    assert read_report(tmp_path) is None
