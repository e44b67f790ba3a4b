"""Moderation cases: how they stand after each effect, who reads them, and how they are forgotten."""

import sys
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from chatune_core.messages import BotRemoved, ConversationId, EventKey, UserId, WorkspaceId
from chatune_core.moderation.cases import Case, CaseId, CaseState, Measure, Taken
from chatune_core.outcomes import (
    CaseAppealed,
    CaseClaimed,
    CaseDecided,
    ConversationReset,
    Effect,
    MessageErased,
    WorkspaceErased,
)
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, BEN, ROOM, elsewhere, handle, opened, said

pytestmark = pytest.mark.anyio
MOD, OTHER_MOD = UserId("test:mod"), UserId("test:other mod")
LATER = AT + timedelta(hours=1)
WEEK = timedelta(days=7)
CASE = opened("1").case
UPHELD = CaseDecided(CASE.id, MOD, AT, CaseState.UPHELD)
APPEALED = CaseAppealed(CASE.id, ANN, "it was a joke")
RETRACTED = CaseDecided(CASE.id, OTHER_MOD, LATER, CaseState.UNDONE)


async def happen(stores: Stores, *effects: Effect) -> None:
    """Commit each effect with an event of its own."""
    for effect in effects:
        await handle(stores, elsewhere(str(uuid4()), UserId("test:system")), effect)


async def stands(stores: Stores, case: CaseId = CASE.id) -> Case:
    found = await stores.cases.find(case)
    assert found is not None
    return found


async def ids(stores: Stores, state: CaseState | None = None) -> list[str]:
    return [case.event for case in await stores.cases.recent(9, state)]


async def test_a_case_comes_back_as_it_was_opened(stores: Stores) -> None:
    odd = opened("1", "hé\0\ud800\U0001f600")
    await happen(stores, odd)

    assert await stands(stores) == odd.case
    assert await stores.cases.find(CaseId("000000000000")) is None


async def test_a_case_may_come_back_with_everything_that_people_did(stores: Stores) -> None:
    whole = replace(
        CASE, state=CaseState.UPHELD, claimed_by=MOD, decided_by=OTHER_MOD, decided_at=LATER,
        first_decided_by=BEN, appeal="it was a joke", shadow=True,
    )  # fmt: skip
    await happen(stores, replace(opened("1"), case=whole))

    assert await stands(stores) == whole


async def test_opening_a_case_again_changes_nothing(stores: Stores) -> None:
    await happen(stores, opened("1"), UPHELD, opened("1", "another text"))

    assert await stands(stores) == replace(
        CASE, state=CaseState.UPHELD, decided_by=MOD, decided_at=AT
    )


async def test_a_case_is_claimed_decided_appealed_and_decided_again(stores: Stores) -> None:
    await happen(stores, opened("1"), CaseClaimed(CASE.id, MOD))
    assert await stands(stores) == replace(CASE, claimed_by=MOD)

    await happen(stores, UPHELD)
    decided = replace(CASE, claimed_by=MOD, state=CaseState.UPHELD, decided_by=MOD, decided_at=AT)
    assert await stands(stores) == decided

    await happen(stores, APPEALED)
    appealed = replace(CASE, state=CaseState.APPEALED, first_decided_by=MOD, appeal="it was a joke")
    assert await stands(stores) == appealed

    await happen(stores, CaseClaimed(CASE.id, OTHER_MOD), RETRACTED)
    assert await stands(stores) == replace(
        appealed, state=CaseState.UNDONE, claimed_by=OTHER_MOD, decided_by=OTHER_MOD,
        decided_at=LATER,
    )  # fmt: skip


async def test_all_of_it_may_happen_in_one_commit_to_several_cases(stores: Stores) -> None:
    other = opened("2").case.id
    await handle(
        stores, said("1"), opened("1"), opened("2"), UPHELD,
        CaseDecided(other, MOD, AT, CaseState.UNDONE), APPEALED, CaseClaimed(CASE.id, OTHER_MOD),
        CaseClaimed(other, OTHER_MOD),
    )  # fmt: skip

    first, second = await stands(stores), await stands(stores, other)
    assert (first.state, first.claimed_by) == (CaseState.APPEALED, OTHER_MOD)
    assert (second.state, second.claimed_by) == (CaseState.UNDONE, None)


async def test_a_later_claim_takes_the_place_of_an_earlier_one(stores: Stores) -> None:
    await happen(stores, opened("1"), CaseClaimed(CASE.id, MOD), CaseClaimed(CASE.id, OTHER_MOD))

    assert (await stands(stores)).claimed_by == OTHER_MOD


