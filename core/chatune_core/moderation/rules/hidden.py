"""Instructions in characters that people cannot see but models read."""

import re

from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.verdicts import Category, Finding, Span

# The letters of Unicode's tag block. Flags of regions use a few after a black flag.
_TAGS = re.compile("(?<!\U0001f3f4)[\U000e0020-\U000e007e]{8,}")


class HiddenText:
    """Finds text written in invisible tag characters."""

    def find(self, text: Normalised) -> list[Finding]:
        """See Rule.find."""
        spans = tuple(Span(*each.span(), "hidden.tags") for each in _TAGS.finditer(text.original))
        return [Finding(Category.INJECTION, 1.0, "hidden.tags", spans)] if spans else []
