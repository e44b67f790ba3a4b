"""What moderators have allowed in a workspace, as keyed hashes: nobody can read it back."""

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from chatune_core.messages import WorkspaceId
from chatune_core.moderation.cases import CaseId
from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.verdicts import Finding, Span
from chatune_core.ports import KeyValues


class Allowances:
    """Remembers what is fine after all. Goes with its workspace, the key of the hashes too.

    Of a rule's finding the very words are allowed, under that rule; of a model's, or one without
    a place in the text, the whole text; of what was found in a name or a picture, that one. Words
    and texts are compared as readers take them: disguises make no difference.
    """

    def __init__(
        self, values: KeyValues, new_key: Callable[[], bytes] = lambda: secrets.token_bytes(32)
    ) -> None:
        self._values, self._new_key = values, new_key

    async def digest(self, workspace: WorkspaceId, content: str) -> str:
        """Return a hash of `content`, keyed by a secret of the workspace."""
        return _digest(await self._key(workspace), content)

    async def left(
        self, workspace: WorkspaceId, findings: Sequence[Finding], text: str
    ) -> Mapping[Finding, Finding | None]:
        """Return which of the findings in `text` change: None for one that is allowed whole."""
        names = set(await self._values.names(_prefix(workspace)))
        if len(names) < 2:  # the key alone allows nothing
            return {}
        key = await self._key(workspace)

        def allowed(finding: Finding, what: str) -> bool:
            return bool(what) and _name(workspace, key, finding, what) in names

        return {finding: _left(finding, text, allowed) for finding in findings}

    async def allow(
        self, workspace: WorkspaceId, findings: Sequence[Finding], text: str, case: CaseId
    ) -> int:
        """Allow what was found in `text` from now on; return how many things that are."""
        names = await self._names(workspace, findings, text)
        for name in sorted(names):
            await self._values.put(name, case)
        return len(names)

    async def forbid(
        self, workspace: WorkspaceId, findings: Sequence[Finding], text: str, case: CaseId
    ) -> int:
        """Take back what was allowed for `case`, and what was found in `text` whoever allowed it.

        Returns:
            How many things were allowed and are not any more; `text` may have been forgotten.
        """
        theirs = await self._of_case(workspace, case)
        found = await self._names(workspace, findings, text)
        there = set(await self._values.names(_prefix(workspace)))
        names = (theirs | found) & there
        for name in sorted(names):
            await self._values.delete(name)
        return len(names)

    async def holds(self, workspace: WorkspaceId, case: CaseId) -> bool:
        """Return whether anything is allowed that was allowed for `case`."""
        return bool(await self._of_case(workspace, case))

    async def _of_case(self, workspace: WorkspaceId, case: CaseId) -> set[str]:
        names = await self._values.names(_prefix(workspace))
        return {name for name in names if await self._values.get(name) == case}

    async def _names(
        self, workspace: WorkspaceId, findings: Sequence[Finding], text: str
    ) -> set[str]:
        key = await self._key(workspace)
        return {
            _name(workspace, key, finding, what)
            for finding in findings
            for what, _ in _whats(finding, text)
            if what
        }

    async def _key(self, workspace: WorkspaceId) -> bytes:
        name = f"{_prefix(workspace)}key"
        kept = await self._values.get(name)
        if kept is None:
            await self._values.put(name, self._new_key().hex())
            kept = await self._values.get(name)
        assert kept is not None
        return bytes.fromhex(kept)


def _left(finding: Finding, text: str, allowed: Callable[[Finding, str], bool]) -> Finding | None:
    whats = _whats(finding, text)
    kept = [span for what, span in whats if not allowed(finding, what)]
    if len(kept) == len(whats):
        return finding
    spans = tuple(span for span in kept if span is not None)
    return replace(finding, spans=spans) if spans else None


def _whats(finding: Finding, text: str) -> list[tuple[str, Span | None]]:
    """Return what is to be allowed for `finding` not to count, each with its place in `text`."""
    if finding.where:
        return [(finding.digest, None)]
    if finding.by_model or not finding.spans:
        return [(normalised(text).text.strip(), None)]
    return [(normalised(text[span.start : span.end]).text, span) for span in finding.spans]


def _prefix(workspace: WorkspaceId) -> str:
    return f"{workspace}:allowed:"


def _name(workspace: WorkspaceId, key: bytes, finding: Finding, what: str) -> str:
    said = f"{finding.category.value}\0{finding.rule}\0{what}"
    return f"{_prefix(workspace)}{_digest(key, said)}"


def _digest(key: bytes, content: str) -> str:
    return hmac.digest(key, content.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]