async def test_a_claim_on_a_decided_case_changes_nothing(stores: Stores) -> None:
    await happen(stores, opened("1"), UPHELD, CaseClaimed(CASE.id, OTHER_MOD))

    assert (await stands(stores)).claimed_by is None


async def test_an_appeal_that_is_repeated_forgets_nobody(stores: Stores) -> None:
    await happen(stores, opened("1"), UPHELD, APPEALED, CaseClaimed(CASE.id, OTHER_MOD))
    before = await stands(stores)

    await happen(stores, CaseAppealed(CASE.id, ANN, "once more"))

    assert await stands(stores) == before
    assert before.first_decided_by == MOD


async def test_an_appeal_before_any_decision_names_nobody(stores: Stores) -> None:
    await happen(stores, opened("1"), CaseAppealed(CASE.id, ANN, ""))

    assert await stands(stores) == replace(CASE, state=CaseState.APPEALED)


async def test_nobody_appeals_for_somebody_else(stores: Stores) -> None:
    await happen(stores, opened("1"), UPHELD)
    before = await stands(stores)

    await happen(stores, CaseAppealed(CASE.id, BEN, "let her"))

    assert await stands(stores) == before


async def test_what_happens_to_a_case_that_is_not_there_changes_nothing(stores: Stores) -> None:
    await happen(stores, CaseClaimed(CASE.id, MOD), UPHELD, APPEALED)

    assert await stores.cases.recent(9) == []


async def test_the_newest_cases_come_first_and_by_state(stores: Stores) -> None:
    await happen(stores, opened("1"), opened("2"), opened("3"), UPHELD)

    assert await ids(stores) == ["test:3", "test:2", "test:1"]
    assert await ids(stores, CaseState.OPEN) == ["test:3", "test:2"]
    assert await ids(stores, CaseState.UPHELD) == ["test:1"]
    assert [case.event for case in await stores.cases.recent(2)] == ["test:3", "test:2"]
    assert await stores.cases.recent(0) == []
    assert len(await stores.cases.recent(sys.maxsize)) == 3


async def test_the_cases_of_a_person_in_a_workspace_are_theirs_and_there(stores: Stores) -> None:
    here, near = ConversationId("test:T_1:room"), ConversationId("test:TX1:room")
    await happen(
        stores, opened("1", room=here), opened("2", room=near), opened("3", room=here, user=BEN),
        opened("4", room=here),
    )  # fmt: skip
    workspace = WorkspaceId("test:T_1")

    async def found(limit: int, user: UserId = ANN) -> list[str]:
        return [case.event for case in await stores.cases.of_person(user, workspace, limit)]

    assert await found(9) == ["test:4", "test:1"]
    assert await found(1) == ["test:4"]
    assert await found(0) == []
    assert await found(9, UserId("test:stranger")) == []


async def test_an_export_has_the_cases_of_a_person_without_moderators(stores: Stores) -> None:
    await happen(stores, opened("1"), CaseClaimed(CASE.id, MOD), UPHELD, APPEALED)

    [item] = [each for each in await stores.personal_data.export(ANN) if each.store == "cases"]

    record = dict(item.record)
    assert record["text"] == "a foul word"
    assert record["appeal"] == "it was a joke"
    assert (record["state"], record["level"]) == ("appealed", "act")
    assert MOD not in repr(record)


async def test_an_export_has_what_a_moderator_did_without_what_others_said(
    stores: Stores,
) -> None:
    await happen(stores, opened("1"), CaseClaimed(CASE.id, OTHER_MOD), UPHELD)
    await happen(stores, opened("2"))

    [item] = await stores.personal_data.export(MOD)

    assert item.store == "cases"
    assert dict(item.record) == {
        "id": CASE.id, "state": "upheld", "claimed_by": None, "decided_by": MOD,
        "first_decided_by": None,
    }  # fmt: skip


async def test_erasing_a_person_takes_their_cases(stores: Stores) -> None:
    await happen(stores, opened("1"), opened("2"), opened("3", user=BEN), UPHELD, APPEALED)

    receipt = await stores.personal_data.erase(ANN)

    assert receipt.removed["cases"] == 2
    assert await ids(stores) == ["test:3"]
    assert await stores.cases.find(CASE.id) is None


