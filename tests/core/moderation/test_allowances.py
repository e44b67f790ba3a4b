"""What was allowed can be forbidden again, also when its text is forgotten by then."""

import pytest

from chatune_core.messages import WorkspaceId
from chatune_core.moderation.allowances import Allowances
from chatune_core.moderation.cases import CaseId
from chatune_core.moderation.verdicts import Category, Finding, Span
from chatune_storage.memory.values import MemoryKeyValues

pytestmark = pytest.mark.anyio
HERE, ELSEWHERE = WorkspaceId("test:town"), WorkspaceId("test:village")
CASE, OTHER, TEXT = CaseId("c1"), CaseId("c2"), "a foulword"
FOUND = [Finding(Category.HARASSMENT, 1.0, "words.rude", (Span(2, 10, "words.rude"),))]


async def test_what_was_allowed_for_a_case_is_forbidden_though_its_text_is_forgotten() -> None:
    allowances = Allowances(MemoryKeyValues())
    await allowances.allow(HERE, FOUND, TEXT, CASE)
    assert await allowances.holds(HERE, CASE)

    assert await allowances.forbid(HERE, FOUND, "", CASE) == 1

    assert await allowances.left(HERE, FOUND, TEXT) == {}
    assert not await allowances.holds(HERE, CASE)
    assert await allowances.forbid(HERE, FOUND, TEXT, CASE) == 0


async def test_other_cases_and_workspaces_keep_what_they_allow() -> None:
    allowances = Allowances(MemoryKeyValues())
    await allowances.allow(HERE, FOUND, TEXT, CASE)
    await allowances.allow(ELSEWHERE, FOUND, TEXT, CASE)

    assert await allowances.forbid(HERE, FOUND, "", OTHER) == 0
    await allowances.forbid(HERE, FOUND, TEXT, CASE)

    assert await allowances.left(ELSEWHERE, FOUND, TEXT) == {FOUND[0]: None}
