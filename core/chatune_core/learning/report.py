"""What people read of how a candidate was judged: in a line, in a chat, as Markdown. Pure.

Everything that a model said is text of a stranger: it stands there as entities and means nothing.
"""

from collections.abc import Mapping

from chatune_core.learning.gate import Decision, GateReport
from chatune_core.learning.limits import Check

VERDICTS: Mapping[Decision, str] = {
    Decision.PASSED: "Passed: it keeps to every limit",
    Decision.WAITS: "Keeps to every limit, and waits for approval",
    Decision.REFUSED: "Refused",
    Decision.NOT_YET: "Not yet",
}
_MARKUP = {ord(one): f"&#{ord(one)};" for one in "&<>\"'\\`*_{}[]()#+-.!|~:/@="}


def headline(report: GateReport) -> str:
    """Return the verdict in one line."""
    gain = report.intervals.get("gain")
    if gain is None or report.decision is Decision.NOT_YET:
        return f"{VERDICTS[report.decision]}."
    return (
        f"{VERDICTS[report.decision]}. Held-out preference accuracy {100 * gain.value:+.1f} points"
        f" over the base model, surely between {100 * gain.low:+.1f} and {100 * gain.high:+.1f}."
    )


def summary(report: GateReport) -> str:
    """Return the verdict, what stands in its way and every limit, in plain lines for a chat."""
    lines = [headline(report), *(f"- {reason}" for reason in report.reasons)]
    if report.checks:
        lines.append("")
    lines += [
        f"{'OK ' if check.holds else 'NO '} {check.name}: {check.before} → {check.after}"
        f" ({check.limit})"
        for check in report.checks
    ]
    return "\n".join(lines)


def as_markdown(report: GateReport, name: str) -> str:
    """Return the whole report on the LoRA called `name` as Markdown."""
    parts = [f"# {markdown_text(name)}", f"**{headline(report)}**"]
    if report.reasons:
        parts.append("\n".join(f"- {markdown_text(reason)}" for reason in report.reasons))
    if report.checks:
        rows = "\n".join(map(_row, report.checks))
        head = "| | Measured | Base model | Candidate | Limit |\n|---|---|---|---|---|"
        parts += ["## Limits", f"{head}\n{rows}"]
    if report.examples:
        rows = "\n".join(
            f"| {markdown_text(one.prompt)} | {markdown_text(one.before)} | {markdown_text(one.after)} |"
            for one in report.examples
        )
        parts += ["## Before and after", WRITTEN_BY_US]
        parts.append(f"| Asked | Base model | Candidate |\n|---|---|---|\n{rows}")
    return "\n\n".join(parts) + "\n"


WRITTEN_BY_US = "The questions are Chatune's own; nothing that people wrote is shown here."


def markdown_text(text: str) -> str:
    """Return `text` for a cell or a line of Markdown, in which no character has a meaning."""
    return "<br>".join(line.translate(_MARKUP) for line in text.splitlines())


def _row(check: Check) -> str:
    mark = "✓" if check.holds else "✗"
    cells = (check.name, check.before, check.after, check.limit)
    return f"| {mark} | " + " | ".join(map(markdown_text, cells)) + " |"
