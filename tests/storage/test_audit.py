"""What other hands do to the audit log shows: a change, a gap, a stranger, a swap, a cut."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event, text

from chatune_core.messages import UserId
from chatune_core.outcomes import Audited, AuditEntry
from chatune_core.ports import Broken, Damage
from chatune_storage.database import Database, open_database
from chatune_storage.memory.logs import MemoryAuditLog
from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, OTHER_ROOM, ROOM, handle, reply, said, turn

MASTER_KEY = b"k" * 32
LEASE_FOR = timedelta(seconds=60)
LINKS = ("salt", "digest", "previous", "hash", "seal")
COLUMNS = ("at", "actor", "action", "subject", "details", *LINKS)
SET_HEAD, OF_HEAD = "UPDATE settings SET value =", "WHERE name = 'audit head'"
HEAD = f"FROM settings {OF_HEAD}"
BY_HAND = "UPDATE audit SET subject = 'erased person', salt = NULL"


@dataclass(frozen=True)
class Place:
    """Stores, and a way into their database behind their back."""

    stores: Stores
    database: Database

    async def sql(self, *statements: str, **given: object) -> Any:  # noqa: ANN401
        """Run SQL; return the rows of the last statement, if it has any."""

        def work(connection: Connection) -> Any:  # noqa: ANN401
            for statement in statements:
                names = {name for name in given if f":{name}" in statement}
                done = connection.execute(text(statement), {name: given[name] for name in names})
            return [tuple(row) for row in done] if done.returns_rows else None

        return await self.database.write(work)

    async def broken(self) -> Broken | None:
        return await self.stores.audit.verify()


async def fill(stores: Stores) -> None:
    """Write eight entries, of which the third and the sixth name Ann no more."""
    for number in range(1, 9):
        subject = ANN if number in (3, 6) else f"thing {number}"
        await stores.audit.append("operator", f"act {number}", subject, {"rows": number})
    await stores.personal_data.erase(ANN)


@pytest.fixture
def file() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder) / "chatune.db"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{request.getfixturevalue('file')}"


@pytest.fixture
async def place(url: str, clock: FakeClock) -> AsyncIterator[Place]:
    async with (
        open_stores(url, MASTER_KEY, clock, LEASE_FOR) as stores,
        open_database(url, timedelta(seconds=5)) as database,
    ):
        await fill(stores)
        assert await stores.audit.verify() is None
        yield Place(stores, database)


def swap(one: int, other: int) -> list[str]:
    """Return statements that put two entries in each other's place."""
    return [
        f"UPDATE audit SET id = 0 WHERE id = {one}",
        f"UPDATE audit SET id = {one} WHERE id = {other}",
        f"UPDATE audit SET id = {other} WHERE id = 0",
    ]


def close_gap(number: int) -> list[str]:
    """Return statements that move every entry after `number` one place forward."""
    return [f"UPDATE audit SET id = {n - 1} WHERE id = {n}" for n in range(number + 1, 9)]


def make_room(number: int) -> list[str]:
    """Return statements that move the entry `number` and all after it one place back."""
    return [f"UPDATE audit SET id = {n + 1} WHERE id = {n}" for n in range(8, number - 1, -1)]


def copied(number: int, to: int) -> str:
    """Return a statement that puts a copy of an entry at another place."""
    names = ", ".join(COLUMNS)
    return f"INSERT INTO audit (id, {names}) SELECT {to}, {names} FROM audit WHERE id = {number}"


ODD_ENTRY = (
    "INSERT INTO audit (id, at, actor, action, subject, details, salt, digest, previous, hash) "
    "SELECT {to}, at, 'intruder', action, subject, details, salt, digest, {previous}, digest "
    "FROM audit WHERE id = 1"
)
HASH_OF = "(SELECT hash FROM audit WHERE id = {0})"


@pytest.mark.anyio
async def test_a_changed_column_shows(place: Place) -> None:
    for number, column in product((1, 3, 8), set(COLUMNS) - {"salt", "seal"}):
        change = f"UPDATE audit SET {column} = :new WHERE id = {number}"
        [(before,)] = await place.sql(f"SELECT {column} FROM audit WHERE id = {number}")
        after = {int: lambda b: b + 1, str: lambda b: b + " ", bytes: lambda b: b[::-1] + b"!"}
        await place.sql(change, new=after[type(before)](before))

        assert await place.broken() == Broken(number, Damage.CHANGED), column

        await place.sql(change, new=before)
        assert await place.broken() is None


