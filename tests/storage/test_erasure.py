"""Erasure reaches the bytes of the file, and texts are never in it to begin with."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from chatune_core.messages import ConversationId, EventKey, MessageKey, UserId, WorkspaceId
from chatune_core.moderation.cases import CaseState
from chatune_core.outcomes import (
    AnswerCorrected,
    AnswerPreferred,
    AnswerRated,
    CaseAppealed,
    CaseClaimed,
    CaseDecided,
    ModelChosen,
    Outcome,
    WorkspaceErased,
)
from chatune_core.ports import EventLease
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.events import AT, BEN, deliver, generated, handle, opened, reply, said, turn

pytestmark = pytest.mark.anyio
Open = Callable[[], AbstractAsyncContextManager[Stores]]
USER = UserId("test:somebody-to-forget")
SECRET = "correct horse battery staple"
HERS = ConversationId("test:room-of-hers-alone")


def bytes_on_disk(file: Path) -> bytes:
    """Return the database file, its write-ahead log and its index, one after the other."""
    return b"".join(path.read_bytes() for path in sorted(file.parent.iterdir()))


async def live(stores: Stores, tag: str, user: UserId, room: ConversationId) -> None:
    """Leave a row of every kind, with `SECRET` in every text."""
    await handle(
        stores,
        said(f"{tag}1", SECRET, room, user),
        turn(f"{tag}1", SECRET, room=room, user=user),
        turn(f"{tag}1", SECRET, "assistant", room, user),
        generated(f"{tag}1", SECRET, SECRET, room, user),
        ModelChosen(room, "large"),
        answer=reply(f"{tag}1", SECRET, room, user),
    )
    await deliver(stores, f"message-{tag}", f"message-{tag}-continued")
    answer = generated(f"{tag}1").event
    rating, case = AnswerRated(answer, user, 1, AT, SECRET), opened(f"{tag}4", SECRET, room, user)
    await handle(
        stores, said(f"{tag}2", room=room, user=user), rating,
        AnswerCorrected(answer, user, SECRET, AT), case,
        AnswerPreferred(answer, EventKey(f"test:{tag}3"), user, "again", AT),
        CaseAppealed(case.case.id, user, SECRET), answer=reply(f"{tag}2", SECRET, room, user),
    )  # fmt: skip
    [lease] = await stores.outbox.lease(1)
    await stores.outbox.park(lease, "refused")
    await stores.consents.record(user, Purpose.MEMORY, granted=True, source=f"test:{tag}2")
    await stores.audit.append("operator", "look", user, {"who": user})
    await stores.inbox.put(said(f"{tag}3", SECRET, room, user))


def ciphers(file: Path) -> dict[str, bytes]:
    """Return every encrypted value in the file, and every wrapped key."""
    database = sqlite3.connect(file)
    columns = ("inbox.payload", "outbox.payload", "turns.text", "generations.prompt",
               "generations.completion", "ratings.reason", "corrections.text", "key_values.value",
               "moderation_cases.text", "moderation_cases.appeal", "people.wrapped_key")  # fmt: skip
    found = {}
    for column in columns:
        table, name = column.split(".")
        for number, (value,) in enumerate(database.execute(f"SELECT {name} FROM {table}")):
            if value is not None:
                found[f"{column}[{number}]"] = value
    database.close()
    return found


async def test_no_text_is_ever_in_the_files(open_file: Open, file: Path) -> None:
    async with open_file() as stores:
        await live(stores, "a", USER, HERS)
        await stores.key_values.put("token", SECRET)

        assert SECRET.encode() not in bytes_on_disk(file)

    assert SECRET.encode() not in bytes_on_disk(file)


async def test_an_erased_person_leaves_no_byte(open_file: Open, file: Path) -> None:
    async with open_file() as stores:
        await live(stores, "a", USER, HERS)
        hers = ciphers(file)
        assert {name.split("[")[0] for name in hers} >= {
            "inbox.payload", "outbox.payload", "turns.text", "generations.prompt",
            "generations.completion", "ratings.reason", "corrections.text",
            "moderation_cases.text", "moderation_cases.appeal", "people.wrapped_key",
        }  # fmt: skip
        assert USER.encode() in bytes_on_disk(file)

        await stores.personal_data.erase(USER)

        left = bytes_on_disk(file)
        for name, cipher in hers.items():
            assert cipher[12:] not in left, name
        for trace in (USER, HERS, "test:a1", "test:a2", "test:a3", "test:a4", "message-a", SECRET):
            assert trace.encode() not in left, trace


async def test_an_erased_moderator_leaves_no_byte(open_file: Open, file: Path) -> None:
    bens = opened("1", SECRET, user=BEN)
    case = bens.case.id
    async with open_file() as stores:
        await handle(
            stores, said("1", user=BEN), bens, CaseClaimed(case, USER),
            CaseDecided(case, USER, AT, CaseState.UPHELD), CaseAppealed(case, BEN, SECRET),
            CaseDecided(case, USER, AT, CaseState.UNDONE),
        )  # fmt: skip
        assert USER.encode() in bytes_on_disk(file)

        await stores.personal_data.erase(USER)

        assert USER.encode() not in bytes_on_disk(file)
        left = await stores.cases.find(case)
        assert left is not None
        assert left.text == SECRET


async def test_an_erased_workspace_leaves_no_byte(open_file: Open, file: Path) -> None:
    workspace = WorkspaceId("test:workspace-to-forget")
    here, member = ConversationId(f"{workspace}:room"), UserId(f"{workspace}:member")
    async with open_file() as stores:
        for number in range(40):
            room = ConversationId(f"{here} {number}")
            spoken = turn(f"n{number}", SECRET * 20, room=room, user=member)
            await handle(stores, said(f"n{number}", SECRET, room, member), spoken)
        await live(stores, "a", USER, here)
        await stores.inbox.lease(1)
        await live(stores, "b", member, ConversationId(f"{here} of hers"))
        await stores.key_values.put(f"{workspace}:token", SECRET)
        theirs = ciphers(file)
        assert "key_values.value[0]" in theirs
        kept = {key for key in theirs if theirs[key] in _wrapped(file, USER)}

        lease = await last_of(stores)
        assert await stores.ledger.commit(lease, Outcome(effects=(WorkspaceErased(workspace),)))

        left = bytes_on_disk(file)
        for name in theirs.keys() - kept:
            assert theirs[name][12:] not in left, name
        for trace in (workspace + ":", "message-a", "message-b", SECRET):
            assert trace.encode() not in left, trace
        assert await stores.consents.allows(USER, Purpose.MEMORY), "she is not of the workspace"


async def last_of(stores: Stores) -> EventLease:
    """Put and claim an event that is told of nobody."""
    lobby, nobody = ConversationId("test:lobby"), UserId("test:nobody")
    await stores.inbox.put(said("last", room=lobby, user=nobody))
    leases = await stores.inbox.lease(9)
    return next(lease for lease in leases if lease.event.key == "test:last")


def _wrapped(file: Path, user: UserId) -> list[bytes]:
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT wrapped_key FROM people WHERE user_id = ?", (user,))
        return [row[0] for row in rows]


async def test_others_stay_whole_when_the_file_is_rewritten(open_file: Open, file: Path) -> None:
    async with open_file() as stores:
        for number in range(60):
            user = UserId(f"{USER}-{number}") if number % 2 else USER
            room = ConversationId(f"{HERS} {number}")
            await handle(stores, said(str(number), SECRET * 20, room, user),
                         turn(str(number), SECRET * 20, room=room, user=user))  # fmt: skip
        await live(stores, "b", BEN, ConversationId("test:bens room"))
        before = await stores.personal_data.export(BEN)

        await stores.personal_data.erase(USER)

        assert await stores.personal_data.export(BEN) == before
        assert await stores.history.answer_shown_as(MessageKey("message-b")) == "test:b1"
        assert len(await stores.personal_data.export(UserId(f"{USER}-1"))) == 1


async def test_what_stays_of_an_erased_event_is_the_hash_of_its_key(
    open_file: Open, file: Path
) -> None:
    async with open_file() as stores:
        await stores.inbox.put(said("1", user=USER))
        await stores.personal_data.erase(USER)

    database = sqlite3.connect(file)
    database.row_factory = sqlite3.Row
    [row] = map(dict, database.execute("SELECT * FROM inbox"))
    database.close()
    assert {name for name, value in row.items() if value is not None} == {
        "seq", "key_hash", "state", "attempt", "free_at", "stopping", "ended_at",
    }  # fmt: skip


async def test_ended_events_and_delivered_replies_keep_no_text(open_file: Open, file: Path) -> None:
    async with open_file() as stores:
        await handle(stores, said("1", SECRET), answer=reply("1", SECRET))
        assert ciphers(file).keys() == {"outbox.payload[0]", "people.wrapped_key[0]"}

        await deliver(stores, "m1")

        assert ciphers(file).keys() == {"people.wrapped_key[0]"}


async def test_the_number_of_an_erased_person_is_not_used_again(
    open_file: Open, file: Path
) -> None:
    async with open_file() as stores:
        await stores.inbox.put(said("1", user=USER))
        await stores.personal_data.erase(USER)
        await stores.inbox.put(said("2", user=BEN))

    database = sqlite3.connect(file)
    assert database.execute("SELECT id, user_id FROM people").fetchall() == [(2, BEN)]
    database.close()
