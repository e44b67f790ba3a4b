"""`chatune moderate export`: decisions become training rows, of people who agreed to it alone."""

import json
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from chatune_bots.compose import open_stores, stores_in_memory
from chatune_bots.home import Home
from chatune_bots.moderate_export import Left, Selection, selected
from chatune_bots.settings import Settings
from chatune_core.messages import UserId
from chatune_core.moderation.cases import Case, CaseState
from chatune_core.moderation.classifier_weights import CATEGORIES
from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.verdicts import Category, Finding
from chatune_core.outcomes import AuditEntry, CaseAppealed, CaseDecided, CaseOpened, Effect
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.events import AT, handle, opened, said
from fakes.shell import Shell

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TERMINAL, DISCORD = UserId("terminal:ann"), UserId("discord:1")
MOD = UserId("discord:9")
REFERENCE = "letter of 2026-01-02"
ODD = "bad \u2028 w\u00f6rds"
FOUND = (Finding(Category.HATE, 0.75, "model", by_model=True), Finding(Category.SPAM, 1, "links"))


def a_case(
    key: str, user: UserId = TERMINAL, text: str = "words", found: Sequence[Finding] = FOUND
) -> Case:
    return replace(opened(key, text, user=user).case, findings=tuple(found))


async def keep(stores: Stores, case: Case, *effects: Effect) -> None:
    """Open the case and let more happen to it."""
    await handle(stores, said(f"about {case.id}"), CaseOpened(case), *effects)


async def decide(stores: Stores, case: Case, state: CaseState = CaseState.UPHELD) -> None:
    await keep(stores, case, CaseDecided(case.id, MOD, AT, state))


async def agree(stores: Stores, *users: UserId, granted: bool = True) -> None:
    for user in users:
        await stores.consents.record(user, Purpose.TRAINING, granted, "test:1")


@pytest.fixture
def stores() -> Stores:
    return stores_in_memory(Settings())


def refused(selection: Selection) -> list[Left]:
    assert selection.rows == []
    return list(selection.left)


pytestmark = pytest.mark.anyio


async def test_what_was_upheld_is_an_example_and_what_was_undone_a_counterexample(
    stores: Stores,
) -> None:
    upheld, undone = a_case("1", text="bad words"), a_case("2", text="good words")
    await decide(stores, upheld)
    await decide(stores, undone, CaseState.UNDONE)
    await agree(stores, TERMINAL)

    selection = await selected(stores, "")

    same = {"src": "review", "role": "community"}
    assert selection.left.total() == 0
    assert selection.rows == [
        {"id": f"review-{undone.id}", "text": "good words", "labels": {"hate": 0, "spam": 0},
         "group": "undone", **same},
        {"id": f"review-{upheld.id}", "text": "bad words", "labels": {"hate": 1, "spam": 1},
         "group": "upheld", **same},
    ]  # fmt: skip


@pytest.mark.parametrize("user", ["discord:1", "slack:T1:U1", "elsewhere:1", "terminalish:1"])
async def test_words_of_a_platform_are_rows_with_consent_and_permission(
    stores: Stores, user: str
) -> None:
    await decide(stores, a_case("1", UserId(user)))
    await agree(stores, UserId(user))

    assert len((await selected(stores, REFERENCE)).rows) == 1
    assert refused(await selected(stores, "")) == [Left.NOT_PERMITTED]


@pytest.mark.parametrize("user", [TERMINAL, DISCORD, UserId("slack:T1:U1")])
async def test_nobodys_words_are_rows_without_their_own_consent(
    stores: Stores, user: UserId
) -> None:
    await decide(stores, a_case("1", user))
    await agree(stores, MOD)

    assert refused(await selected(stores, REFERENCE)) == [Left.NOT_AGREED]


async def test_another_consent_is_not_a_consent_to_training(stores: Stores) -> None:
    await decide(stores, a_case("1"))
    for purpose in (Purpose.MEMORY, Purpose.FEEDBACK):
        await stores.consents.record(TERMINAL, purpose, granted=True, source="test:1")

    assert refused(await selected(stores, REFERENCE)) == [Left.NOT_AGREED]


async def test_a_consent_that_was_withdrawn_is_none(stores: Stores) -> None:
    await decide(stores, a_case("1"))
    await agree(stores, TERMINAL)
    await agree(stores, TERMINAL, granted=False)

    assert refused(await selected(stores, REFERENCE)) == [Left.NOT_AGREED]


async def test_the_terminal_needs_consent_and_no_permission(stores: Stores) -> None:
    await decide(stores, a_case("1"))
    await agree(stores, TERMINAL)

    assert len((await selected(stores, "")).rows) == 1