DAMAGES = [
    (["DELETE FROM audit WHERE id = 1"], 1, Damage.MISSING),
    (["DELETE FROM audit WHERE id = 4"], 4, Damage.MISSING),
    (["DELETE FROM audit WHERE id IN (4, 5, 7)"], 4, Damage.MISSING),
    (["DELETE FROM audit WHERE id = 1", *close_gap(1)], 1, Damage.MISSING),
    (["DELETE FROM audit WHERE id = 4", *close_gap(4)], 4, Damage.MISSING),
    (["DELETE FROM audit WHERE id = 8"], 8, Damage.TRUNCATED),
    (["DELETE FROM audit WHERE id > 2"], 3, Damage.TRUNCATED),
    (["DELETE FROM audit"], 1, Damage.TRUNCATED),
    (swap(2, 5), 2, Damage.REORDERED),
    (swap(4, 5), 4, Damage.REORDERED),
    (swap(1, 8), 1, Damage.REORDERED),
    ([*make_room(3), "UPDATE audit SET id = 3 WHERE id = 8"], 3, Damage.REORDERED),
    ([copied(3, 9)], 9, Damage.INSERTED),
    ([copied(3, 12)], 9, Damage.INSERTED),
    ([copied(3, -1)], 1, Damage.INSERTED),
    ([*make_room(6), copied(3, 6)], 6, Damage.INSERTED),
    ([*make_room(6), ODD_ENTRY.format(to=6, previous=HASH_OF.format(5))], 6, Damage.INSERTED),
    ([ODD_ENTRY.format(to=9, previous=HASH_OF.format(8))], 9, Damage.INSERTED),
    ([f"DELETE {HEAD}"], 9, Damage.UNSEALED),
    ([f"{SET_HEAD} (SELECT hash FROM audit WHERE id = 7) {OF_HEAD}"], 9, Damage.UNSEALED),
]


@pytest.mark.anyio
async def test_each_kind_of_damage_is_named_where_it_begins(place: Place) -> None:
    await place.sql(
        "CREATE TABLE kept AS SELECT * FROM audit",
        "CREATE TABLE kept_head AS SELECT * " + HEAD,
    )
    for statements, number, damage in DAMAGES:
        await place.sql(*statements)

        assert await place.broken() == Broken(number, damage), statements

        await place.sql("DELETE FROM audit", "INSERT INTO audit SELECT * FROM kept")
        await place.sql("DELETE " + HEAD, "INSERT INTO settings SELECT * FROM kept_head")
        assert await place.broken() is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    "by_hand",
    [
        f"{BY_HAND} WHERE id = 4",
        f"{BY_HAND}, seal = hash WHERE id = 4",
        f"{BY_HAND}, seal = (SELECT seal FROM audit WHERE id = 3) WHERE id = 4",
        "UPDATE audit SET seal = hash WHERE id = 4",
    ],
)
async def test_an_erasure_by_hand_shows(place: Place, by_hand: str) -> None:
    await place.sql(by_hand)

    assert await place.broken() == Broken(4, Damage.CHANGED)


@pytest.mark.anyio
async def test_a_name_that_is_put_back_after_an_erasure_shows(place: Place) -> None:
    await place.sql("UPDATE audit SET subject = 'test:ann' WHERE id = 3")

    assert await place.broken() == Broken(3, Damage.CHANGED)


