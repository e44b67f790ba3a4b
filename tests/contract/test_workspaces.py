"""A workspace that removed the bot leaves nothing behind, and takes nothing of others."""

from datetime import timedelta

import anyio
import pytest

from chatune_core.messages import (
    BotRemoved,
    ConversationId,
    EventKey,
    MessageKey,
    UserId,
    WorkspaceId,
)
from chatune_core.outcomes import (
    AnswerCorrected,
    AnswerPreferred,
    AnswerRated,
    Audited,
    AuditEntry,
    Effect,
    ModelChosen,
    Outcome,
    WorkspaceErased,
)
from chatune_core.ports import EventLease
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, deliver, generated, handle, reply, said, turn

pytestmark = pytest.mark.anyio
GONE, STAYS = WorkspaceId("test:T_1"), WorkspaceId("test:TX1")
MEMBER = UserId("test:T_1:eve")


def room(workspace: WorkspaceId, name: str = "room") -> ConversationId:
    return ConversationId(f"{workspace}:{name}")


async def live(stores: Stores, workspace: WorkspaceId, tag: str, user: UserId) -> None:
    """Leave a record of every kind in the workspace; one event and two replies wait."""
    here, answer = room(workspace), EventKey(f"test:{tag}1")
    await handle(
        stores, said(f"{tag}1", room=here, user=user), turn(f"{tag}1", "hello", room=here, user=user),
        generated(f"{tag}1", room=here, user=user), ModelChosen(here, "large"),
        answer=reply(f"{tag}1", room=here, user=user),
    )  # fmt: skip
    await deliver(stores, f"m:{tag}")
    await handle(
        stores, said(f"{tag}2", room=here, user=user), AnswerRated(answer, user, 1, AT),
        AnswerCorrected(answer, user, "better", AT),
        AnswerPreferred(answer, EventKey(f"test:{tag}2"), user, "choice", AT), answer=reply(f"{tag}2", room=here, user=user),
    )  # fmt: skip
    [parked] = await stores.outbox.lease(1)
    await stores.outbox.park(parked, "refused")
    await handle(
        stores, said(f"{tag}3", room=here, user=user),
        answer=reply(f"{tag}3", room=here, user=user),
    )  # fmt: skip
    await stores.key_values.put(f"{workspace}:token", "secret")


async def remove(stores: Stores, *more: Audited) -> None:
    key, lobby = EventKey("test:removed"), ConversationId("test:lobby")
    removed = BotRemoved(key, lobby, UserId("test:system"), AT, GONE)
    await stores.inbox.put(removed)
    [lease] = [lease for lease in await stores.inbox.lease(9) if lease.event == removed]
    assert await stores.ledger.commit(lease, Outcome(effects=(WorkspaceErased(GONE), *more)))


async def test_nothing_of_the_workspace_is_left(stores: Stores, clock: FakeClock) -> None:
    await live(stores, GONE, "a", ANN)
    await stores.inbox.put(said("a4", room=room(GONE, "other"), user=MEMBER))

    await remove(stores)
    clock.advance(timedelta(hours=1))

    assert await stores.inbox.lease(9) == []
    assert await stores.outbox.lease(9) == []
    assert await stores.history.recent(room(GONE), 9) == []
    assert await stores.history.last_answer(room(GONE)) is None
    assert await stores.history.answer_shown_as(MessageKey("m:a")) is None
    assert await stores.history.question_of(EventKey("test:a1")) is None
    assert await stores.history.chosen_model(room(GONE)) is None
    assert await stores.key_values.names("") == []
    assert await stores.personal_data.export(ANN) == []


async def test_other_workspaces_keep_everything(stores: Stores) -> None:
    await live(stores, STAYS, "b", ANN)
    before = await stores.personal_data.export(ANN)
    await stores.consents.record(ANN, Purpose.MEMORY, granted=True, source="test:1")

    await remove(stores)

    left = [item for item in await stores.personal_data.export(ANN) if item.store != "consents"]
    assert left == before
    assert await stores.history.answer_shown_as(MessageKey("m:b")) == "test:b1"
    assert await stores.history.chosen_model(room(STAYS)) == "large"
    assert await stores.key_values.get("test:TX1:token") == "secret"
    assert await stores.consents.allows(ANN, Purpose.MEMORY)


