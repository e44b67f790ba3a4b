"""`chatune moderate cases`: the operator's view of what moderators decide on."""

import json
from dataclasses import replace

import anyio
import pytest

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_core.messages import ConversationId, UserId
from chatune_core.moderation.cases import CaseState
from chatune_core.outcomes import AuditEntry, CaseAppealed, CaseDecided, CaseOpened
from fakes.events import AT, handle, opened, said
from fakes.shell import Shell

ROOM, ANN, MOD = ConversationId("discord:1:2"), UserId("discord:7"), UserId("discord:9")
FIRST = opened("1", "blasted\x1b[2J fool", ROOM, ANN).case
SECOND = replace(opened("2", "you scoundrel", ROOM, ANN).case, shadow=True, measures=())
ABOUT_FIRST = (
    f"{FIRST.id}  2026-01-01T00:00:00+00:00  appealed  act  discord:7  discord:1:2  "
    "hate 0.75 (model in name), spam 1.00 (link.denied)  time_out"
)
ABOUT_SECOND = (
    f"{SECOND.id}  2026-01-01T00:00:00+00:00  open      act (shadow)  discord:7  discord:1:2  "
    "hate 0.75 (model in name), spam 1.00 (link.denied)  nothing done"
)


@pytest.fixture
def filled(shell: Shell) -> Shell:
    """A shell with two cases; the older one was decided and appealed."""
    shell.configure("")

    async def fill() -> None:
        async with open_stores(Settings(), Home(shell.home), platforms=["test"]) as stores:
            await handle(
                stores, said("1"), CaseOpened(FIRST),
                CaseDecided(FIRST.id, MOD, AT, CaseState.UPHELD),
                CaseAppealed(FIRST.id, ANN, "a\njoke"),
            )  # fmt: skip
            await handle(stores, said("2"), CaseOpened(SECOND))

    anyio.run(fill)
    return shell


def entries(shell: Shell) -> list[AuditEntry]:
    async def all_of_them() -> list[AuditEntry]:
        async with open_stores(Settings(), Home(shell.home)) as stores:
            return list(await stores.audit.entries(9))

    return anyio.run(all_of_them)


def test_cases_are_listed_newest_first_without_what_was_said(filled: Shell) -> None:
    ran = filled.run("moderate", "cases")

    assert (ran.code, ran.errors) == (0, "")
    assert ran.out.splitlines() == [ABOUT_SECOND, ABOUT_FIRST]
    assert entries(filled) == []


def test_what_was_said_is_shown_on_demand_and_cannot_steer_the_terminal(filled: Shell) -> None:
    ran = filled.run("moderate", "cases", "--show")

    assert ran.out.splitlines() == [
        ABOUT_SECOND,
        "    text: you scoundrel",
        ABOUT_FIRST,
        "    text: blasted?[2J fool",
        "    appeal: a joke",
    ]
    [entry] = entries(filled)
    assert (entry.actor, entry.action) == ("operator", "moderation.show")
    assert entry.details == {"cases": 2}


def test_cases_are_chosen_by_how_they_stand_and_by_number(filled: Shell) -> None:
    appealed = filled.run("moderate", "cases", "--state", "appealed")
    newest = filled.run("moderate", "cases", "--limit", "1")
    none = filled.run("moderate", "cases", "--state", "undone")
    wrong = filled.run("moderate", "cases", "--state", "shut")

    assert appealed.out.splitlines() == [ABOUT_FIRST]
    assert newest.out.splitlines() == [ABOUT_SECOND]
    assert (none.code, none.out) == (0, "")
    assert (wrong.code, wrong.errors) == (
        2,
        "chatune: There is no state 'shut'; choose one of open, upheld, undone, appealed.\n",
    )


def test_a_program_reads_a_case_a_line(filled: Shell) -> None:
    plain = filled.run("moderate", "cases", "--jsonl")
    shown = filled.run("moderate", "cases", "--jsonl", "--show")

    first = json.loads(plain.out.splitlines()[1])
    assert (first["id"], first["state"], first["first_decided_by"]) == (FIRST.id, "appealed", MOD)
    assert first["findings"][1]["spans"][0] == {"start": 0, "end": 4, "rule": "link.denied"}
    assert not {"text", "appeal"} & first.keys()
    said_too = json.loads(shown.out.splitlines()[1])
    assert (said_too["text"], said_too["appeal"]) == (FIRST.text, "a\njoke")
    assert said_too == first | {"text": FIRST.text, "appeal": "a\njoke"}


def test_a_text_that_is_the_name_of_a_command_can_still_be_judged(filled: Shell) -> None:
    filled.configure('[moderation]\nclassifier = "none"\n')

    ran = filled.run("moderate", "check", "cases")

    assert "verdict   allow" in ran.out
