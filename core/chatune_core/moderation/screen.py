"""Streaming moderation: nothing is shown before it, and what follows it closely, was checked.

A check is made each time that enough new text has come or a sentence has ended. It looks at the new
text and at the end of what was checked before, so that nothing hides on the border of two checks.
Even of checked text the last `hold` characters stay back: a forbidden passage of up to that length,
complete only later, has not begun to be shown.
"""

import re
from collections.abc import Awaitable, Callable

from chatune_core.moderation.verdicts import Level, Verdict

HOLD = 48
"""Characters; longer than any rule's match, short enough that nobody notices the wait."""
STEP = 40
"""Characters of new text that are checked at the latest."""
OVERLAP = 240
"""Characters of earlier text that each check sees again."""
_SENTENCE_END = re.compile(r"[.!?…。！？]['\")\]]?\s|\n")  # noqa: RUF001 - full-width marks

Check = Callable[[str], Awaitable[Verdict]]


class Withheld(Exception):
    """The text must not be shown; `verdict` says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"withheld: {[finding.rule for finding in verdict.findings]}")
        self.verdict = verdict


class Screen:
    """Lets one growing text through, piece by piece."""

    def __init__(
        self, check: Check, *, shadow: bool = False, hold: int = HOLD, step: int = STEP
    ) -> None:
        """Use `check`, which judges a passage without knowing the rest.

        In `shadow` mode nothing would be withheld, so nothing is held back: only the whole is
        checked.
        """
        self._check, self._shadow, self._hold, self._step = check, shadow, hold, step
        self._checked = 0
        self._shown = 0
        self.noticed: Verdict | None = None
        """The last verdict that was not plainly "allow"; somebody may want to look at it."""

    async def shown(self, text: str) -> str:
        """Return as much of `text` as may be shown; `text` only ever grows.

        Raises:
            Withheld: something in it must not be shown; nothing of that was.
        """
        if self._shadow:
            return text
        if self._due(text):
            await self._judge(text[max(0, self._checked - OVERLAP) :])
            self._checked = len(text)
            self._shown = max(self._shown, self._checked - self._hold)
        return text[: self._shown]

    async def whole(self, text: str) -> None:
        """Check the whole text, before all of it is shown.

        Raises:
            Withheld: something in it must not be shown.
        """
        await self._judge(text)

    def _due(self, text: str) -> bool:
        fresh = len(text) - self._checked
        if fresh <= 0:
            return False
        return fresh >= self._step or _SENTENCE_END.search(text, self._checked) is not None

    async def _judge(self, passage: str) -> None:
        verdict = await self._check(passage)
        if verdict.acts:
            raise Withheld(verdict)
        if verdict.level is not Level.ALLOW:
            self.noticed = verdict
