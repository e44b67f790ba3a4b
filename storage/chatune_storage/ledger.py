"""What events came to, in a database: everything of one outcome or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from sqlalchemy import Connection

from chatune_core.messages import UserId, WorkspaceId, line_of
from chatune_core.outcomes import (
    Announced,
    AnswerCorrected,
    AnswerMissed,
    AnswerPreferred,
    AnswerRated,
    Audited,
    CaseAppealed,
    CaseClaimed,
    CaseDecided,
    CaseOpened,
    ConsentChanged,
    ConversationReset,
    GenerationMade,
    MemoriesUnlearned,
    MemoryEdited,
    MemoryLearned,
    MemoryNoted,
    MemoryPreferencesChanged,
    MessageErased,
    ModelChosen,
    Outcome,
    PreferenceWithdrawn,
    RatingWithdrawn,
    TurnReplaced,
    TurnSaid,
    WorkspaceErased,
)
from chatune_core.ports import EventLease
from chatune_storage.case_rows import users_of
from chatune_storage.database import Database
from chatune_storage.effects import EffectRows, EffectSql
from chatune_storage.erasure import scrub
from chatune_storage.keyring import Keyring
from chatune_storage.memory_rows import user_of
from chatune_storage.queues import Held
from chatune_storage.statements import Statement
from chatune_storage.sweeps import sweep
from chatune_storage.tables import ENDED
from chatune_storage.writer import Transaction, Writer


@dataclass(frozen=True, slots=True)
class _Commit:
    key_hash: bytes
    lease: EventLease
    outcome: Outcome


class SqlLedger:
    """See Ledger."""

    def __init__(self, database: Database, writer: Writer, keyring: Keyring) -> None:
        self._database, self._writer, self._keyring = database, writer, keyring
        dialect = database.dialect
        self._effects = EffectSql(dialect)
        # What is left of an ended event says nothing about anybody.
        self._end: Held[bytes] = Held(
            dialect,
            "inbox",
            "key_hash",
            f"state = {ENDED}, ended_at = :now, line = NULL, person_id = NULL, payload = NULL, "
            "platform = NULL",
            returning="key_hash",
        )
        self._ended_by = Statement(
            dialect, f"SELECT attempt FROM inbox WHERE key_hash = :key AND state = {ENDED}"
        )

    async def commit(self, lease: EventLease, outcome: Outcome) -> bool:
        """See Ledger.commit."""
        commit = _Commit(self._keyring.hashed(lease.event.key), lease, outcome)
        lines: set[str] = {reply.conversation for reply in outcome.replies}
        if (line := line_of(lease.event)) is not None:
            lines.add(line)
        committed = await self._writer.change(self._commit_all, commit, _users(outcome), lines)
        workspaces = _workspaces(outcome)
        if committed and workspaces:
            traces = [f"{name}:".encode("utf-8", "surrogatepass") for name in workspaces]
            await scrub(self._database, traces)
        return committed

    def _commit_all(self, transaction: Transaction, commits: Sequence[_Commit]) -> Sequence[bool]:
        if len(commits) > 1 and any(_workspaces(commit.outcome) for commit in commits):
            # Work that is going on in a workspace is lost with it: end nothing ahead of its turn.
            return [self._commit_all(transaction, [commit])[0] for commit in commits]
        claims = ((commit.key_hash, commit.lease.attempt) for commit in commits)
        rows = self._end.rows(transaction.connection, claims, {"now": transaction.now})
        ended = {row[0] for row in rows}
        # The same claim may be committed twice at once, and two claims on one event: the first
        # of those that the database let through counts.
        left, outcomes = set(ended), []
        for commit in commits:
            if commit.key_hash in left:
                left.remove(commit.key_hash)
                if (line := line_of(commit.lease.event)) is not None:
                    transaction.inbox_lines.add(line)
                outcomes.append(commit.outcome)
        self._record(transaction, outcomes)
        return self._have_ended(transaction, commits, ended)

    def _record(self, transaction: Transaction, outcomes: Sequence[Outcome]) -> None:
        """Write what the outcomes leave, in as few statements as the order of effects allows."""
        rows = EffectRows(transaction.keys, transaction.now)
        for outcome in outcomes:
            for effect in outcome.effects:
                match effect:
                    case ConversationReset() | MessageErased() | WorkspaceErased():
                        # It takes what came before it and leaves what comes after.
                        transaction.entries += self._effects.write(transaction.connection, rows)
                        rows = EffectRows(transaction.keys, transaction.now)
                        sweep(transaction, effect)
                    case Audited(entry=entry):
                        transaction.entries.append(entry)
                    case Announced():
                        pass  # it is among the replies
                    case _:
                        rows.add(effect)
            for reply in outcome.replies:
                rows.answer(reply)
                transaction.outbox_lines.add(reply.conversation)
        transaction.entries += self._effects.write(transaction.connection, rows)

    def _have_ended(
        self, transaction: Transaction, commits: Sequence[_Commit], ended: set[bytes]
    ) -> Sequence[bool]:
        """Say who has succeeded: now, or before with the same claim."""
        return [
            commit.key_hash in ended or self._ended_before(transaction.connection, commit)
            for commit in commits
        ]

    def _ended_before(self, connection: Connection, commit: _Commit) -> bool:
        found = self._ended_by.rows(connection, {"key": commit.key_hash})
        return [row[0] for row in found] == [commit.lease.attempt]


def _workspaces(outcome: Outcome) -> list[WorkspaceId]:
    """Return the workspaces that the outcome erases."""
    return [e.workspace for e in outcome.effects if isinstance(e, WorkspaceErased)]


def _users(outcome: Outcome) -> set[UserId]:
    users = {reply.user for reply in outcome.replies}
    for effect in outcome.effects:
        match effect:
            case TurnSaid(turn=turn) | TurnReplaced(turn=turn):
                users.add(turn.user)
            case GenerationMade(user=user, heard=heard):
                users.update((user, *heard))
            case (
                AnswerRated(user=user)
                | AnswerMissed(user=user)
                | RatingWithdrawn(user=user)
                | AnswerCorrected(user=user)
                | AnswerPreferred(user=user)
                | PreferenceWithdrawn(user=user)
                | ConsentChanged(user=user)
            ):
                users.add(user)
            case (
                MemoryLearned()
                | MemoryEdited()
                | MemoriesUnlearned()
                | MemoryPreferencesChanged()
                | MemoryNoted()
            ):
                users.add(user_of(effect))
            case CaseOpened() | CaseClaimed() | CaseDecided() | CaseAppealed():
                users |= users_of(effect)
            case (
                ConversationReset()
                | MessageErased()
                | WorkspaceErased()
                | ModelChosen()
                | Audited()
                | Announced()
            ):
                pass
            case _:
                assert_never(effect)
    return users
