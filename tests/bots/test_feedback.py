"""`chatune feedback`: what people think of answers is counted, and what may be learned from is exported."""

import json
import stat
from datetime import timedelta

import anyio
import pytest

from chatune_bots.compose import open_stores
from chatune_bots.evidence import acts_of, rules_from
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_bots.training_settings import TrainingSettings
from chatune_core.messages import ConversationId, EventKey, UserId
from chatune_core.moderation.verdicts import Level, Role, Verdict
from chatune_core.outcomes import AnswerCorrected, AnswerRated, AuditEntry
from chatune_core.privacy import Purpose
from fakes.events import AT, generated, handle, said
from fakes.shell import Shell

ANN, BEN, CAT = (UserId(f"terminal:{name}") for name in ("ann", "ben", "cat"))
DISCORD = UserId("discord:1")
ROOM = ConversationId("terminal:room")
REFERENCE = "letter of 2026-01-02"
MODERATION = '[moderation.classifier]\nkind = "none"\n'
JUDGED: tuple[AnswerRated | AnswerCorrected, ...] = (
    AnswerRated(EventKey("test:0"), ANN, 1, AT, "a private reason"),
    AnswerCorrected(EventKey("test:1"), BEN, "write a letter", AT),
    AnswerRated(EventKey("test:2"), CAT, -1, AT),
    AnswerRated(EventKey("test:2"), DISCORD, -1, AT + timedelta(days=1)),
)


def fill(shell: Shell) -> None:
    """Keep a vote and a correction of who agreed, a vote of who did not, and one of Discord."""

    async def filled() -> None:
        async with open_stores(Settings(), Home(shell.home), platforms=["terminal"]) as stores:
            for user in (ANN, BEN, DISCORD):
                await stores.consents.record(user, Purpose.TRAINING, granted=True, source="test:0")
            for number, text in enumerate(("tea \u2028 leaves", "mail ann@mail.example", "coffee")):
                made = generated(f"{number}", f"question {number}", text, ROOM, ANN)
                await handle(stores, said(f"{number}", room=ROOM, user=ANN), made)
            for number, judged in enumerate(JUDGED):
                room = ConversationId(f"terminal:{number}")
                event = said(f"judged {number}", room=room, user=judged.user)
                await handle(stores, event, judged)

    anyio.run(filled)


def newest_entry(shell: Shell) -> AuditEntry:
    async def newest() -> AuditEntry:
        async with open_stores(Settings(), Home(shell.home)) as stores:
            return (await stores.audit.entries(1))[0]

    return anyio.run(newest)


def test_stats_say_what_there_is_what_is_of_use_and_why_the_rest_is_not(shell: Shell) -> None:
    shell.configure(MODERATION)
    fill(shell)

    ran = shell.run("feedback", "stats")

    assert (ran.code, ran.errors) == (0, "")
    assert ran.out.splitlines() == [
        "Given: 1 good, 2 bad, 1 corrections, 0 choices, 0 agains",
        "May be learned from: 2 (1 to train on, 1 to judge by)",
        "Left out: 1 without consent to training",
        "Left out: 1 from a platform without training.platform_training_permission",
        "Training: not yet: 2 of 200 rows",
    ]


def test_rows_go_to_a_new_private_file_and_the_audit_log_says_so(shell: Shell) -> None:
    shell.configure(
        f'[training]\nplatform_training_permission = "{REFERENCE}"\n'
        f"rows_per_person = 1\nleast_rows = 2\n{MODERATION}"
    )
    fill(shell)

    ran = shell.run("feedback", "export", "rows.jsonl")
    again = shell.run("feedback", "export", "rows.jsonl")

    file = shell.folder / "rows.jsonl"
    assert (ran.code, ran.errors) == (0, "")
    assert ran.out == "Wrote 3 rows to rows.jsonl; left out 1 without consent to training.\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (again.code, again.errors) == (
        2, "chatune: rows.jsonl exists; choose another name.\n",
    )  # fmt: skip
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = {line["prompt"][-1]["content"]: line for line in map(json.loads, lines)}
    assert rows["question 0"]["completion"] == "tea \u2028 leaves"
    assert rows["question 0"]["good"] is True
    assert rows["question 1"]["chosen"] == "write a letter"
    assert rows["question 1"]["rejected"] == "mail [email]"
    assert rows["question 1"]["origin"] == "correction"
    assert (rows["question 2"]["good"], rows["question 2"]["half"]) == (False, "holdout")
    assert not any(name in file.read_text() for name in ("ann", "ben", "discord", "reason"))
    entry = newest_entry(shell)
    assert (entry.actor, entry.action) == ("operator", "feedback.export")
    assert entry.details == {
        "rows": 3, "left_out": 1, "permission": REFERENCE, "digest": entry.details["digest"],
    }  # fmt: skip


def test_an_export_that_fails_leaves_no_file(shell: Shell) -> None:
    shell.configure('[storage]\nurl = "sqlite:////nowhere/at/all.db"\n')

    ran = shell.run("feedback", "export", "rows.jsonl")

    assert ran.code == 1
    assert list(shell.folder.iterdir()) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("level", "shadow", "acts"),
    [(Level.ACT, False, True), (Level.ACT, True, True), (Level.REVIEW, False, False)],
)
async def test_what_moderation_would_act_on_counts_also_where_it_only_watches(
    level: Level, shadow: bool, acts: bool
) -> None:
    class Fixed:
        async def check(
            self, text: str, role: Role, conversation: ConversationId, user: UserId
        ) -> Verdict:
            return Verdict(level, {}, shadow=shadow)

    assert await acts_of(Fixed())("text", Role.USER) is acts


def test_the_rules_are_those_of_the_settings() -> None:
    training = TrainingSettings(least_rows=7, rows_per_person=3, holdout_share=0.5)

    rules = rules_from(training, ["small"])

    assert (rules.least_rows, rules.rows_per_person, rules.holdout) == (7, 3, 0.5)
    assert (rules.models, rules_from(training).models) == (frozenset({"small"}), None)
