"""Training runs in a database."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from chatune_core.generation.requests import LoraId
from chatune_core.learning.runs import RunId, RunState, Stage, TrainingRun, entry_of
from chatune_core.leases import Fence
from chatune_storage.audit_chain import AuditChain
from chatune_storage.audit_rows import append
from chatune_storage.database import Database
from chatune_storage.leases import within
from chatune_storage.tables import microseconds, moment, training_runs

_COLUMNS = training_runs.c


class SqlTrainingRuns:
    """See TrainingRuns."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database, self._chain = database, chain

    async def begin(self, run: TrainingRun, fence: Fence) -> TrainingRun | None:
        """See TrainingRuns.begin."""

        def begin(connection: Connection) -> TrainingRun | None:
            if not within(connection, fence):
                return None
            same = (_COLUMNS.model == run.model, _COLUMNS.due == run.due)
            stored = connection.execute(select(training_runs).where(*same)).mappings().first()
            if stored is None:
                connection.execute(insert(training_runs).values(_row(run)))
                append(connection, self._chain, [entry_of(run)])
                return run
            if stored["state"] != RunState.UNDER_WAY.value:
                return _run_from(stored)
            taken_up = replace(_run_from(stored), term=run.term, changed_at=run.changed_at)
            taken_up = replace(taken_up, attempt=taken_up.attempt + 1)
            connection.execute(update(training_runs).where(*same).values(_row(taken_up)))
            append(connection, self._chain, [entry_of(taken_up, again=True)])
            return taken_up

        return await self._database.write(begin)

    async def record(self, run: TrainingRun, fence: Fence) -> bool:
        """See TrainingRuns.record."""
        this = update(training_runs).where(
            _COLUMNS.run == run.id, _COLUMNS.state == RunState.UNDER_WAY.value
        )

        def record(connection: Connection) -> bool:
            if not within(connection, fence):
                return False
            if connection.execute(this.values(_row(run))).rowcount == 0:
                return False
            if run.state is not RunState.UNDER_WAY:
                append(connection, self._chain, [entry_of(run)])
            return True

        return await self._database.write(record)

    async def unfinished(self) -> Sequence[TrainingRun]:
        """See TrainingRuns.unfinished."""
        under_way = _COLUMNS.state == RunState.UNDER_WAY.value
        query = select(training_runs).where(under_way).order_by(_COLUMNS.id)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [_run_from(row) for row in rows]

    async def recent(self, limit: int, model: str | None = None) -> Sequence[TrainingRun]:
        """See TrainingRuns.recent."""
        query = select(training_runs).order_by(_COLUMNS.id.desc()).limit(max(0, limit))
        if model is not None:
            query = query.where(_COLUMNS.model == model)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [_run_from(row) for row in rows]


def _row(run: TrainingRun) -> dict[str, Any]:
    return {
        "run": run.id,
        "model": run.model,
        "due": run.due,
        "why": run.why,
        "begun_at": microseconds(run.begun_at),
        "changed_at": microseconds(run.changed_at),
        "term": run.term,
        "state": run.state.value,
        "stage": run.stage.value,
        "attempt": run.attempt,
        "rated": run.rated,
        "dataset": run.dataset,
        "lora": run.lora,
        "reason": run.reason,
    }


def _run_from(row: RowMapping) -> TrainingRun:
    return TrainingRun(
        id=RunId(row["run"]),
        model=row["model"],
        due=row["due"],
        why=row["why"],
        begun_at=moment(row["begun_at"]),
        changed_at=moment(row["changed_at"]),
        term=row["term"],
        state=RunState(row["state"]),
        stage=Stage(row["stage"]),
        attempt=row["attempt"],
        rated=row["rated"],
        dataset=row["dataset"],
        lora=None if row["lora"] is None else LoraId(row["lora"]),
        reason=row["reason"],
    )
