"""What a person says in their own words: sentences, without quotations, code and links. Pure."""

import re
from collections.abc import Iterator

LONGEST_READ = 4_000
"""Characters of one message that are read; what people say of themselves stands in its first ones."""
LONGEST_SENTENCE = 300
"""Characters; longer ones are pasted text."""
_FENCE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_QUOTED_LINE = re.compile(r"^[ \t]*(?:>|&gt;).*$", re.MULTILINE)
_LINK = re.compile(r"\b(?:https?://|www\.)\S+")
# A quotation of several words is somebody else's speech; a quoted word may be a name.
_QUOTATION = re.compile(r'"[^"\n]*\s[^"\n]*\s[^"\n]*"|“[^”\n]*\s[^”\n]*\s[^”\n]*”')
_BORDER = re.compile(r"(?<=[.!?…。！？])\s+|\n+|(?<=[。！？])")  # noqa: RUF001 - full-width marks


def own_sentences(text: str) -> Iterator[str]:
    """Yield the sentences that are the person's own, in order; in time linear in the text."""
    own = text[:LONGEST_READ]
    if "`" in own:
        own = _FENCE.sub(" ", own)
    own = _LINK.sub(" ", _QUOTED_LINE.sub("\n", own))
    if '"' in own or "“" in own:
        own = _QUOTATION.sub(" ", own)
    for piece in _BORDER.split(own.replace("’", "'")):  # noqa: RUF001 - a typographic apostrophe
        sentence = " ".join(piece.split())
        if 3 <= len(sentence) <= LONGEST_SENTENCE:
            yield sentence
