"""The report beside the LoRA that it is about: for people, and to be read back."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatune_core.learning.curves import Curve
from chatune_core.learning.gate import Decision, GateReport
from chatune_core.learning.limits import Check
from chatune_core.learning.measured import Example, Interval
from chatune_core.learning.report import as_markdown
from chatune_core.learning.report_html import as_html

MARKDOWN, PAGE, VALUES = "gate.md", "gate.html", "gate.json"


def write_report(folder: Path, report: GateReport, name: str, curves: Sequence[Curve] = ()) -> None:
    """Write the report on the LoRA called `name` to `folder`, the values last.

    So a report that can be read back is whole.
    """
    (folder / MARKDOWN).write_text(as_markdown(report, name), encoding="utf-8")
    (folder / PAGE).write_text(as_html(report, name, curves), encoding="utf-8")
    unfinished = folder / f"{VALUES}.tmp"
    values = _plain(asdict(report) | {"decision": report.decision.value})
    unfinished.write_text(json.dumps(values, indent=1, allow_nan=False), encoding="utf-8")
    unfinished.replace(folder / VALUES)


def read_report(folder: Path) -> GateReport | None:
    """Return the report that was written to `folder`, or None if there is none that can be read."""
    try:
        values: dict[str, Any] = json.loads((folder / VALUES).read_text(encoding="utf-8"))
        return GateReport(
            Decision(values["decision"]),
            tuple(map(str, values["reasons"])),
            tuple(Check(**check) for check in values["checks"]),
            {str(name): _number(value) for name, value in values["metrics"].items()},
            {
                str(name): Interval(**{part: _number(value) for part, value in interval.items()})
                for name, interval in values["intervals"].items()
            },
            tuple(Example(**example) for example in values["examples"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _plain(value: object) -> object:
    """Return the value for JSON, which knows neither NaN nor infinity: they become words."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value


def _number(value: float | str) -> float:
    return float(value)