async def test_people_of_the_workspace_alone_go_wholly(stores: Stores) -> None:
    namesake = UserId("test:TX1:eve")
    for tag, user in (("1", MEMBER), ("2", namesake)):
        await handle(stores, said(tag, user=user), turn(tag, "hello", user=user))
        await stores.consents.record(user, Purpose.MEMORY, granted=True, source=f"test:{tag}")
    await stores.audit.append("operator", "look", MEMBER, {"asked by": namesake})

    await remove(stores)

    assert await stores.personal_data.export(MEMBER) == []
    assert not await stores.consents.allows(MEMBER, Purpose.MEMORY)
    assert len(await stores.personal_data.export(namesake)) == 3
    [entry] = await stores.audit.entries(5)
    assert (entry.subject, entry.details) == ("erased person", {"asked by": namesake})


async def test_the_removal_can_be_written_down_with_it(stores: Stores) -> None:
    entry = AuditEntry(AT, "test:system", "workspace.erased", GONE, {"reason": "uninstalled"})

    await remove(stores, Audited(entry))

    assert await stores.audit.entries(5) == [entry]


async def test_work_that_was_going_on_in_it_is_lost(stores: Stores) -> None:
    here = room(GONE)
    await stores.inbox.put(said("1", room=here))
    [lease] = await stores.inbox.lease(1)

    await remove(stores)

    outcome = Outcome(reply("1", room=here), (turn("1", "hello", room=here),))
    assert not await stores.ledger.commit(lease, outcome)
    assert await stores.outbox.lease(5) == []
    assert not await stores.inbox.put(said("1", room=here)), "it is known that it was said"


async def test_work_in_it_that_ends_at_the_same_time_comes_too_late(stores: Stores) -> None:
    here, committed = room(GONE), dict[str, bool]()
    await stores.inbox.put(said("1", room=here))
    await stores.inbox.put(said("2"))
    working, removing = await stores.inbox.lease(2)

    async def commit(name: str, lease: EventLease, *effects: Effect) -> None:
        committed[name] = await stores.ledger.commit(lease, Outcome(effects=effects))

    async with anyio.create_task_group() as tasks:
        # The first of three is written alone, the others together.
        tasks.start_soon(stores.inbox.put, said("3"))
        tasks.start_soon(commit, "removal", removing, WorkspaceErased(GONE))
        tasks.start_soon(commit, "work", working, turn("1", "too late", room=here))

    assert committed == {"removal": True, "work": False}
    assert await stores.history.recent(here, 5) == []


async def test_a_workspace_may_come_back(rivals: tuple[Stores, Stores]) -> None:
    one, other = rivals
    here = room(GONE)
    await handle(
        one, said("1", room=here, user=MEMBER), turn("1", "before", room=here, user=MEMBER)
    )
    await handle(other, said("2", room=here, user=MEMBER))

    await remove(one)

    # The other process still remembers the key that is gone.
    back = turn("3", "back", room=here, user=MEMBER)
    await handle(other, said("3", room=here, user=MEMBER), back)
    for stores in rivals:
        assert [spoken.text for spoken in await stores.history.recent(here, 5)] == ["back"]


async def test_messages_of_the_workspace_that_come_while_it_goes_disturb_nobody(
    stores: Stores,
) -> None:
    await live(stores, GONE, "a", MEMBER)
    removed = BotRemoved(
        EventKey("test:removed"), ConversationId("test:lobby"), UserId("test:system"), AT, GONE
    )
    await stores.inbox.put(removed)
    [lease] = await stores.inbox.lease(1)
    results: list[bool] = []

    async def put(number: int) -> None:
        here, user = room(GONE, str(number)), UserId(f"{GONE}:{number % 3}")
        results.append(await stores.inbox.put(said(f"x{number}", room=here, user=user)))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(put, number)
            if number == 5:
                tasks.start_soon(
                    stores.ledger.commit, lease, Outcome(effects=(WorkspaceErased(GONE),))
                )

    assert results == [True] * 10
    assert await stores.history.recent(room(GONE), 5) == []
