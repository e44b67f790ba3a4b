"""What the normaliser and the rules reach on the public data, where it is at hand.

The rows hold slurs and attack text; they stay in their folder, named by CHATUNE_TEST_DATA.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.rules.links import LinkPolicy, Links
from chatune_core.moderation.rules.personal_data import PersonalData
from chatune_core.moderation.verdicts import Span

Row = Mapping[str, Any]

# The share of rows that read exactly as their clean form, and the share of words that do. Drawn
# out double letters ("keeeep") and numbers spelled like words ("347" for "eat") cannot all be told.
FLOORS = {
    "clean": (1.0, 1.0),
    "homoglyph": (1.0, 1.0),
    "zerowidth": (1.0, 1.0),
    "fullwidth": (1.0, 1.0),
    "diacritics": (1.0, 1.0),
    "swapcase": (1.0, 1.0),
    "spaced": (0.97, 0.99),
    "dotted": (0.97, 0.99),
    "stretched": (0.95, 0.99),
    "leet": (0.95, 0.99),
}
BENIGN: dict[str, Callable[[Row], bool]] = {
    "sms_spam": lambda row: row["group"] == "ham",
    "hatecheck": lambda row: not row["labels"]["hate"],
    "davidson": lambda row: row["group"] == "neither",
    "xstest": lambda row: not row["labels"]["unsafe_request"],
    "wildguard_benign": lambda row: True,
    "notinject": lambda row: True,
    "xstest_gpt4_out": lambda row: True,
    "scunthorpe": lambda row: True,
    "discord_scam": lambda row: not row["labels"].get("spam"),
    "pii_synth": lambda row: row["group"] == "neg",
}


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get("CHATUNE_TEST_DATA")
    if not named or not Path(named, "obfuscated.jsonl").exists():
        pytest.skip("CHATUNE_TEST_DATA names no folder with the public moderation data")
    return Path(named)


def rows(folder: Path, name: str) -> list[Row]:
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def spans_in(text: str, rule: PersonalData) -> list[Span]:
    return [span for finding in rule.find(normalised(text)) for span in finding.spans]


def test_disguised_rows_come_back_to_their_clean_form(folder: Path) -> None:
    disguised = rows(folder, "obfuscated")
    clean = {row["id"].rpartition("-")[0]: row["text"] for row in disguised if is_clean(row)}
    same: dict[str, list[bool]] = defaultdict(list)
    words: dict[str, list[bool]] = defaultdict(list)

    for row in disguised:
        expected = normalised(clean[row["id"].rpartition("-")[0]]).text.split()
        found = normalised(row["text"]).text.split()
        same[row["group"]].append(expected == found)
        words[row["group"]] += [word in set(found) for word in expected]

    for group, (least_rows, least_words) in FLOORS.items():
        assert sum(same[group]) / len(same[group]) >= least_rows, group
        assert sum(words[group]) / len(words[group]) >= least_words, group


def is_clean(row: Row) -> bool:
    return bool(row["group"] == "clean")


def test_nearly_every_planted_piece_of_personal_data_is_covered(folder: Path) -> None:
    rule = PersonalData()
    covered: dict[str, list[bool]] = defaultdict(list)

    for row in rows(folder, "pii_synth"):
        found = spans_in(row["text"], rule)
        for start, end, kind in row["spans"]:
            covered[kind].append(any(s.start <= start and end <= s.end for s in found))

    assert len(covered) >= 7
    assert {kind: sum(hits) / len(hits) for kind, hits in covered.items() if not all(hits)} == {}


@pytest.mark.parametrize("name", BENIGN)
def test_hardly_any_harmless_row_is_taken_for_personal_data(folder: Path, name: str) -> None:
    rule = PersonalData()
    texts = [row["text"] for row in rows(folder, name) if BENIGN[name](row)]

    flagged = sum(bool(spans_in(text, rule)) for text in texts)

    assert flagged / len(texts) <= 0.02


@pytest.mark.parametrize("name", BENIGN)
def test_hardly_any_harmless_row_breaks_a_rule_on_links(folder: Path, name: str) -> None:
    rule = Links(LinkPolicy())
    texts = [row["text"] for row in rows(folder, name) if BENIGN[name](row)]

    flagged = sum(bool(rule.find(normalised(text))) for text in texts)

    assert flagged / len(texts) <= 0.02
