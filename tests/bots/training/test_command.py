"""`chatune train` at the command line: what it asks for, holds back and tells."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import anyio
import pytest

from chatune_bots.compose import utc_now
from chatune_core.generation.requests import LoraId
from chatune_core.learning.runs import TRAINING, RunId, RunState, Stage, TrainingRun
from chatune_core.leases import Fence
from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from fakes.shell import Shell

Answer = TypeVar("Answer")
KEY = b"k" * 32
AT = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def keyed(served: Shell) -> Shell:
    """A home whose store the test can open; its model is on a server."""
    served.environment["CHATUNE_MASTER_KEY"] = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
    return served


@pytest.fixture
def home(keyed: Shell) -> Shell:
    """A home whose bundled model may be trained."""
    keyed.configure('[models.bundled]\nkind = "local"\n[moderation]\nmode = "off"\n')
    return keyed


def stored(shell: Shell, look: Callable[[Stores], Awaitable[Answer]]) -> Answer:
    """Return what `look` finds in the shell's store."""

    async def opened() -> Answer:
        url = f"sqlite:///{shell.home}/chatune.db"
        async with open_stores(url, KEY, utc_now, timedelta(minutes=1)) as stores:
            return await look(stores)

    return anyio.run(opened)


async def job(stores: Stores) -> tuple[bool, bool]:
    [row] = await stores.jobs.all()
    return row.paused, row.asked_at is not None


async def actions(stores: Stores) -> list[tuple[str, str, str]]:
    entries = await stores.audit.entries(9)
    return [(entry.actor, entry.action, entry.subject) for entry in reversed(entries)]


async def ask(stores: Stores) -> None:
    await stores.jobs.ask("training", AT)


async def runs(stores: Stores) -> None:
    term = await stores.leases.hold(TRAINING, "test", timedelta(minutes=1))
    assert term is not None
    fence = Fence(TRAINING, term)
    made = TrainingRun(
        RunId("1"), "bundled", "a", "it was time", AT, AT, term, RunState.MADE, Stage.REGISTERING,
        1, 0, "d", LoraId("bundled-1"), "12 points better",
    )  # fmt: skip
    for run in (made, TrainingRun(RunId("2"), "bundled", "b", "asked", AT, AT, term, attempt=2)):
        under_way = TrainingRun(
            run.id, run.model, run.due, run.why, AT, AT, term, attempt=run.attempt
        )
        await stores.training_runs.begin(under_way, fence)
        await stores.training_runs.record(run, fence)


def test_what_is_asked_for_waits_for_the_process_that_leads(home: Shell) -> None:
    ran = home.run("train", "--now")

    assert (ran.code, ran.errors) == (0, "")
    assert ran.out == "Noted. Nobody leads at present: it begins when `chatune serve` runs.\n"
    assert stored(home, job) == (False, True)
    assert "asked for     the leader begins soon" in home.run("train", "--status").out
    assert stored(home, actions) == [("operator", "training.asked", "bundled")]


def test_scheduled_runs_are_paused_and_resumed_and_that_is_on_record(home: Shell) -> None:
    home.environment["CHATUNE_TRAINING__AFTER_RATINGS"] = "100"

    assert "Paused." in home.run("train", "--pause").out
    assert stored(home, job) == (True, False)
    assert "paused; `chatune train --resume` ends that" in home.run("train", "--status").out
    assert home.run("train", "--resume").out == (
        "Resumed. Next run: after 100 new ratings (0 so far).\n"
    )

    assert stored(home, job) == (False, False)
    assert stored(home, actions) == [
        ("operator", "training.paused", "bundled"), ("operator", "training.unpaused", "bundled"),
    ]  # fmt: skip


