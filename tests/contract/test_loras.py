"""The registry of LoRAs: how versions stand, who may change that, and what makes them stale."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from chatune_core.generation.requests import LoraId
from chatune_core.learning.versions import LoraState, LoraVersion, Served, Sources
from chatune_core.messages import ConversationId, EventKey, UserId, WorkspaceId
from chatune_core.outcomes import ConsentChanged, MessageErased, WorkspaceErased
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, BEN, OTHER_ROOM, ROOM, elsewhere, generated, handle, said
from fakes.loras import ANSWER, SOURCES, TERSE, agree, something_to_learn, version

pytestmark = pytest.mark.anyio
CANDIDATE, CANARY, ACTIVE, RETIRED = LoraState


async def taught(stores: Stores) -> LoraVersion:
    """Ann asked and was answered, she and Ben agreed and judged; a version learned from it."""
    await something_to_learn(stores)
    await stores.loras.add(TERSE, SOURCES)
    return TERSE


async def taught_elsewhere(stores: Stores) -> LoraVersion:
    """Return a version that learned from somebody of another workspace."""
    cat, aside, other = UserId("else:cat"), ConversationId("else:room"), version("other")
    await agree(stores, cat)
    await handle(stores, said("2", room=aside, user=cat), generated("2", room=aside, user=cat))
    await stores.loras.add(other, Sources({cat: 1}, frozenset({EventKey("test:2")})))
    return other


async def stands(stores: Stores, lora: LoraId = TERSE.id) -> LoraVersion:
    found = await stores.loras.find(lora)
    assert found is not None
    return found


async def is_stale(stores: Stores) -> bool:
    return (await stands(stores)).stale


async def audited(stores: Stores) -> list[str]:
    """Return what the log says of versions, oldest first."""
    entries = await stores.audit.entries(99)
    of_models = [entry for entry in entries if entry.action.startswith("models.")]
    return [f"{entry.actor}: {entry.action} {entry.subject}" for entry in reversed(of_models)]


async def test_a_version_comes_back_as_it_was_added(stores: Stores) -> None:
    await taught(stores)
    odd = version("odd", parent="terse", metrics={"accuracy": 0.1 + 0.2, "nan-free": 1e-300})
    await stores.loras.add(odd, SOURCES, by="operator")

    assert await stands(stores) == TERSE
    assert await stands(stores, odd.id) == odd
    assert await stores.loras.find(LoraId("never")) is None
    assert await audited(stores) == ["system: models.add terse", "operator: models.add odd"]


async def test_adding_a_version_again_changes_nothing(stores: Stores) -> None:
    await taught(stores)
    await stores.loras.move(TERSE.id, {CANDIDATE}, ACTIVE, "better")

    await stores.loras.add(replace(TERSE, base="another"), SOURCES)

    assert (await stands(stores)).base == TERSE.base
    assert (await stands(stores)).state is ACTIVE
    assert len(await audited(stores)) == 2


async def test_a_version_that_is_no_candidate_or_learned_from_nothing_is_refused(
    stores: Stores,
) -> None:
    for wrong in (replace(TERSE, state=ACTIVE), replace(TERSE, stale=True)):
        with pytest.raises(ValueError, match="is a candidate"):
            await stores.loras.add(wrong, SOURCES)
    for nothing in (Sources({}, SOURCES.answers), Sources(SOURCES.people, frozenset())):
        with pytest.raises(ValueError, match="nobody and nothing"):
            await stores.loras.add(TERSE, nothing)

    assert await stores.loras.versions() == []


async def test_versions_are_listed_by_model_newest_first(stores: Stores) -> None:
    await taught(stores)
    for other in (version("other", model="large"), version("newer")):
        await stores.loras.add(other, SOURCES)

    assert [each.id for each in await stores.loras.versions()] == ["newer", "other", "terse"]
    assert [each.id for each in await stores.loras.versions("small")] == ["newer", "terse"]
    assert await stores.loras.versions("never") == []


async def test_a_version_goes_from_candidate_to_canary_to_active_and_back(
    stores: Stores, clock: FakeClock
) -> None:
    await taught(stores)
    loras = stores.loras
    assert await loras.served("small") == Served()

    clock.advance(timedelta(minutes=1))
    assert await loras.move(TERSE.id, {CANDIDATE}, CANARY, "passed the gate", share=0.25, by="gate")
    canary = await stands(stores)
    assert (canary.state, canary.share, canary.reason) == (CANARY, 0.25, "passed the gate")
    assert canary.changed_at == clock.at
    assert await loras.served("small") == Served(canary=canary)

    assert await loras.move(TERSE.id, {CANARY}, ACTIVE, "people like it", share=0.25)
    active = await stands(stores)
    assert (active.state, active.share) == (ACTIVE, 0.0)
    assert await loras.served("small") == Served(active=active)
    assert await loras.served("large") == Served()

    assert await loras.move(TERSE.id, {ACTIVE}, RETIRED, "rolled back", by="operator")
    assert await loras.served("small") == Served()
    assert await loras.move(TERSE.id, {RETIRED}, ACTIVE, "after all", by="operator")
    assert await audited(stores) == [
        "system: models.add terse",
        "gate: models.canary terse",
        "system: models.active terse",
        "operator: models.retired terse",
        "operator: models.active terse",
    ]


async def test_a_move_from_another_state_or_of_no_version_changes_nothing(stores: Stores) -> None:
    await taught(stores)

    assert not await stores.loras.move(TERSE.id, {CANARY, ACTIVE}, RETIRED, "no")
    assert not await stores.loras.move(LoraId("never"), set(LoraState), ACTIVE, "no")

    assert await stands(stores) == TERSE
    assert len(await audited(stores)) == 1


@pytest.mark.parametrize("state", [ACTIVE, CANARY])
async def test_what_stands_in_the_way_is_retired_with_it(stores: Stores, state: LoraState) -> None:
    await taught(stores)
    newer, elsewhere = version("newer"), version("elsewhere", model="large")
    for other in (newer, elsewhere):
        await stores.loras.add(other, SOURCES)
    for lora in (TERSE.id, elsewhere.id):
        await stores.loras.move(lora, {CANDIDATE}, state, "first", share=0.5)

    assert await stores.loras.move(newer.id, {CANDIDATE}, state, "second", share=0.5)

    before = await stands(stores)
    assert (before.state, before.reason, before.share) == (RETIRED, "replaced by newer", 0.0)
    assert (await stands(stores, newer.id)).state is state
    assert (await stands(stores, elsewhere.id)).state is state
    assert (await audited(stores))[-2:] == [
        "system: models.retired terse",
        f"system: models.{state.value} newer",
    ]


async def test_the_share_of_a_canary_may_be_raised(stores: Stores) -> None:
    await taught(stores)
    await stores.loras.move(TERSE.id, {CANDIDATE}, CANARY, "first", share=0.1)

    assert await stores.loras.move(TERSE.id, {CANARY}, CANARY, "it goes well", share=0.5)

    canary = await stands(stores)
    assert (canary.state, canary.share) == (CANARY, 0.5)
    assert (await audited(stores))[1:] == ["system: models.canary terse"] * 2


async def test_the_active_version_stays_while_another_is_a_canary(stores: Stores) -> None:
    await taught(stores)
    await stores.loras.add(version("newer"), SOURCES)
    await stores.loras.move(TERSE.id, {CANDIDATE}, ACTIVE, "first")

    await stores.loras.move(LoraId("newer"), {CANDIDATE}, CANARY, "second", share=0.1)

    served = await stores.loras.served("small")
    assert (served.active and served.active.id, served.canary and served.canary.id) == (
        "terse", "newer",
    )  # fmt: skip


async def test_of_two_processes_that_promote_at_once_each_sees_one_active_version(
    rivals: tuple[Stores, Stores],
) -> None:
    one, other = rivals
    await taught(one)
    loras = [version(f"v{number}") for number in range(6)]
    for each in loras:
        await one.loras.add(each, SOURCES)
    moved: list[bool] = []

    async def promote(stores: Stores, lora: LoraId) -> None:
        moved.append(await stores.loras.move(lora, {CANDIDATE}, ACTIVE, "first"))

    async with anyio.create_task_group() as tasks:
        for place, each in enumerate(loras):
            tasks.start_soon(promote, rivals[place % 2], each.id)

    assert moved == [True] * 6
    states = [each.state for each in await other.loras.versions()]
    assert states.count(ACTIVE) == 1
    assert states.count(RETIRED) == 5
    assert await other.audit.verify() is None


async def test_of_two_processes_that_promote_one_version_only_one_does(
    rivals: tuple[Stores, Stores],
) -> None:
    await taught(rivals[0])
    moved: list[bool] = []

    async def promote(stores: Stores) -> None:
        moved.append(await stores.loras.move(TERSE.id, {CANDIDATE}, ACTIVE, "better"))

    async with anyio.create_task_group() as tasks:
        for stores in rivals:
            tasks.start_soon(promote, stores)

    assert sorted(moved) == [False, True]


async def by_command(stores: Stores) -> None:
    await agree(stores, BEN, granted=False)


async def by_event(stores: Stores) -> None:
    withdrawn = ConsentChanged(BEN, Purpose.TRAINING, False, "test:9", AT)
    await handle(stores, elsewhere("9"), withdrawn)


async def by_erasure_of_a_judge(stores: Stores) -> None:
    receipt = await stores.personal_data.erase(BEN)
    assert receipt.removed["models"] == 1


async def by_deletion_of_the_question(stores: Stores) -> None:
    await handle(stores, elsewhere("9"), MessageErased(ROOM, ANSWER))


async def by_leaving_the_workspace(stores: Stores) -> None:
    gone = WorkspaceId("test")
    await handle(stores, said("9", room=ConversationId("lobby:9")), WorkspaceErased(gone))


async def by_forgetting_everything(stores: Stores) -> None:
    receipt = await stores.memories.forget(ANN)
    assert receipt.removed["models"] == 1


TakenBack = Callable[[Stores], Awaitable[None]]
WAYS: dict[TakenBack, str] = {
    by_command: "a consent was withdrawn",
    by_event: "a consent was withdrawn",
    by_erasure_of_a_judge: "a person was erased",
    by_deletion_of_the_question: "a message was deleted",
    by_leaving_the_workspace: "a workspace was left",
    by_forgetting_everything: "what was said was forgotten",
}


@pytest.mark.parametrize("take_back", WAYS)
async def test_what_is_taken_back_makes_what_learned_from_it_stale_for_good_and_nothing_else(
    stores: Stores, take_back: TakenBack
) -> None:
    await taught(stores)
    other = await taught_elsewhere(stores)
    await stores.loras.move(TERSE.id, {CANDIDATE}, ACTIVE, "better")

    await take_back(stores)
    await agree(stores, ANN, BEN)

    version = await stands(stores)
    assert version.stale
    assert version.state is ACTIVE, "it serves until a better one takes its place"
    [entry] = [e for e in await stores.audit.entries(9) if e.action == "models.stale"]
    assert (entry.actor, entry.subject) == ("system", TERSE.id)
    assert entry.details == {"model": "small", "state": "active", "because": WAYS[take_back]}
    assert not (await stands(stores, other.id)).stale
    assert await stores.audit.verify() is None


async def test_deleting_an_earlier_message_reaches_answers_whose_prompts_quote_it(
    stores: Stores,
) -> None:
    await handle(stores, said("0"), generated("0", at=AT - timedelta(hours=1)))
    await taught(stores)

    await handle(stores, elsewhere("9"), MessageErased(ROOM, EventKey("test:0")))

    assert await is_stale(stores)


async def test_erasing_someone_reaches_answers_whose_prompts_may_repeat_their_words(
    stores: Stores,
) -> None:
    bystander = UserId("test:cat")
    await handle(stores, said("0", user=bystander), generated("0", user=bystander))
    await taught(stores)

    receipt = await stores.personal_data.erase(bystander)

    assert receipt.removed["models"] == 1
    assert await is_stale(stores)


async def test_erasing_someone_who_was_heard_reaches_answers_of_conversations_begun_anew(
    stores: Stores,
) -> None:
    cat = UserId("test:cat")
    await agree(stores, ANN, BEN)
    await handle(stores, said("1"), replace(generated("1"), heard=(ANN, cat)))
    await stores.loras.add(TERSE, SOURCES)

    await stores.personal_data.erase(cat)

    assert await is_stale(stores)


async def test_a_withdrawal_under_a_linked_identity_counts(stores: Stores) -> None:
    cat = UserId("test:cat")
    await stores.links.offer(BEN, "code", timedelta(hours=1))
    await stores.links.accept(cat, "code")
    await taught(stores)

    await agree(stores, cat, granted=False)

    assert await is_stale(stores)


async def test_other_decisions_and_messages_leave_a_version_as_it_is(stores: Stores) -> None:
    await taught(stores)
    for purpose in (Purpose.MEMORY, Purpose.FEEDBACK):
        await stores.consents.record(ANN, purpose, granted=False, source="test:1")
    await agree(stores, UserId("test:cat"), granted=False)
    await handle(stores, said("2", room=OTHER_ROOM), generated("2", room=OTHER_ROOM))
    await handle(stores, elsewhere("9"), MessageErased(OTHER_ROOM, EventKey("test:2")))

    assert not await is_stale(stores)


async def test_a_person_is_counted_once_for_each_version_and_not_again(stores: Stores) -> None:
    await taught(stores)
    await stores.loras.add(version("newer"), SOURCES)

    first = await stores.personal_data.erase(BEN)
    second = await stores.personal_data.erase(ANN)

    assert first.removed["models"] == 2
    assert second.removed["models"] == 0, "what a stale version learned from is not known any more"


async def test_a_stale_version_becomes_neither_canary_nor_active(stores: Stores) -> None:
    await taught(stores)
    await agree(stores, BEN, granted=False)

    assert not await stores.loras.move(TERSE.id, {CANDIDATE}, CANARY, "no", share=0.5)
    assert not await stores.loras.move(TERSE.id, {CANDIDATE}, ACTIVE, "no")
    assert await stores.loras.move(TERSE.id, {CANDIDATE}, RETIRED, "refused")


async def test_what_was_taken_back_while_it_was_trained_makes_a_version_stale_at_once(
    stores: Stores,
) -> None:
    await agree(stores, ANN, BEN)
    await handle(stores, said("1"), generated("1"))
    strangers = Sources({ANN: 1, UserId("test:stranger"): 1}, SOURCES.answers)
    await stores.loras.add(version("of a stranger"), strangers)
    unknown = Sources(SOURCES.people, SOURCES.answers | {EventKey("test:never")})
    await stores.loras.add(version("of an unknown answer"), unknown)
    await stores.loras.add(version("of what may be learned from"), SOURCES)

    await agree(stores, BEN, granted=False)
    await stores.loras.add(version("of who withdrew"), SOURCES)
    await agree(stores, BEN)
    await handle(stores, said("3", room=OTHER_ROOM), generated("3", room=OTHER_ROOM))
    await handle(stores, elsewhere("9"), MessageErased(OTHER_ROOM, EventKey("test:3")))
    deleted = Sources(SOURCES.people, frozenset({EventKey("test:3")}))
    await stores.loras.add(version("of a deleted message"), deleted)
    await stores.loras.add(version("of what may still be learned from"), SOURCES)
    fresh = [each.id for each in await stores.loras.versions() if not each.stale]
    await stores.personal_data.erase(BEN)
    await stores.loras.add(version("of an erased person"), SOURCES)

    assert fresh == ["of what may still be learned from"]
    assert all(each.stale for each in await stores.loras.versions())
    assert (await audited(stores))[-2:] == [
        "system: models.add of an erased person",
        "system: models.stale of an erased person",
    ]


async def test_an_addition_and_a_withdrawal_at_once_never_miss_each_other(
    rivals: tuple[Stores, Stores],
) -> None:
    one, other = rivals
    await agree(one, ANN, BEN)
    await handle(one, said("1"), generated("1"))

    for number in range(5):
        await agree(one, BEN)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.loras.add, version(f"v{number}"), SOURCES)
            tasks.start_soon(by_command, other)
        assert (await stands(one, LoraId(f"v{number}"))).stale


async def test_an_export_names_the_versions_that_learned_from_the_person(stores: Stores) -> None:
    await taught(stores)

    records = await stores.personal_data.export(ANN)

    assert [record.record for record in records if record.store == "models"] == [
        {"version": "terse", "model": "small", "rows": 2}
    ]
    assert await stores.personal_data.export(UserId("test:cat")) == []


async def test_no_audit_entry_of_a_version_names_who_took_something_back(stores: Stores) -> None:
    await taught(stores)

    await handle(stores, elsewhere("9"), ConsentChanged(BEN, Purpose.TRAINING, False, "x", AT))
    await stores.loras.add(version("newer"), SOURCES)

    entries = [e for e in await stores.audit.entries(9) if e.action.startswith("models.")]
    assert entries
    assert not any(name in str(entry) for entry in entries for name in (ANN, BEN))
