"""Several processes on one database, each for platforms of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import anyio
import pytest

from chatune_core.messages import ConversationId, EventKey, MessageReceived, Reply, UserId
from chatune_core.outcomes import Outcome
from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import AT

pytestmark = pytest.mark.anyio
LEASE_FOR = timedelta(seconds=60)
PLATFORMS = ("discord", "slack")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('quick_folder')}/chatune.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def processes(url: str, clock: FakeClock) -> AsyncIterator[dict[str, Stores]]:
    """One for each platform, one for both by name ("two"), one for all, one for none."""
    chosen = {name: [name] for name in PLATFORMS} | {"all": None, "none": [], "two": [*PLATFORMS]}
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(
                open_stores(url, b"k" * 32, clock, LEASE_FOR, platforms=platforms)
            )
            for name, platforms in chosen.items()
        }


def message(platform: str, number: int, room: int = 0) -> MessageReceived:
    key, user = EventKey(f"{platform}:{number}"), UserId(f"{platform}:ann")
    return MessageReceived(key, ConversationId(f"{platform}:{room}"), user, AT, "hello")


def answer(event: MessageReceived) -> Reply:
    return Reply(event.key, event.conversation, event.user, "hi")


async def platforms_of(stores: Stores) -> list[str]:
    keys = [lease.event.key for lease in await stores.inbox.lease(9)]
    keys += [lease.reply.answers for lease in await stores.outbox.lease(9)]
    return sorted({key.partition(":")[0] for key in keys})


async def test_each_process_takes_events_and_replies_of_its_own(
    processes: dict[str, Stores],
) -> None:
    rooms = 10

    async def work(name: str) -> None:
        stores, seen = processes[name], 0
        while seen < rooms * 2:
            for lease in await stores.inbox.lease(3):
                assert lease.event.key.startswith(name)
                assert isinstance(lease.event, MessageReceived)
                await stores.ledger.commit(lease, Outcome(answer(lease.event)))
                seen += 1
            for sent in await stores.outbox.lease(3):
                assert sent.reply.answers.startswith(name)
                await stores.outbox.delivered(sent, [])
                seen += 1

    async with anyio.create_task_group() as tasks:
        for number in range(rooms):
            for platform in PLATFORMS:
                other = processes[PLATFORMS[number % 2]]
                await other.inbox.put(message(platform, number, room=number))
        for name in PLATFORMS:
            tasks.start_soon(work, name)

    assert await platforms_of(processes["all"]) == []


async def test_a_claim_that_ran_out_is_taken_over_on_its_platform_alone(
    processes: dict[str, Stores], clock: FakeClock
) -> None:
    await processes["all"].inbox.put(message("discord", 1))
    await processes["all"].inbox.put(message("discord", 2, room=2))
    [first, second] = await processes["discord"].inbox.lease(9)
    assert isinstance(first.event, MessageReceived)
    await processes["discord"].ledger.commit(first, Outcome(answer(first.event)))
    await processes["discord"].inbox.release(second, timedelta(seconds=5))
    await processes["discord"].outbox.lease(1)
    clock.advance(LEASE_FOR)

    assert await platforms_of(processes["slack"]) == []
    assert await platforms_of(processes["none"]) == []
    assert len(await processes["discord"].inbox.lease(9)) == 1
    assert len(await processes["discord"].outbox.lease(9)) == 1


async def test_the_oldest_of_several_platforms_comes_first(processes: dict[str, Stores]) -> None:
    for number in range(6):
        await processes["all"].inbox.put(message(PLATFORMS[number % 2], number, room=number))

    for name in ("two", "all"):
        keys = [lease.event.key for lease in await processes[name].inbox.lease(3)]
        assert [int(key.partition(":")[2]) for key in keys] == {
            "two": [0, 1, 2],
            "all": [3, 4, 5],
        }[name]
