"""Fenced code in markdown: what stands open after a line."""

import re
from dataclasses import dataclass

# The rest of an opening line holds no back-tick; a line with one is inline code (CommonMark 4.5).
_LINE = re.compile(r"[ \t]*(`{3,})([^`\n]*)")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open block of code; `language` is the first word after its back-ticks."""

    mark: str
    language: str = ""

    @property
    def opening(self) -> str:
        """The line that opens it again elsewhere."""
        return f"{self.mark}{self.language}"


def fence_after(line: str, standing: Fence | None) -> Fence | None:
    """Return the fence that is open after `line`, if `standing` was open before it."""
    match = _LINE.fullmatch(line)
    if match is None:
        return standing
    mark, info = match[1], match[2].strip()
    if standing is None:
        return Fence(mark, info.split()[0] if info else "")
    closes = not info and len(mark) >= len(standing.mark)
    return None if closes else standing