async def test_what_nobody_has_decided_teaches_nothing(stores: Stores) -> None:
    appealed = a_case("2")
    await agree(stores, TERMINAL)
    await keep(stores, a_case("1"))
    await decide(stores, appealed)
    appeal = CaseAppealed(appealed.id, TERMINAL, "a joke")
    await handle(stores, said("appeal"), appeal)

    selection = await selected(stores, REFERENCE)

    assert refused(selection) == [Left.UNDECIDED]
    assert selection.left[Left.UNDECIDED] == 2


async def test_a_text_that_is_gone_is_no_row(stores: Stores) -> None:
    await agree(stores, TERMINAL)
    await decide(stores, a_case("1", text=""))

    assert refused(await selected(stores, REFERENCE)) == [Left.FORGOTTEN]


@pytest.mark.parametrize(
    "found",
    [
        Finding(Category.HATE, 1, "words.slurs", where="name"),
        Finding(Category.SEXUAL, 0.9, "image:opennsfw", by_model=True, where="picture 1"),
        Finding(Category.SPAM, 0.9, "crowd.flood"),
    ],
)
async def test_a_text_is_not_labelled_for_what_was_not_in_it(
    stores: Stores, found: Finding
) -> None:
    await agree(stores, TERMINAL)
    await decide(stores, a_case("1", found=[found]))
    assert refused(await selected(stores, REFERENCE)) == [Left.NOT_THE_TEXT]

    await decide(stores, a_case("2", found=[found, Finding(Category.VIOLENCE, 0.8, "model")]))
    [row] = (await selected(stores, REFERENCE)).rows
    assert row["labels"] == {"violence": 1}


def fill(shell: Shell) -> None:
    """Keep four decided cases: with consent from a terminal and from Discord, one without, one open."""

    async def filled() -> None:
        async with open_stores(Settings(), Home(shell.home), platforms=["test"]) as stores:
            await decide(stores, a_case("1", text=ODD))
            await decide(stores, a_case("2", DISCORD))
            await decide(stores, a_case("3", UserId("discord:2")))
            await keep(stores, a_case("4"))
            await agree(stores, TERMINAL, DISCORD)

    anyio.run(filled)


def newest_entry(shell: Shell) -> AuditEntry:
    async def newest() -> AuditEntry:
        async with open_stores(Settings(), Home(shell.home)) as stores:
            return (await stores.audit.entries(1))[0]

    return anyio.run(newest)


def test_rows_go_to_a_new_private_file_that_the_training_reads(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.configure(f'[training]\nplatform_training_permission = " {REFERENCE} "\n')
    fill(shell)

    ran = shell.run("moderate", "export", "review.jsonl")
    again = shell.run("moderate", "export", "review.jsonl")

    file = shell.folder / "review.jsonl"
    assert (ran.code, ran.errors) == (0, "")
    assert ran.out == (
        "Wrote 2 rows to review.jsonl; left out 2: 1 not decided, "
        "1 whose author has not agreed to training.\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (again.code, again.errors) == (
        2, "chatune: review.jsonl exists; choose another name.\n",
    )  # fmt: skip
    entry = newest_entry(shell)
    assert (entry.actor, entry.action) == ("operator", "moderation.export")
    assert entry.details == {"rows": 2, "left_out": 2, "permission": REFERENCE}

    monkeypatch.syspath_prepend(BENCHMARKS)
    from moderation_rows import read_rows

    read = [public.row for public in read_rows(shell.folder)]
    assert [row.text for row in read] == ["words", normalised(ODD).text]
    hate, spam = CATEGORIES[1], CATEGORIES[5]
    assert [row.known for row in read] == [{hate: (1.0, 1.0), spam: (1.0, 1.0)}] * 2
    assert [row.source for row in read] == ["review"] * 2


@pytest.mark.parametrize("permission", ["", "   "])
def test_without_a_permission_words_of_a_platform_stay_where_they_are(
    shell: Shell, permission: str
) -> None:
    shell.configure(f'[training]\nplatform_training_permission = "{permission}"\n')
    fill(shell)

    ran = shell.run("moderate", "export", "review.jsonl")

    [row] = map(json.loads, (shell.folder / "review.jsonl").read_text().splitlines())
    assert row["text"] == ODD
    assert "1 from a platform without training.platform_training_permission" in ran.out


def test_an_export_that_fails_leaves_no_file(shell: Shell) -> None:
    shell.configure('[storage]\nurl = "sqlite:////nowhere/at/all.db"\n')

    ran = shell.run("moderate", "export", "review.jsonl")

    assert ran.code == 1
    assert list(shell.folder.iterdir()) == []
