"""The public moderation data as rows: what is known of each, and which are held out.

Rows that are variants of one another (one sentence about seven groups, one text in ten disguises) are a
family and stay on one side of the split, so a held-out row is one that training saw in no dress.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatune_core.moderation.classifier_rows import UNKNOWN, Row
from chatune_core.moderation.classifier_weights import CATEGORIES
from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.verdicts import Category

HARASSMENT, HATE, SEXUAL, SELF_HARM, VIOLENCE, SPAM, INJECTION = CATEGORIES
Line = Mapping[str, Any]
"""As the files have it: id, text, labels, src, group, role."""

WEAK = 0.3
"""How much a presumed label counts, next to 1 for one that is given."""

EPOCH_SHARE = {
    "ailuminate": 2.0,
    "davidson": 0.25,
    "deepset_inj": 3.0,
    "discord_scam": 4.0,
    "hatecheck": 3.0,
    "hatemoji_build": 0.7,
    "hatemoji_check": 2.0,
    "notinject": 4.0,
    "obfuscated": 0.3,
    "openai1680": 1.5,
    "pii_synth": 0.4,
    "scunthorpe": 4.0,
    "sms_spam": 0.5,
    "wildguard_benign": 1.5,
    "xstest": 3.0,
    "xstest_gpt4_out": 2.0,
}
"""How often an epoch sees a row of each source: small, clean and hard sources more often."""
RARE = (SEXUAL, SELF_HARM, VIOLENCE)
RARE_SHARE = 2.0
"""How much oftener it sees a row that is known to be one of `RARE`."""

HELD_OUT_SHARE = 0.2
SMALL_SOURCE = 250
SMALL_SOURCE_SHARE = 0.4
"""Of sources with fewer rows than that, since rates over a dozen rows say nothing."""
_COMPARED = 1100
"""Sources of at most so many rows are searched for variants, all pairs."""
_ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class PublicRow:
    """A row, and the line that it was read from."""

    row: Row
    line: Line


def read_rows(folder: Path) -> list[PublicRow]:
    """Return the rows of all `.jsonl` files in `folder`, in order of their files."""
    lines: dict[str, list[Line]] = {}
    for file in sorted(folder.glob("*.jsonl")):
        with file.open() as opened:
            lines[file.stem] = [json.loads(line) for line in opened]
    families = _all_families(lines)
    return [
        PublicRow(_row(source, line, families[line["id"]]), line)
        for source, read in lines.items()
        for line in read
    ]


def split(rows: Sequence[PublicRow]) -> tuple[list[PublicRow], list[PublicRow]]:
    """Return the rows to train on and those held out; the same for the same rows, always."""
    sizes = Counter(public.row.source for public in rows)
    train: list[PublicRow] = []
    held_out: list[PublicRow] = []
    for public in rows:
        # Of a row in disguise, the source of the plain one.
        origin = public.row.family.split(":")[0]
        share = SMALL_SOURCE_SHARE if sizes[origin] < SMALL_SOURCE else HELD_OUT_SHARE
        (held_out if _fraction(public.row.family) < share else train).append(public)
    return train, held_out


def in_first_half(row: Row) -> bool:
    """Return whether the row's family belongs to the first of two halves of the held-out rows."""
    return _fraction(f"half:{row.family}") < 0.5


