"""The report on a candidate as one HTML page that needs nothing beside it. Pure."""

import math
from collections.abc import Sequence
from html import escape

from chatune_core.learning.curves import Curve, curves_svg
from chatune_core.learning.gate import Decision, GateReport
from chatune_core.learning.limits import Check
from chatune_core.learning.measured import Example, Interval
from chatune_core.learning.report import VERDICTS, WRITTEN_BY_US

# A page that could run nothing, were anything in it to slip through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff }
.verdict { border-left: .5rem solid #b3261e; padding: .5rem 1rem; background: #f6f6f6 }
.verdict.good { border-color: #1f7a3f }
.verdict.open { border-color: #b07d00 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd }
td.no { color: #b3261e; font-weight: bold }
td.yes { color: #1f7a3f }
.said { white-space: pre-wrap; overflow-wrap: anywhere; width: 36% }
svg { max-width: 100%; height: auto }
"""
_LOOKS = {Decision.PASSED: "good", Decision.WAITS: "open", Decision.NOT_YET: "open"}
_WIDTH, _MIDDLE = 600, 40


def as_html(report: GateReport, name: str, curves: Sequence[Curve] = ()) -> str:
    """Return the whole report on the LoRA called `name`; `curves` are of its training."""
    parts = [_verdict(report)]
    gain = report.intervals.get("gain")
    if gain is not None and math.isfinite(gain.low + gain.high):
        parts.append(_interval(gain))
    if report.checks:
        parts.append(f"<h2>Limits</h2>{_limits(report.checks)}")
    if report.examples:
        shown = _examples(report.examples)
        parts.append(f"<h2>Before and after</h2><p>{escape(WRITTEN_BY_US)}</p>{shown}")
    if curves:
        parts.append(f"<h2>Training</h2>{curves_svg(curves)}")
    title = escape(name)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{title}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _verdict(report: GateReport) -> str:
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in report.reasons)
    return (
        f'<div class="verdict {_LOOKS.get(report.decision, "")}">'
        f"<strong>{escape(VERDICTS[report.decision])}.</strong>"
        f"{f'<ul>{reasons}</ul>' if reasons else ''}</div>"
    )


def _interval(gain: Interval) -> str:
    """Draw the gain and where it lies, from -100 to 100 points or as far as it goes."""
    widest = max(abs(gain.low), abs(gain.high), 0.1)

    def across(share: float) -> float:
        return _WIDTH / 2 * (1 + 0.9 * share / widest)

    low, value, high = map(across, (gain.low, gain.value, gain.high))
    label = (
        f"{100 * gain.value:+.1f} points, with {gain.confidence:.1%} certainty between"
        f" {100 * gain.low:+.1f} and {100 * gain.high:+.1f}"
    )
    return (
        f"<h2>Gain in held-out preference accuracy</h2><p>{escape(label)}</p>"
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} 70" width="{_WIDTH}"'
        f' height="70" role="img" aria-label="{escape(label)}" font-size="12">'
        f'<path d="M{_WIDTH / 2:g} 8v54" stroke="#888" stroke-dasharray="4 3"/>'
        f'<text x="{_WIDTH / 2 + 4:g}" y="18" fill="#666">no better</text>'
        f'<path d="M{low:.1f} {_MIDDLE}H{high:.1f}" stroke="#1f5fbf" stroke-width="4"/>'
        f'<circle cx="{value:.1f}" cy="{_MIDDLE}" r="7" fill="#1f5fbf"/></svg>'
    )


def _limits(checks: Sequence[Check]) -> str:
    rows = "".join(
        f'<tr><td class="{"yes" if check.holds else "no"}">{"✓" if check.holds else "✗"}</td>'
        + "".join(
            f"<td>{escape(cell)}</td>"
            for cell in (check.name, check.before, check.after, check.limit)
        )
        + "</tr>"
        for check in checks
    )
    return (
        "<table><tr><th></th><th>Measured</th><th>Base model</th><th>Candidate</th><th>Limit</th>"
        f"</tr>{rows}</table>"
    )


def _examples(examples: Sequence[Example]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.prompt)}</td>"
        f'<td class="said">{escape(one.before)}</td><td class="said">{escape(one.after)}</td></tr>'
        for one in examples
    )
    return f"<table><tr><th>Asked</th><th>Base model</th><th>Candidate</th></tr>{rows}</table>"
