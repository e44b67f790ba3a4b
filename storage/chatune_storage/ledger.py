"""What events came to, in a database: everything of one outcome or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from chatune_core.messages import UserId, WorkspaceId, line_of
from chatune_core.outcomes import (
    Announced,
    AnswerCorrected,
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
    MemoryPreferencesChanged,
    MessageErased,
    ModelChosen,
    Outcome,
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
from chatune_storage.queues import HELD, among, by_attempt
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
        self._end = among(
            dialect,
            "key_hash",
            f"UPDATE inbox SET state = {ENDED}, ended_at = :now, line = NULL, person_id = NULL, "
            f"payload = NULL, platform = NULL WHERE {{among}} AND {HELD} RETURNING key_hash",
        )
        self._ended = among(
            dialect,
            "key_hash",
            f"SELECT key_hash, attempt FROM inbox WHERE {{among}} AND state = {ENDED}",
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
        ended = self._end_all(transaction, commits)
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
                        self._effects.write(transaction.connection, rows)
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
        self._effects.write(transaction.connection, rows)

    def _end_all(self, transaction: Transaction, commits: Sequence[_Commit]) -> set[bytes]:
        ended: set[bytes] = set()
        claims = ((commit.key_hash, commit.lease.attempt) for commit in commits)
        for attempt, keys in by_attempt(claims).items():
            asked = {"keys": keys, "attempt": attempt, "now": transaction.now}
            ended.update(transaction.connection.execute(self._end, asked).scalars())
        return ended

    def _have_ended(
        self, transaction: Transaction, commits: Sequence[_Commit], ended: set[bytes]
    ) -> Sequence[bool]:
        """Say who has succeeded: now, or before with the same claim."""
        others = [commit.key_hash for commit in commits if commit.key_hash not in ended]
        before: dict[bytes, int] = {}
        if others:
            found = transaction.connection.execute(self._ended, {"keys": others})
            before = {row[0]: row[1] for row in found}
        return [
            commit.key_hash in ended or before.get(commit.key_hash) == commit.lease.attempt
            for commit in commits
        ]


def _workspaces(outcome: Outcome) -> list[WorkspaceId]:
    """Return the workspaces that the outcome erases."""
    return [e.workspace for e in outcome.effects if isinstance(e, WorkspaceErased)]


def _users(outcome: Outcome) -> set[UserId]:
    users = {reply.user for reply in outcome.replies}
    for effect in outcome.effects:
        match effect:
            case TurnSaid(turn=turn) | TurnReplaced(turn=turn):
                users.add(turn.user)
            case (
                GenerationMade(user=user)
                | AnswerRated(user=user)
                | RatingWithdrawn(user=user)
                | AnswerCorrected(user=user)
                | ConsentChanged(user=user)
            ):
                users.add(user)
            case (
                MemoryLearned() | MemoryEdited() | MemoriesUnlearned() | MemoryPreferencesChanged()
            ):
                users.add(user_of(effect))
            case CaseOpened() | CaseClaimed() | CaseDecided() | CaseAppealed():
                users |= users_of(effect)
            case ConversationReset() | MessageErased() | WorkspaceErased():
                pass
            case ModelChosen() | Audited() | Announced():
                pass
            case _:
                assert_never(effect)
    return users
