"""`chatune data audit`: reading what was done, and seeing that nobody has changed it."""

import re
import sqlite3
from contextlib import closing

import anyio

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from fakes.shell import Shell


def _append(shell: Shell, *actions: str) -> None:
    async def append() -> None:
        async with open_stores(Settings(), Home(shell.home)) as stores:
            for action in actions:
                await stores.audit.append("operator", action, "odd\x1b[2J name", {"rows": 3})

    anyio.run(append)


def test_the_newest_entries_are_printed_first_and_cannot_steer_the_terminal(shell: Shell) -> None:
    shell.configure("")
    _append(shell, "first", "second", "third")

    ran = shell.run("data", "audit", "--limit", "2")

    lines = [
        re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "AT", x) for x in ran.out.splitlines()
    ]
    assert (ran.code, ran.errors) == (0, "")
    assert lines == [
        "AT  operator  third  odd?[2J name  rows=3",
        "AT  operator  second  odd?[2J name  rows=3",
    ]


def test_a_whole_log_is_said_to_be_whole_and_a_changed_one_is_a_failure(
    served: Shell,
) -> None:
    _append(served, "first", "second", "third")
    whole = served.run("data", "audit", "--verify")
    with closing(sqlite3.connect(served.home / "chatune.db")) as database, database:
        database.execute("UPDATE audit SET actor = 'nobody' WHERE id = 2")

    changed = served.run("data", "audit", "--verify")
    doctor = served.run("doctor")

    assert (whole.code, changed.code) == (0, 1)
    assert whole.out.startswith("The audit log is whole")
    assert changed.out.startswith("The audit log is damaged: entry 2 was changed.")
    assert "problem  audit log" in doctor.out
    assert "entry 2 was changed" in doctor.out
    assert doctor.code == 1
