"""The registry of LoRAs, in a database."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    exists,
    insert,
    or_,
    select,
    update,
)

from chatune_core.generation.requests import LoraId
from chatune_core.learning.versions import LoraState, LoraVersion, Served, Sources
from chatune_core.messages import UserId
from chatune_core.privacy import Purpose
from chatune_storage.consent_rows import agreed
from chatune_storage.database import Database
from chatune_storage.keys import MasterKey
from chatune_storage.lora_moves import Move, added, checked, moved, replaced
from chatune_storage.lora_rows import lock_sources, mark_stale, without_text
from chatune_storage.tables import (
    generations,
    lora_answers,
    lora_people,
    lora_versions,
    microseconds,
    moment,
    people,
)
from chatune_storage.writer import Transaction, Writer

_CHUNK = 1000
_SERVING = (LoraState.ACTIVE, LoraState.CANARY)
_versions = lora_versions.c


@dataclass(frozen=True, slots=True)
class _Addition:
    version: LoraVersion
    sources: Sources
    by: str


class SqlLoraRegistry:
    """See LoraRegistry."""

    def __init__(self, database: Database, writer: Writer, master: MasterKey) -> None:
        self._database, self._writer, self._master = database, writer, master

    async def add(self, version: LoraVersion, sources: Sources, by: str = "system") -> None:
        """See LoraRegistry.add."""
        checked(version, sources)
        await self._writer.change(self._add_all, _Addition(version, sources, by))

    def _add_all(self, transaction: Transaction, additions: Sequence[_Addition]) -> Sequence[None]:
        for addition in additions:
            self._add(transaction, addition)
        return [None] * len(additions)

    def _add(self, transaction: Transaction, addition: _Addition) -> None:
        connection, version, sources = transaction.connection, addition.version, addition.sources
        persons = _locked(connection, sorted(sources.people))
        lock_sources(connection)
        known = select(_versions.id).where(_versions.lora == version.id)
        if connection.execute(known).scalar() is not None:
            return
        row = insert(lora_versions).returning(_versions.id)
        place: int = connection.execute(row, self._row(version)).scalar_one()
        learned = [
            {"version_id": place, "person_id": person, "rows": sources.people[user]}
            for user, person in persons.items()
        ]
        if learned:
            connection.execute(insert(lora_people), learned)
        answers = [{"version_id": place, "answer": answer} for answer in sorted(sources.answers)]
        if answers:
            connection.execute(insert(lora_answers), answers)
        transaction.entries.append(added(version, addition.by, moment(transaction.now)))
        strangers = len(persons) < len(sources.people)
        taken_back = _versions.id == place if strangers else _taken_back(place)
        stale = select(_versions.id).where(_versions.id == place, taken_back)
        why = "taken back while it was trained"
        transaction.entries += mark_stale(connection, stale, why, transaction.now)

    async def find(self, lora: LoraId) -> LoraVersion | None:
        """See LoraRegistry.find."""
        found = await self._read(select(lora_versions).where(_versions.lora == lora))
        return found[0] if found else None

    async def versions(self, model: str | None = None) -> Sequence[LoraVersion]:
        """See LoraRegistry.versions."""
        newest = select(lora_versions).order_by(_versions.id.desc())
        return await self._read(newest if model is None else newest.where(_versions.model == model))

    async def served(self, model: str) -> Served:
        """See LoraRegistry.served."""
        states = [state.value for state in _SERVING]
        serving = select(lora_versions).where(_versions.model == model, _versions.state.in_(states))
        found = {version.state: version for version in await self._read(serving)}
        return Served(found.get(LoraState.ACTIVE), found.get(LoraState.CANARY))

    async def move(
        self,
        lora: LoraId,
        was: Collection[LoraState],
        to: LoraState,
        reason: str,
        share: float = 0.0,
        by: str = "system",
    ) -> bool:
        """See LoraRegistry.move."""
        return await self._writer.change(
            self._move_all, Move(lora, frozenset(was), to, reason, share, by)
        )

    def _move_all(self, transaction: Transaction, moves: Sequence[Move]) -> Sequence[bool]:
        return [self._move(transaction, move) for move in moves]

    def _move(self, transaction: Transaction, move: Move) -> bool:
        """Move on, after whoever moves a version of the same model at present."""
        model = select(_versions.model).where(_versions.lora == move.lora).scalar_subquery()
        of_model = select(lora_versions).where(_versions.model == model).order_by(_versions.id)
        rows = transaction.connection.execute(of_model.with_for_update()).mappings().all()
        versions = {row["lora"]: self._version(row) for row in rows}
        version, now = versions.get(move.lora), moment(transaction.now)
        if version is None or not move.may(version):
            return False
        # Those that make way first: two that are active would not be let in even for a moment.
        for each, after, entry in (
            *replaced(versions.values(), move, now),
            moved(version, move, now),
        ):
            changed = {
                "state": after.state.value,
                "changed_at": transaction.now,
                "reason": after.reason,
                "share": after.share,
            }
            statement = update(lora_versions).where(_versions.lora == each.id)
            transaction.connection.execute(statement.values(changed))
            transaction.entries.append(entry)
        return True

    async def _read(self, wanted: Select[tuple[object, ...]]) -> list[LoraVersion]:
        rows = await self._database.read(lambda c: c.execute(wanted).mappings().all())
        return [self._version(row) for row in rows]

    def _row(self, version: LoraVersion) -> dict[str, object]:
        return {
            "lora": version.id,
            "model": version.model,
            "base": version.base,
            "folder": version.folder,
            "sha256": version.sha256,
            "manifest": self._master.seal(_manifest(version.id), version.manifest),
            "metrics": json.dumps(dict(version.metrics)),
            "parent": version.parent,
            "made_at": microseconds(version.made_at),
            "state": version.state.value,
            "changed_at": microseconds(version.changed_at),
            "reason": version.reason,
            "share": version.share,
            "stale": False,
        }

    def _version(self, row: RowMapping) -> LoraVersion:
        lora = LoraId(row["lora"])
        return LoraVersion(
            id=lora,
            model=row["model"],
            base=row["base"],
            folder=row["folder"],
            sha256=row["sha256"],
            manifest=self._master.open(_manifest(lora), row["manifest"]),
            metrics=json.loads(row["metrics"]),
            parent=row["parent"],
            made_at=moment(row["made_at"]),
            state=LoraState(row["state"]),
            changed_at=moment(row["changed_at"]),
            reason=row["reason"],
            share=row["share"],
            stale=row["stale"],
        )


def _manifest(lora: LoraId) -> str:
    return f"manifest of {lora}"


def _locked(connection: Connection, users: Sequence[UserId]) -> Mapping[UserId, int]:
    """Return the rows of these people, as far as there are any; they stay until the commit."""
    found: dict[UserId, int] = {}
    for some in _chunks(users):
        rows = select(people.c.user_id, people.c.id).where(people.c.user_id.in_(some))
        held = rows.order_by(people.c.id).with_for_update(read=True, key_share=True)
        found |= {UserId(user): person for user, person in connection.execute(held)}
    return found


def _chunks(users: Sequence[UserId]) -> Iterator[Sequence[UserId]]:
    for start in range(0, len(users), _CHUNK):
        yield users[start : start + _CHUNK]


def _taken_back(version: int) -> ColumnElement[bool]:
    """Return whether something that the version learned from may not be learned from any more."""
    withdrawn = exists().where(
        lora_people.c.version_id == version, ~agreed(lora_people.c.person_id, Purpose.TRAINING)
    )
    lost = (
        select(lora_answers.c.answer)
        .outerjoin(generations, generations.c.event == lora_answers.c.answer)
        .where(lora_answers.c.version_id == version)
        .where(or_(generations.c.event.is_(None), without_text()))
        .exists()
    )
    return or_(withdrawn, lost)
