"""Hold rules, the embedded classifier and both together to the moderation benchmark.

    python benchmarks/moderation.py DATA --harness moderation_eval.py [--limit N] [--all-rows]

DATA is the folder of public rows. Measured are the rows that training held out (moderation_rows.py), unless
`--all-rows` asks for all, which flatters the classifier. The harness is any program with the options of
`moderation_eval.py`; its plug-ins are the factories below.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moderation_rows import read_rows, split

from chatune_core.moderation.classifier import Classifier
from chatune_core.moderation.normalising import Normalised, normalised
from chatune_core.moderation.rules.hidden import HiddenText
from chatune_core.moderation.rules.links import LinkPolicy, Links
from chatune_core.moderation.rules.mentions import Mentions
from chatune_core.moderation.rules.personal_data import PersonalData
from chatune_core.moderation.rules.rule import Rule
from chatune_core.moderation.verdicts import SURE, Category, Finding

_RULE_REVIEW, _RULE_ACT = 0.5, SURE
"""From which score of a rule on a text counts as flagged, whatever the model's threshold is."""


class Plugin:
    """What the harness asks: scores by category and thresholds; spans of personal data."""

    def __init__(
        self,
        name: str,
        thresholds: Mapping[Category, float],
        rules: Sequence[Rule] = (),
        classifier: Classifier | None = None,
        rules_from: float = _RULE_REVIEW,
    ) -> None:
        self.name = name
        self.thresholds = {category.value: score for category, score in thresholds.items()}
        self._rules, self._classifier, self._rules_from = rules, classifier, rules_from

    def moderate(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Return the highest score of rules and classifier, by category, text by text."""
        read = [normalised(text) for text in texts]
        found: list[dict[Category, float]] = [{} for _ in texts]
        if self._classifier is not None:
            found = self._classifier.scores([text.text for text in read])
        for text, scores in zip(read, found, strict=True):
            for finding in self._findings(text):
                if finding.score >= self._rules_from:
                    # What a rule says counts, wherever the classifier's threshold is.
                    flagged = max(finding.score, self.thresholds[finding.category.value])
                    scores[finding.category] = max(scores.get(finding.category, 0.0), flagged)
        return [{category.value: score for category, score in scores.items()} for scores in found]

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return where personal data is: start, end, rule."""
        return [
            (span.start, span.end, span.rule)
            for finding in self._findings(normalised(text))
            if finding.category is Category.PII
            for span in finding.spans
        ]

    def _findings(self, text: Normalised) -> list[Finding]:
        return [finding for rule in self._rules for finding in rule.find(text)]


def _rules() -> list[Rule]:
    return [PersonalData(), Links(LinkPolicy()), Mentions(), HiddenText()]


def rules_review() -> Plugin:
    return Plugin("rules-review", dict.fromkeys(Category, _RULE_REVIEW), _rules())


def rules_act() -> Plugin:
    return Plugin("rules-act", dict.fromkeys(Category, _RULE_ACT), _rules(), rules_from=_RULE_ACT)


def classifier_review() -> Plugin:
    classifier = Classifier.open()
    return Plugin("classifier-review", classifier.thresholds_review, classifier=classifier)


def classifier_act() -> Plugin:
    classifier = Classifier.open()
    return Plugin("classifier-act", classifier.thresholds_act, classifier=classifier)


def whole_review() -> Plugin:
    classifier = Classifier.open()
    thresholds = {**classifier.thresholds_review, Category.PII: _RULE_REVIEW}
    return Plugin("whole-review", thresholds, _rules(), classifier)


def whole_act() -> Plugin:
    classifier = Classifier.open()
    thresholds = {**classifier.thresholds_act, Category.PII: _RULE_ACT}
    return Plugin("whole-act", thresholds, _rules(), classifier, _RULE_ACT)


FACTORIES = (rules_review, rules_act, classifier_review, classifier_act, whole_review, whole_act)


def write_rows(data: Path, into: Path, all_rows: bool) -> None:
    """Write the rows to measure, as they were read, one file a source, into a new folder."""
    rows = read_rows(data)
    lines: dict[str, list[str]] = defaultdict(list)
    for public in rows if all_rows else split(rows)[1]:
        lines[public.row.source].append(json.dumps(public.line))
    into.mkdir()
    for source, written in lines.items():
        (into / f"{source}.jsonl").write_text("\n".join(written) + "\n")


def measured(harness: Path, plugin: str, data: Path, limit: int) -> dict[str, Any]:
    """Run the harness on one plug-in, in a process and on one thread of its own."""
    out = data / "results"
    subprocess.run(
        [
            sys.executable, str(harness.resolve()), "--data", str(data), "--split", "rows",
            "--plugin", f"moderation:{plugin}", "--limit", str(limit), "--out", str(out),
        ],
        check=True,
        cwd=Path(__file__).parent,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    found: dict[str, Any] = json.loads((out / f"{plugin.replace('_', '-')}.rows.json").read_text())
    return found


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the results as a table in Markdown, a column each."""
    rows: dict[str, list[str]] = defaultdict(lambda: ["-"] * len(results))
    for column, result in enumerate(results):
        for name, task in result["tasks"].items():
            rows[f"{name}, AUC / F1"][column] = f"{task['auc']:.3f} / {task['f1']:.2f}"
        for name, rate in result["injection"].items():
            rows[f"flagged as injection: {name}"][column] = f"{rate:.1%}"
        for name, rate in result["benign_fpr"].items():
            rows[f"false positives: {name}"][column] = f"{rate:.1%}"
        for name, task in result["obf"].items():
            rows[f"{name}, recall / false positives"][column] = (
                f"{task['rec']:.2f} / {task['fpr']:.1%}"
            )
        for name, recall in result.get("pii_span_recall", {}).items():
            rows[f"spans found: {name}"][column] = f"{recall:.3f}"
        for name, value in result["speed"].items():
            rows[name.replace("_", " ")][column] = f"{value:.1f}"
    names = [result["name"] for result in results]
    lines = [
        ["", *names],
        ["---"] * (len(names) + 1),
        *([name, *row] for name, row in rows.items()),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Hold moderation to its benchmark.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--harness", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=0, help="rows of each source")
    parser.add_argument("--all-rows", action="store_true", help="those seen in training too")
    parser.add_argument("--only", nargs="*", default=[factory.__name__ for factory in FACTORIES])
    parser.add_argument("--json", type=Path, help="write what the table was made from")
    asked = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        write_rows(asked.data, data / "rows", asked.all_rows)
        results = [measured(asked.harness, name, data, asked.limit) for name in asked.only]
    print(table(results))
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
