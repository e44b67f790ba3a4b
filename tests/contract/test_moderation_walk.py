"""A case from the post to the last appeal, over every storage."""

import pytest

from chatune_core.moderation.cases import CaseState
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.town import ANN, BEN, DESK, MAX, MIA, SQUARE, Town

pytestmark = pytest.mark.anyio


async def test_a_case_is_opened_upheld_appealed_undone_and_allowed(
    stores: Stores, clock: FakeClock
) -> None:
    town = Town(clock=clock, stores=stores)

    card, warning = await town.post("that is hateful, you foulword")
    [upheld] = await town.press(card, "case-uphold", MIA)
    appeal, _ = sorted(await town.appeal(warning, "a quotation"), key=lambda each: each.private)
    [refused] = await town.press(appeal, "case-allow", MIA)
    sent = await town.press(appeal, "case-allow", MAX)

    assert refused.private
    assert upheld.replaces == f"shown:{card.answers}"
    assert [reply.conversation for reply in sent] == [DESK, SQUARE, "test:aside:ann"]
    assert sent[1].text.endswith("> that is hateful, you foulword")
    [case] = await town.cases()
    assert (case.user, case.state, case.decided_by) == (ANN, CaseState.UNDONE, MAX)
    assert (case.first_decided_by, case.appeal) == (MIA, "a quotation")
    assert town.enforcer.timed_out == {}
    assert await town.post("that is hateful, you foulword", BEN) == []
    assert await stores.audit.verify() is None