@pytest.mark.anyio
async def test_an_erasure_does_not_make_good_what_was_changed_before(place: Place) -> None:
    await place.sql("UPDATE audit SET subject = 'test:ann' WHERE id IN (3, 5)")

    await place.stores.personal_data.erase(ANN)

    subjects = await place.sql("SELECT subject FROM audit WHERE id IN (3, 5)")
    assert subjects == [("erased person",)] * 2
    assert await place.broken() == Broken(5, Damage.CHANGED)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE id = 8", Broken(8, Damage.CHANGED)),
        ("DELETE FROM audit WHERE id > 6", Broken(7, Damage.MISSING)),
        ("DELETE FROM audit", Broken(1, Damage.MISSING)),
        (ODD_ENTRY.format(to=9, previous=HASH_OF.format(8)), Broken(9, Damage.INSERTED)),
        (f"DELETE {HEAD}", Broken(10, Damage.UNSEALED)),
        (
            f"{SET_HEAD} (SELECT hash FROM audit WHERE id = 7) {OF_HEAD}",
            Broken(10, Damage.UNSEALED),
        ),
    ],
)
async def test_appending_goes_on_and_makes_nothing_good(
    place: Place, statement: str, broken: Broken
) -> None:
    await place.sql(statement)

    await place.stores.audit.append("operator", "new", "thing", {})

    [newest] = await place.stores.audit.entries(1)
    assert newest.action == "new"
    assert await place.broken() == broken


@pytest.mark.anyio
@pytest.mark.parametrize("column", ["salt", "digest", "previous", "hash"])
async def test_text_where_bytes_belong_shows(file: Path, clock: FakeClock, column: str) -> None:
    async with open_stores(f"sqlite:///{file}", MASTER_KEY, clock, LEASE_FOR) as stores:
        await fill(stores)
        with closing(sqlite3.connect(file)) as database, database:
            database.execute(f"UPDATE audit SET {column} = 'words' WHERE id = 4")

        assert await stores.audit.verify() == Broken(4, Damage.CHANGED)
        receipt = await stores.personal_data.erase(UserId("thing 4"))
        assert receipt.removed["audit"] == 1
        assert (await stores.audit.entries(5))[4].subject == "erased person"
        assert await stores.audit.verify() == Broken(4, Damage.CHANGED)


@pytest.mark.anyio
async def test_an_old_end_put_back_shows(place: Place) -> None:
    [(old,)] = await place.sql(f"SELECT value {HEAD}")
    await place.stores.audit.append("operator", "new", "thing", {})

    await place.sql(f"{SET_HEAD} :old {OF_HEAD}", old=old)

    assert await place.broken() == Broken(9, Damage.UNSEALED)


@pytest.mark.anyio
async def test_details_that_other_hands_made_unreadable_are_still_listed_and_searched(
    place: Place,
) -> None:
    await place.sql("UPDATE audit SET details = '[\"broken' WHERE id = 8")

    [entry] = await place.stores.audit.entries(1)
    receipt = await place.stores.personal_data.erase(UserId("thing 8"))

    assert entry.details == {"unreadable": '["broken'}
    assert receipt.removed["audit"] == 1
    assert await place.broken() == Broken(8, Damage.CHANGED)


@pytest.mark.anyio
async def test_a_log_of_thousands_is_followed_to_its_end(place: Place) -> None:
    entries = [Audited(AuditEntry(AT, "system", str(n), ROOM, {})) for n in range(2500)]
    await handle(place.stores, said("1"), *entries)

    assert await place.broken() is None
    await place.sql("DELETE FROM audit WHERE id = 2001")
    assert await place.broken() == Broken(2001, Damage.MISSING)


@pytest.mark.anyio
async def test_an_erased_name_cannot_be_guessed_from_what_is_left(
    file: Path, clock: FakeClock
) -> None:
    url = f"sqlite:///{file}"
    async with open_stores(url, MASTER_KEY, clock, LEASE_FOR) as stores:
        await stores.audit.append("operator", "look", ANN, {})
        with closing(sqlite3.connect(file)) as database:
            [(salt,)] = database.execute("SELECT salt FROM audit").fetchall()
        assert salt in bytes_on_disk(file)
        await stores.personal_data.erase(ANN)

    assert len(salt) == 16
    assert salt not in bytes_on_disk(file)
    assert ANN.encode() not in bytes_on_disk(file)


def bytes_on_disk(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(file.parent.iterdir()))


