"""A text without what must not be shown."""

from collections.abc import Iterable

from chatune_core.moderation.verdicts import Span


def redacted(text: str, spans: Iterable[Span]) -> str:
    """Return `text` with each span replaced by the last part of its rule's name: "[card]".

    Spans that touch or overlap become one, named for the first; those outside the text are cut.
    """
    pieces: list[str] = []
    shown, hidden = 0, -1
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        start, end = max(span.start, 0), min(span.end, len(text))
        if start >= end:
            continue
        if start > hidden:
            pieces += text[shown:start], f"[{span.rule.rpartition('.')[2]}]"
        hidden = max(hidden, end)
        shown = hidden
    return "".join(pieces) + text[shown:]
