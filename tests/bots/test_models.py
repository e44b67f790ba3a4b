"""`chatune models`: seeing versions, promoting them and taking that back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import WEIGHTS, LoraFiles
from chatune_core.learning.manifest import manifest_of, manifest_text
from chatune_core.learning.rows import LeftOut, RowId, Thumb
from chatune_core.learning.versions import LoraState
from chatune_core.messages import EventKey
from chatune_storage.stores import Stores
from fakes.events import ANN, AT, BEN
from fakes.loras import SOURCES, agree, kept_version, lora_folder, something_to_learn
from fakes.shell import Shell

CANDIDATE, CANARY, ACTIVE, RETIRED = LoraState


def in_stores(shell: Shell, work: Callable[[Stores], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_stores(Settings(), Home(shell.home), ["test"]) as stores:
            await work(stores)

    anyio.run(run)


def thumb(name: str) -> Thumb:
    return Thumb(RowId(name), EventKey(name), (), f"said {name}", True, ANN, frozenset({ANN}), AT)


def manifest(*rows: str, contradictory: int = 0) -> str:
    train, holdout = [thumb(name) for name in rows[1:]], [thumb(rows[0])]
    left_out = {LeftOut.CONTRADICTORY: contradictory}
    return manifest_text(manifest_of(train, holdout, left_out, {"general": "CC0-1.0"}, AT))


@pytest.fixture
def registry(shell: Shell, tmp_path: Path) -> Shell:
    """Versions v1 (active), v2 and v3, each made from the one before."""
    shell.configure('[models.small]\nmodel = "bundled"\n')
    files = LoraFiles(Home(shell.home).loras)

    async def fill(stores: Stores) -> None:
        await something_to_learn(stores)
        for number, parent in enumerate([None, "v1", "v2"], start=1):
            source = lora_folder(tmp_path / f"run {number}", f"weights {number}".encode())
            made = kept_version(files, f"v{number}", source, parent)
            await stores.loras.add(
                replace(
                    made,
                    made_at=AT + timedelta(days=number),
                    metrics={"win rate": 0.5 + number / 10},
                    manifest=manifest("a", "b", *"cdef"[:number], contradictory=number - 1),
                ),
                SOURCES,
            )
        await stores.loras.move(LoraId("v1"), {CANDIDATE}, ACTIVE, "passed the gate")

    in_stores(shell, fill)
    return shell


def states(shell: Shell) -> dict[str, tuple[LoraState, float]]:
    found: dict[str, tuple[LoraState, float]] = {}

    async def read(stores: Stores) -> None:
        for version in await stores.loras.versions():
            found[version.id] = (version.state, version.share)

    in_stores(shell, read)
    return found


def audited(shell: Shell, number: int) -> list[str]:
    lines = shell.run("data", "audit", "--limit", str(number)).out.splitlines()
    return ["  ".join(line.split("  ")[1:4]) for line in lines]


def test_without_versions_the_list_says_what_answers(shell: Shell) -> None:
    shell.configure("")

    ran = shell.run("models", "list")

    assert (ran.code, ran.out) == (0, "There are no versions yet; the bare model answers.\n")


def test_versions_are_listed_as_a_table_newest_first(registry: Shell) -> None:
    assert registry.run("models", "list").out.splitlines() == [
        "ID  MODEL  STATE      MADE              PARENT  WHY",
        "v3  small  candidate  2026-01-04 00:00  v2      trained",
        "v2  small  candidate  2026-01-03 00:00  v1      trained",
        "v1  small  active     2026-01-02 00:00  -       passed the gate",
    ]
    assert registry.run("models", "list", "--model", "large").code != 0


def test_a_version_is_shown_with_its_dataset_its_metrics_and_the_state_of_its_files(
    registry: Shell,
) -> None:
    shown = registry.run("models", "show", "v2").out

    facts = dict(line.split("  ", 1) for line in shown.splitlines() if line)
    found = {name.strip(): value.strip() for name, value in facts.items()}
    assert (found["state"], found["parent"], found["why"]) == ("candidate", "v1", "trained")
    assert found["files"].endswith(", as registered")
    assert (found["rows trained on"], found["rows held out"]) == ("3", "1")
    assert found["licence of general"] == "CC0-1.0"
    assert found["left out of voters who contradict themselves"] == "1"
    assert found["win rate"] == "0.7"


def test_two_versions_are_compared_by_rows_and_metrics(registry: Shell) -> None:
    lines = registry.run("models", "diff", "v1", "v3").out.splitlines()

    assert [line.split() for line in lines] == [
        ["v1", "v3", "CHANGE"],
        ["rows", "of", "both", "3"],
        ["rows", "of", "one", "alone", "0", "2"],
        ["rows", "trained", "on", "2", "4"],
        ["left", "out", "of", "voters", "who", "contradict", "themselves", "-", "2"],
        ["win", "rate", "0.6", "0.8", "+0.2"],
    ]


def test_a_version_is_promoted_for_all_and_it_is_on_record_who_did_it(registry: Shell) -> None:
    ran = registry.run("models", "promote", "v2")

    assert ran.out == "v2 answers with the model small in all conversations.\n"
    assert states(registry)["v2"] == (ACTIVE, 0.0)
    assert states(registry)["v1"] == (RETIRED, 0.0)
    assert audited(registry, 2) == [
        "operator  models.active  v2", "operator  models.retired  v1",
    ]  # fmt: skip


def test_a_version_is_promoted_for_a_share_of_the_conversations(registry: Shell) -> None:
    ran = registry.run("models", "promote", "v2", "--share", "0.25")

    assert ran.out == "v2 answers with the model small in 25% of the conversations.\n"
    assert states(registry)["v2"] == (CANARY, 0.25)
    assert states(registry)["v1"] == (ACTIVE, 0.0)
    assert "canary 25%" in registry.run("models", "list").out


def test_what_cannot_be_promoted_is_refused_in_one_line_that_says_why(registry: Shell) -> None:
    async def withdraw(stores: Stores) -> None:
        await agree(stores, BEN, granted=False)

    unknown = registry.run("models", "promote", "v9")
    already = registry.run("models", "promote", "v1")
    [weights] = (registry.home / "loras").glob(f"v2.*/{WEIGHTS}")
    weights.write_bytes(b"tampered")
    damaged = registry.run("models", "promote", "v2")
    in_stores(registry, withdraw)
    stale = registry.run("models", "promote", "v3")

    assert "There is no version 'v9'. The newest are: v3, v2, v1." in unknown.errors
    assert "v1 is active already." in already.errors
    assert f"v2 cannot answer: the {WEIGHTS} of 'v2' is not what was registered" in damaged.errors
    assert "v3 is stale: somebody took back what it learned from." in stale.errors
    for ran in (unknown, already, damaged, stale):
        assert ran.code == 2
        assert len(ran.errors.splitlines()) == 1
    assert {state for state, _ in states(registry).values()} == {CANDIDATE, ACTIVE}
    assert "candidate, stale" in registry.run("models", "list").out
    assert "is not what was registered" in registry.run("models", "show", "v2").out


def test_a_rollback_ends_the_canary_then_goes_back_version_by_version(registry: Shell) -> None:
    registry.run("models", "promote", "v2")
    registry.run("models", "promote", "v3", "--share", "0.5")

    ran = [registry.run("models", "rollback") for _ in range(4)]

    assert [each.out for each in ran] == [
        "v3 is a canary no more; v2 answers everywhere.\n",
        "v2 is retired; v1 answers for small again.\n",
        "v1 is retired; the bare model answers for small.\n",
        "",
    ]
    assert "The bare model answers for small; there is nothing to take back." in ran[3].errors
    assert {state for state, _ in states(registry).values()} == {RETIRED}
    assert audited(registry, 1) == ["operator  models.retired  v1"]


def test_a_rollback_passes_over_what_can_no_longer_answer(registry: Shell) -> None:
    for name in ("v2", "v3"):
        registry.run("models", "promote", name)
    [weights] = (registry.home / "loras").glob(f"v2.*/{WEIGHTS}")
    weights.unlink()

    assert registry.run("models", "rollback").out == (
        "v3 is retired; v1 answers for small again.\n"
    )


def test_an_erasure_counts_the_versions_that_learned_from_the_person(registry: Shell) -> None:
    ran = registry.run("data", "erase", BEN, "--yes")

    assert "  models               3" in ran.out.splitlines()
    assert "stale" in registry.run("models", "list").out