async def test_erasing_a_moderator_takes_their_name_out_of_cases(stores: Stores) -> None:
    other = opened("2").case.id
    await happen(
        stores, opened("1"), opened("2"), opened("3"), UPHELD, APPEALED,
        CaseClaimed(CASE.id, OTHER_MOD), CaseClaimed(other, MOD),
        CaseDecided(other, MOD, LATER, CaseState.UNDONE),
    )  # fmt: skip

    receipt = await stores.personal_data.erase(MOD)

    assert receipt.removed["cases"] == 2
    first, second = await stands(stores), await stands(stores, other)
    assert (first.first_decided_by, first.claimed_by) == (None, OTHER_MOD)
    assert (second.claimed_by, second.decided_by) == (None, None)
    assert (second.state, second.decided_at) == (CaseState.UNDONE, LATER)
    assert first.text == "a foul word"


async def test_a_moderator_who_was_erased_may_come_back(rivals: tuple[Stores, Stores]) -> None:
    one, other = rivals
    await happen(one, opened("1"))
    await happen(other, CaseClaimed(CASE.id, MOD))
    await one.personal_data.erase(MOD)

    # The other process still remembers the key that is gone.
    await happen(other, UPHELD)

    for stores in rivals:
        assert (await stands(stores)).decided_by == MOD


async def test_a_workspace_takes_its_cases_with_it(stores: Stores) -> None:
    gone, stays = ConversationId("test:T_1:room"), ConversationId("test:TX1:room")
    member = UserId("test:T_1:mod")
    await happen(
        stores, opened("1", room=gone), opened("2", room=stays), opened("3", room=gone, user=BEN),
        CaseClaimed(opened("2").case.id, member),
    )  # fmt: skip

    workspace = WorkspaceId("test:T_1")
    lobby, system = ConversationId("test:lobby"), UserId("test:system")
    removed = BotRemoved(EventKey("test:gone"), lobby, system, AT, workspace)
    await handle(stores, removed, WorkspaceErased(workspace))

    [left] = await stores.cases.recent(9)
    assert (left.event, left.claimed_by) == ("test:2", None)


async def test_a_message_that_its_author_deleted_leaves_no_text(stores: Stores) -> None:
    await happen(stores, opened("1"), opened("2"), UPHELD)

    await happen(stores, MessageErased(ROOM, EventKey(CASE.message)))

    assert await stands(stores) == replace(
        CASE, text="", state=CaseState.UPHELD, decided_by=MOD, decided_at=AT
    )
    assert (await stands(stores, opened("2").case.id)).text == "a foul word"


@pytest.mark.parametrize(("failed", "text"), [("", "a foul word"), ("no permission", "")])
async def test_a_message_that_the_bot_removed_can_still_be_restored(
    stores: Stores, failed: str, text: str
) -> None:
    await happen(stores, opened("1", measures=(Taken(Measure.REMOVE, failed=failed),)))

    await happen(stores, MessageErased(ROOM, EventKey(CASE.message)))

    assert (await stands(stores)).text == text


async def test_a_reset_of_the_conversation_is_not_about_cases(stores: Stores) -> None:
    await happen(stores, opened("1"), ConversationReset(ROOM))

    assert await stands(stores) == CASE


async def test_texts_of_cases_go_with_age_once_they_are_decided(
    stores: Stores, clock: FakeClock
) -> None:
    await happen(stores, opened("1"), opened("2"), UPHELD, APPEALED, RETRACTED)
    clock.at = LATER + WEEK
    assert (await stores.retention.purge(WEEK))["cases"] == 0
    clock.advance(timedelta(microseconds=1))

    assert (await stores.retention.purge(WEEK))["cases"] == 1
    assert (await stores.retention.purge(WEEK))["cases"] == 0

    decided = await stands(stores)
    assert (decided.text, decided.appeal) == ("", "")
    assert decided.findings == CASE.findings
    assert await stands(stores, opened("2").case.id) == opened("2").case


async def test_an_appeal_keeps_the_text_until_it_is_decided(
    stores: Stores, clock: FakeClock
) -> None:
    await happen(stores, opened("1"), UPHELD, APPEALED)
    clock.advance(WEEK * 100)

    assert (await stores.retention.purge(WEEK))["cases"] == 0


async def test_texts_of_cases_stay_while_their_person_allows_training(
    stores: Stores, clock: FakeClock
) -> None:
    await happen(stores, opened("1"), UPHELD)
    await stores.consents.record(ANN, Purpose.TRAINING, granted=True, source="test:1")
    clock.advance(WEEK * 2)
    assert (await stores.retention.purge(WEEK))["cases"] == 0

    await stores.consents.record(ANN, Purpose.TRAINING, granted=False, source="test:2")

    assert (await stores.retention.purge(WEEK))["cases"] == 1
