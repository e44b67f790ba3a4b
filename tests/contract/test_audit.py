"""The audit log is a chain: whoever appends, and whoever is taken out of it."""

import pytest
from anyio import create_task_group

from chatune_core.messages import BotRemoved, ConversationId, EventKey, UserId, WorkspaceId
from chatune_core.outcomes import Audited, AuditEntry, Outcome, WorkspaceErased
from chatune_storage.stores import Stores
from fakes.events import ANN, AT, BEN, ROOM, handle, said, turn

pytestmark = pytest.mark.anyio
GONE = WorkspaceId("test:T1")


def entry(action: str, actor: str = "moderation") -> Audited:
    return Audited(AuditEntry(AT, actor, action, ROOM, {"score": 0.5}))


async def actions(stores: Stores) -> list[str]:
    """Return what was done, oldest first."""
    return [found.action for found in reversed(await stores.audit.entries(1000))]


async def test_an_empty_log_is_whole(stores: Stores) -> None:
    assert await stores.audit.verify() is None


async def test_a_log_of_appended_and_committed_entries_is_whole(stores: Stores) -> None:
    await stores.audit.append("operator", "first", ANN, {"rows": 3, "dry": False, "days": 1.5})
    await handle(stores, said("1"), entry("second"), turn("1", "hello"), entry("third"))
    await stores.audit.append("operator", "fourth", 'quote " and \n \u2028 line', {})

    assert await stores.audit.verify() is None
    assert await actions(stores) == ["first", "second", "third", "fourth"]


async def test_an_erased_name_leaves_the_log_whole(stores: Stores) -> None:
    await stores.audit.append(ANN, "reported", BEN, {})
    await stores.audit.append("operator", "look", ANN, {"asked by": BEN, "rows": 1})
    await stores.audit.append("operator", "purge", "everyone", {})

    for user in (ANN, BEN):
        await stores.personal_data.erase(user)
        assert await stores.audit.verify() is None

    _, looked, reported = await stores.audit.entries(3)
    assert (reported.actor, reported.subject) == ("erased person", "erased person")
    assert looked.details == {"asked by": "erased person", "rows": 1}
    await stores.audit.append("operator", "data.erase", "erased person", {})
    assert await stores.audit.verify() is None


async def test_an_erased_workspace_takes_out_what_was_noted_before_it_in_the_same_outcome(
    stores: Stores,
) -> None:
    lobby, system = ConversationId("test:lobby"), UserId("test:system")
    await stores.inbox.put(BotRemoved(EventKey("test:removed"), lobby, system, AT, GONE))
    [lease] = await stores.inbox.lease(9)
    member = f"{GONE}:eve"

    before, after = entry("before", member), entry("after", member)
    assert await stores.ledger.commit(
        lease, Outcome(effects=(before, WorkspaceErased(GONE), after))
    )

    kept = [(found.action, found.actor) for found in await stores.audit.entries(5)]
    assert kept == [("after", member), ("before", "erased person")]
    assert await stores.audit.verify() is None


async def test_a_lost_lease_appends_nothing(stores: Stores) -> None:
    await stores.inbox.put(said("1"))
    [lease] = await stores.inbox.lease(1)
    await stores.personal_data.erase(ANN)

    assert not await stores.ledger.commit(lease, Outcome(effects=(entry("late"),)))

    assert await actions(stores) == []
    assert await stores.audit.verify() is None


async def append(stores: Stores, name: str) -> None:
    for number in range(12):
        await stores.audit.append(name, str(number), "log", {})


async def take_turns(stores: Stores, name: str, committed: list[str]) -> None:
    """Have twelve turns, each with an entry; list those that were this process's to end."""
    for number in range(12):
        room = ConversationId(f"test:{name}")
        await stores.inbox.put(said(f"{name}{number}", room=room, user=BEN))
        # The other process may be claiming what there is.
        for lease in await stores.inbox.lease(1):
            effects = (entry(lease.event.key), turn(f"{name}{number}", "hi", user=BEN))
            assert await stores.ledger.commit(lease, Outcome(effects=effects))
            committed.append(lease.event.key)


async def erase_ann(stores: Stores) -> None:
    for _ in range(6):
        await stores.personal_data.erase(ANN)


async def test_processes_that_append_at_once_make_one_chain(rivals: tuple[Stores, Stores]) -> None:
    committed: list[str] = []

    async with create_task_group() as tasks:
        for place, stores in enumerate(rivals):
            for name in (f"one of {place}", f"two of {place}", ANN):
                tasks.start_soon(append, stores, name)
            tasks.start_soon(take_turns, stores, f"room{place}-", committed)
            tasks.start_soon(erase_ann, stores)

    one, other = rivals
    assert await one.audit.verify() is None
    assert await other.audit.verify() is None
    entries = list(reversed(await one.audit.entries(1000)))
    assert len(committed) > 12
    assert {found.action for found in entries if found.actor == "moderation"} == set(committed)
    assert len(entries) == 12 * 6 + len(committed)
    for name in ("one of 0", "two of 0", "one of 1", "two of 1"):
        theirs = [found.action for found in entries if found.actor == name]
        assert theirs == [str(number) for number in range(12)], "each in the order it was asked"