@pytest.mark.anyio
async def test_a_turn_without_an_entry_never_touches_the_log(file: Path, clock: FakeClock) -> None:
    url, statements = f"sqlite:///{file}", list[str]()

    def note(_c: object, _k: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    async with open_stores(url, MASTER_KEY, clock, LEASE_FOR) as stores:
        event.listen(Engine, "before_cursor_execute", note)
        try:
            await handle(stores, said("1"), turn("1", "hello"), answer=reply("1"))
            quiet = list(statements)
            did = Audited(AuditEntry(AT, ANN, "did", ROOM, {}))
            await handle(stores, said("2", room=OTHER_ROOM), did)
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    assert [line for line in quiet if "audit" in line or "settings" in line] == []
    assert len([line for line in statements if "audit" in line or "settings" in line]) == 3


TAMPERING = st.lists(
    st.one_of(
        st.tuples(st.just("delete"), st.integers(1, 8), st.integers(1, 8)),
        st.tuples(st.just("swap"), st.integers(1, 8), st.integers(1, 8)),
        st.tuples(st.just("copy"), st.integers(1, 8), st.integers(-1, 12)),
        st.tuples(st.just("cut"), st.integers(1, 8), st.just(0)),
        st.tuples(st.sampled_from(COLUMNS), st.integers(1, 8), st.integers(1, 8)),
    ),
    min_size=1,
    max_size=4,
)


def tampered(rows: dict[int, dict[str, Any]], action: str, one: int, other: int) -> None:
    """Do to the rows what an intruder could: with what is there, but without the key."""
    if action == "delete":
        rows.pop(one, None)
    elif action == "cut":
        for number in [number for number in rows if number >= one]:
            del rows[number]
    elif one in rows and action == "copy":
        rows.setdefault(other, dict(rows[one]))
    elif one in rows and other in rows:
        if action == "swap":
            rows[one], rows[other] = rows[other], rows[one]
        else:
            rows[one] = rows[one] | {action: rows[other][action]}


def test_whatever_is_moved_around_shows_where_it_begins(file: Path) -> None:
    names = ("id", *COLUMNS)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            open_stores(f"sqlite:///{file}", MASTER_KEY, FakeClock(), LEASE_FOR)
        ) as stores,
        closing(sqlite3.connect(file, isolation_level=None)) as database,
    ):
        portal.call(fill, stores)
        found = database.execute(f"SELECT {', '.join(names)} FROM audit").fetchall()
        original = {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in found}
        assert original.keys() == set(range(1, 9))

        @settings(max_examples=150, deadline=None, derandomize=True)
        @given(TAMPERING)
        def shows(steps: list[tuple[str, int, int]]) -> None:
            rows = dict(original)
            for step in steps:
                tampered(rows, *step)
            with database:
                database.execute("BEGIN")
                database.execute("DELETE FROM audit")
                for number, row in rows.items():
                    marks = ", ".join("?" for _ in names)
                    values = (number, *row.values())
                    database.execute(
                        f"INSERT INTO audit ({', '.join(names)}) VALUES ({marks})", values
                    )

            broken = portal.call(stores.audit.verify)

            different = [n for n in rows | original if rows.get(n) != original.get(n)]
            begins = min(max(1, min(different)), 9) if different else None
            assert (broken and broken.number) == begins

        shows()


@pytest.mark.anyio
async def test_the_log_in_memory_notices_the_same(clock: FakeClock) -> None:
    log = MemoryAuditLog(clock)
    for number in range(1, 9):
        await log.append("operator", f"act {number}", "thing", {})
    kept = [dict(row) for row in log.rows]
    changed = [*kept[:4], kept[4] | {"actor": "nobody"}, *kept[5:]]

    for rows, broken in (
        (kept, None),
        (changed, Broken(5, Damage.CHANGED)),
        (kept[:3] + kept[4:], Broken(4, Damage.MISSING)),
        (kept[:6], Broken(7, Damage.TRUNCATED)),
        ([], Broken(1, Damage.TRUNCATED)),
    ):
        log.rows.clear()
        log.rows += rows
        assert await log.verify() == broken


@pytest.mark.anyio
async def test_the_log_in_memory_is_whole_from_the_oldest_entry_that_it_keeps(
    clock: FakeClock,
) -> None:
    log = MemoryAuditLog(clock)
    for number in range(10_005):
        await log.append("operator", f"act {number}", "thing", {})

    assert len(await log.entries(20_000)) == 10_000
    assert await log.verify() is None
    log.rows[7]["actor"] = "nobody"
    assert await log.verify() == Broken(13, Damage.CHANGED)
