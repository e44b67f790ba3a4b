"""All ports over one database."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from chatune_core.errors import RetryLater
from chatune_storage.audit import SqlAuditLog
from chatune_storage.audit_chain import AuditChain
from chatune_storage.cases import SqlCases
from chatune_storage.consents import SqlConsents
from chatune_storage.database import Database, cannot_open, open_database
from chatune_storage.evidence import SqlEvidence
from chatune_storage.history import SqlHistory
from chatune_storage.inbox import SqlInbox
from chatune_storage.jobs import SqlJobs
from chatune_storage.key_values import SqlKeyValues
from chatune_storage.keyring import Keyring
from chatune_storage.keys import MasterKey
from chatune_storage.leases import SqlLeases
from chatune_storage.ledger import SqlLedger
from chatune_storage.links import SqlLinks
from chatune_storage.live_answers import SqlLiveAnswers
from chatune_storage.loras import SqlLoraRegistry
from chatune_storage.memories import SqlMemories
from chatune_storage.migrate import migrate
from chatune_storage.notes import SqlNotes
from chatune_storage.outbox import SqlOutbox
from chatune_storage.personal_data import SqlPersonalData
from chatune_storage.queues import Queues, queues_of
from chatune_storage.reader import Reader
from chatune_storage.retention import SqlRetention
from chatune_storage.stores import Stores
from chatune_storage.training_runs import SqlTrainingRuns
from chatune_storage.vectors import SqlVectors
from chatune_storage.writer import Writer

_KEYS_REMEMBERED = 4096
_LOCK_WAIT = timedelta(seconds=5)


@asynccontextmanager
async def open_stores(
    url: str,
    master_key: bytes,
    now: Callable[[], datetime],
    lease_for: timedelta,
    lock_wait: timedelta = _LOCK_WAIT,
    platforms: Collection[str] | None = None,
    alone: bool = False,
) -> AsyncIterator[Stores]:
    """Open the stores in the database at `url`, its schema brought up to date.

    `now` gives aware times in UTC. A claim lasts `lease_for`. A statement waits `lock_wait` for
    another process that holds the database, then gives up with `RetryLater`. Only events and
    replies of `platforms` are claimed, so that several processes may share a database; None
    claims all. `alone` says that no other process works here: what a dead one had claimed may be
    claimed at once.

    Raises:
        ConfigurationError: the database cannot be used as it is: see `remedy`.
    """
    async with open_database(url, lock_wait) as database:
        master = MasterKey(master_key)
        keyring = Keyring(master, _KEYS_REMEMBERED)
        chain = AuditChain(master.audit_key)
        await _prepare(database, keyring, chain)
        queues = queues_of(database.dialect, platforms)
        if alone:
            await database.write(queues.inbox.abandon)
            await database.write(queues.outbox.abandon)
        yield _stores(database, queues, master, keyring, chain, now, lease_for)


async def _prepare(database: Database, keyring: Keyring, chain: AuditChain) -> None:
    def prepare(connection: Connection) -> None:
        migrate(connection, chain)
        keyring.check(connection)

    try:
        await database.write(prepare)
        await database.open_readers()
    except (RetryLater, DBAPIError) as error:
        raise cannot_open(database.name, _reason(error)) from error


def _reason(error: RetryLater | DBAPIError) -> str:
    return str(error if isinstance(error, RetryLater) else error.orig).splitlines()[0]


def _stores(
    database: Database,
    queues: Queues,
    master: MasterKey,
    keyring: Keyring,
    chain: AuditChain,
    now: Callable[[], datetime],
    lease_for: timedelta,
) -> Stores:
    writer, reader = Writer(database, queues, keyring, chain, now), Reader(database)
    return Stores(
        inbox=SqlInbox(writer, keyring, database.dialect, lease_for),
        ledger=SqlLedger(database, writer, keyring),
        outbox=SqlOutbox(writer, keyring, database.dialect, lease_for),
        history=SqlHistory(database, reader, keyring),
        consents=SqlConsents(database, writer, now),
        audit=SqlAuditLog(database, writer, chain, now),
        personal_data=SqlPersonalData(database, queues, keyring, chain, now),
        retention=SqlRetention(database, now),
        key_values=SqlKeyValues(database, writer, master),
        memories=SqlMemories(database, reader, keyring, chain, now),
        vectors=SqlVectors(database, keyring),
        notes=SqlNotes(database, writer, keyring),
        links=SqlLinks(database, writer, keyring, now),
        cases=SqlCases(database, keyring),
        evidence=SqlEvidence(database, keyring),
        leases=SqlLeases(database, now),
        jobs=SqlJobs(database),
        training_runs=SqlTrainingRuns(database, chain),
        live_answers=SqlLiveAnswers(database),
        loras=SqlLoraRegistry(database, writer, master),
    )