def test_the_status_says_what_is_due_and_how_the_last_runs_ended(home: Shell) -> None:
    stored(home, runs)
    stored(home, ask)  # which is being done, so nothing is said of it
    home.environment["CHATUNE_TRAINING__SCHEDULE"] = "30 3 * * sun"
    home.environment["CHATUNE_TRAINING__TIMEZONE"] = "Europe/Berlin"

    ran = home.run("train", "--status")

    assert (ran.code, ran.errors) == (0, "")
    assert ran.out.splitlines() == [
        "model         bundled",
        "next run      at '30 3 * * sun' Europe/Berlin",
        "ratings       0, +0 since the last run",
        "leader        nobody; `chatune serve` or `chatune chat` must run",
        "run           2026-07-01 04:00  gathering, attempt 2",
        "run           2026-07-01 04:00  made: bundled-1: 12 points better",
    ]


def test_only_one_thing_is_done_at_a_time(home: Shell) -> None:
    ran = home.run("train", "--now", "--pause")

    assert ran.code == 2
    assert ran.errors == "chatune: Give one of --now, --pause, --resume and --status.\n"


@pytest.mark.parametrize("arguments", [["train"], ["train", "--now"]])
def test_a_model_on_a_server_is_trained_only_if_its_weights_are_named(
    served: Shell, arguments: list[str]
) -> None:
    ran = served.run(*arguments)

    assert (ran.code, ran.out) == (1, "")
    assert ran.errors == (
        "chatune: The model 'scripted' runs on a server, and its weights are not known here. Set "
        "training.base to their Hugging Face id or folder, or training.model to another model.\n"
    )


def test_with_too_little_data_it_says_how_much_is_missing_and_all_is_well(keyed: Shell) -> None:
    weights = keyed.home / "weights"
    weights.mkdir(parents=True)
    (weights / "config.json").write_text("{}")
    keyed.environment["CHATUNE_TRAINING__BASE"] = str(weights)
    keyed.environment["CHATUNE_MODERATION__CLASSIFIER__KIND"] = "none"

    ran = keyed.run("train")

    assert (ran.code, ran.out) == (0, "nothing: not yet: 0 of 200 rows\n")
    assert ran.errors.splitlines() == ["gathering", "0 rows to learn from, 0 to judge by"]
    assert stored(keyed, actions) == [
        ("operator", "training.asked", "scripted"), ("system", "training.begun", "scripted"),
        ("system", "training.nothing", "scripted"),
    ]  # fmt: skip


def test_while_another_process_trains_it_says_so(keyed: Shell) -> None:
    async def hold(stores: Stores) -> None:
        await stores.leases.hold(TRAINING, "somebody", timedelta(minutes=5))

    stored(keyed, hold)
    keyed.environment["CHATUNE_TRAINING__BASE"] = "org/model"

    ran = keyed.run("train")

    assert (ran.code, ran.out) == (1, "busy: another training run is under way\n")


def test_the_doctor_says_what_is_due_and_how_it_went(keyed: Shell) -> None:
    def line() -> str:
        found = re.search(r"^.*  training .*$", keyed.run("doctor").out, re.MULTILINE)
        assert found is not None
        return " ".join(found[0].split())

    assert line() == (
        "ok training only when asked for; set training.schedule or training.after_ratings; "
        "0 ratings, no run yet"
    )
    keyed.environment["CHATUNE_TRAINING__AFTER_RATINGS"] = "100"
    assert line().startswith("problem training The model 'scripted' runs on a server")
    keyed.environment["CHATUNE_TRAINING__BASE"] = "org/model"
    assert line() == "ok training after 100 new ratings (0 so far); 0 ratings, no run yet"
    stored(keyed, failed)
    assert line() == (
        "problem training The last run failed: the disk is full. Mend that and run `chatune train`."
    )


async def failed(stores: Stores) -> None:
    term = await stores.leases.hold(TRAINING, "test", timedelta(minutes=1))
    assert term is not None
    run = TrainingRun(RunId("1"), "scripted", "a", "it was time", AT, AT, term)
    await stores.training_runs.begin(run, Fence(TRAINING, term))
    ended = replace(run, state=RunState.FAILED, reason="the disk is full.")
    await stores.training_runs.record(ended, Fence(TRAINING, term))
