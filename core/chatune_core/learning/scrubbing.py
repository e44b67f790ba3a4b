"""Texts without what identifies people and without secrets, before anything learns from them. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.rows import Row, Thumb
from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.rules.personal_data import PersonalData
from chatune_core.moderation.rules.redacting import redacted

_TEXTS_REMEMBERED = 4096


class Scrubber:
    """Puts "[card]", "[email]" and the like in place of what the rules of moderation find.

    `regions`: see `PersonalData`.
    """

    def __init__(self, regions: Sequence[str] = ("US",)) -> None:
        self._rule = PersonalData(regions)
        # A conversation comes again with each of its answers.
        self._of = lru_cache(maxsize=_TEXTS_REMEMBERED)(self._scrubbed)

    def row(self, row: Row) -> Row:
        """Return the row with every text of it scrubbed, the bot's instructions included."""
        prompt = tuple(ChatMessage(each.role, self._of(each.content)) for each in row.prompt)
        if isinstance(row, Thumb):
            return replace(row, prompt=prompt, completion=self._of(row.completion))
        chosen, rejected = self._of(row.chosen), self._of(row.rejected)
        return replace(row, prompt=prompt, chosen=chosen, rejected=rejected)

    def _scrubbed(self, text: str) -> str:
        findings = self._rule.find(normalised(text))
        return redacted(text, (span for finding in findings for span in finding.spans))
