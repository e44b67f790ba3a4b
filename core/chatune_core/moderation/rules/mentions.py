"""Messages that call many people at once."""

import re

from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.verdicts import Category, Finding, Span

_MENTION = re.compile(
    r"<@[!&]?[A-Z0-9]{1,32}(?:\|[^>\n]{0,80})?>"
    r"|<!(?:channel|here|everyone)(?:\|[^>\n]{0,80})?>|@(?:everyone|here)\b"
)


class Mentions:
    """Finds messages that mention more than `most` different people or groups."""

    def __init__(self, most: int = 5, score: float = 0.9) -> None:
        self._most = most
        self._score = score

    def find(self, text: Normalised) -> list[Finding]:
        """See Rule.find."""
        found = list(_MENTION.finditer(text.original))
        if len({each[0] for each in found}) <= self._most:
            return []
        spans = tuple(Span(*each.span(), "mentions") for each in found)
        return [Finding(Category.SPAM, self._score, "mentions", spans)]