def _fraction(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def _all_families(lines: Mapping[str, Sequence[Line]]) -> dict[str, str]:
    families: dict[str, str] = {}
    for source, read in lines.items():
        if source != "obfuscated":
            named = zip(read, _families(source, read), strict=True)
            families.update((line["id"], family) for line, family in named)
    for line in lines.get("obfuscated", ()):
        # The id is that of the row in disguise, and the disguise.
        families[line["id"]] = families[line["id"].rsplit("-", 1)[0]]
    return families


def _families(source: str, lines: Sequence[Line]) -> list[str]:
    if source == "discord_scam":
        return [f"{source}:{line['group']}" for line in lines]
    if len(lines) > _COMPARED or source in ("wild_jailbreak", "openai1680"):
        return [f"{source}:{line['id']}" for line in lines]
    heads = _clusters([_gist(line) for line in lines])
    return [f"{source}:{lines[head]['id']}" for head in heads]


def _gist(line: Line) -> frozenset[str]:
    about = str(line.get("target", "")).lower().split()
    named = {form for word in about for form in (word, word.removesuffix("s"))}
    words = re.findall(r"[a-z']+", line["text"].lower())
    singular = {"woman": "women"}
    return frozenset(word for word in words if singular.get(word, word) not in named)


def _clusters(gists: Sequence[Collection[str]]) -> list[int]:
    """Return the first member of each gist's cluster: alike pairs are linked, links followed."""
    heads = list(range(len(gists)))

    def head(i: int) -> int:
        while heads[i] != i:
            i = heads[i]
        return i

    for i, one in enumerate(gists):
        for j in range(i):
            if _alike(frozenset(one), frozenset(gists[j])):
                first, second = sorted((head(i), head(j)))
                heads[second] = first
    return [head(i) for i in range(len(gists))]


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    shared = len(one & other)
    return shared > 0 and shared >= _ALIKE * (len(one) + len(other) - shared)


def _row(source: str, line: Line, family: str) -> Row:
    known = _known(source, line)
    rare = any(known.get(category, UNKNOWN)[0] == 1 for category in RARE)
    return Row(
        text=normalised(line["text"]).text,
        known=known,
        source=source,
        family=family,
        benign=_is_benign(source, line),
        share=EPOCH_SHARE.get(source, 1.0) * (RARE_SHARE if rare else 1.0),
    )


def _known(source: str, line: Line) -> dict[Category, tuple[float, float]]:
    known = dict.fromkeys(_presumed_absent(source, line), (0.0, WEAK))
    given = {name: float(label) for name, label in line["labels"].items()}
    if source == "obfuscated":
        category = HATE if line["base"] == "hatecheck" else HARASSMENT
        given = {category.value: given["offensive"]}
    for category in CATEGORIES:
        if category.value in given:
            known[category] = (given[category.value], 1.0)
    return known


def _presumed_absent(source: str, line: Line) -> Iterable[Category]:
    """Return what a row of a single-purpose source, labelled for that only, hardly ever holds."""
    labels = line["labels"]
    match source:
        case "hatecheck" | "hatemoji_build" | "hatemoji_check":
            absent = {SEXUAL, SELF_HARM, SPAM, INJECTION}
            return absent | ({HARASSMENT, VIOLENCE} if labels["hate"] == 0 else set())
        case "davidson":
            absent = {SELF_HARM, SPAM, INJECTION}
            return absent | ({SEXUAL, VIOLENCE} if line["group"] == "neither" else set())
        case "sms_spam" | "discord_scam":
            spam = labels["spam"] == 1
            return {SELF_HARM, INJECTION, HATE, VIOLENCE} | (
                set() if spam else {HARASSMENT, SEXUAL}
            )
        case "obfuscated" if labels["offensive"] == 0:
            return set(CATEGORIES)
        case "ailuminate" | "xstest" | "obfuscated":
            return {SPAM, INJECTION}
        case "openai1680":
            return {INJECTION}
        case "pii_synth":
            return set(CATEGORIES)
        case _:
            return set()


def _is_benign(source: str, line: Line) -> bool:
    """Return whether nothing in the row should be flagged: these rows bound false positives."""
    labels, group = line["labels"], line["group"]
    match source:
        case "sms_spam":
            return bool(group == "ham")
        case "hatecheck":
            return bool(labels["hate"] == 0 and group != "target_indiv_nh")
        case "davidson":
            return bool(group == "neither")
        case "xstest":
            return bool(labels["unsafe_request"] == 0)
        case "discord_scam":
            return bool(labels["spam"] == 0)
        case "wildguard_benign" | "notinject" | "xstest_gpt4_out" | "scunthorpe":
            return True
        case _:
            return False
