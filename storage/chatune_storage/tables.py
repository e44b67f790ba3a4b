"""The tables. Times are microseconds since 1970 in UTC; `LargeBinary` columns are encrypted."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

WAITING, READY, CLAIMED, RESTING, ENDED = range(5)
"""`state` of a queue row: behind an earlier one of its line; free to claim; claimed; given back
for a while; over. A row without a `line` stands in nobody's way; `platform` is how its
conversation begins."""

metadata = MetaData()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Return an aware time as it is stored."""
    return (at - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    """Return a stored time as an aware one in UTC."""
    return _EPOCH + timedelta(microseconds=stored)


def _row_id(name: str) -> "Column[int]":
    # SQLite numbers rows only in a column of the type INTEGER.
    kind: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")
    return Column(name, kind, primary_key=True, autoincrement=True)


def _person(nullable: bool) -> "Column[int]":
    return Column("person_id", ForeignKey("people.id"), nullable=nullable)


settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# `sqlite_autoincrement`: no row number is used twice, or a process that still holds the key of
# an erased person might write under the number of somebody else.
people = Table(
    "people",
    metadata,
    _row_id("id"),
    Column("user_id", Text, nullable=False, unique=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)


def _queue_indexes(name: str) -> tuple[Index, ...]:
    """Only unfinished rows are in them, so they stay small whatever the table has seen."""
    unfinished, ready = text(f"state < {ENDED}"), text(f"state = {READY}")
    timed = text(f"state IN ({CLAIMED}, {RESTING})")
    return tuple(
        Index(f"{name}_{purpose}", *columns, sqlite_where=where, postgresql_where=where)
        for purpose, columns, where in (
            ("line", ("line", "seq"), unfinished),
            ("ready", ("seq",), ready),
            ("platform", ("platform", "seq"), ready),
            ("timed", ("free_at", "seq"), timed),
            ("person", ("person_id",), text("person_id IS NOT NULL")),
        )
    )


inbox = Table(
    "inbox",
    metadata,
    _row_id("seq"),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("line", Text),
    _person(nullable=True),
    Column("payload", LargeBinary),
    Column("state", SmallInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("free_at", BigInteger, nullable=False),
    Column("stopping", Boolean, nullable=False),
    Column("ended_at", BigInteger),
    Column("platform", Text),
    *_queue_indexes("inbox"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    _row_id("seq"),
    Column("answers", Text, nullable=False, unique=True),
    Column("line", Text),
    _person(nullable=False),
    Column("payload", LargeBinary),
    Column("state", SmallInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("free_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("parked_because", Text),
    Column("platform", Text),
    *_queue_indexes("outbox"),
    sqlite_autoincrement=True,
)

# The messages of a reply go with its row, whoever removes that.
shown = Table(
    "shown",
    metadata,
    Column("message", Text, primary_key=True),
    Column("answers", ForeignKey("outbox.answers", ondelete="CASCADE"), nullable=False),
    Index("shown_answers", "answers"),
)

turns = Table(
    "turns",
    metadata,
    _row_id("id"),
    Column("event", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    _person(nullable=False),
    Column("role", Text, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("turns_conversation", "conversation", "id"),
    Index("turns_event", "event"),
    Index("turns_person", "person_id"),
    sqlite_autoincrement=True,
)

generations = Table(
    "generations",
    metadata,
    _row_id("id"),
    Column("event", Text, nullable=False, unique=True),
    Column("conversation", Text, nullable=False),
    _person(nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("lora", Text),
    Column("sampling", Text, nullable=False),
    # Seeds fill 64 bits without a sign, which no integer column holds everywhere.
    Column("seed", Text, nullable=False),
    Column("prompt", LargeBinary),
    Column("completion", LargeBinary),
    Column("finish", Text, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("queued_s", Float, nullable=False),
    Column("first_token_s", Float, nullable=False),
    Column("total_s", Float, nullable=False),
    Column("since_reset", Boolean, nullable=False),
    # Only where it is not the event itself.
    Column("question", Text),
    # How many people were heard; null where it is not known.
    Column("heard", SmallInteger),
    Index("generations_conversation", "conversation", "id"),
    Index("generations_at", "at"),
    Index(
        "generations_question",
        "question",
        sqlite_where=text("question IS NOT NULL"),
        postgresql_where=text("question IS NOT NULL"),
    ),
    Index("generations_person", "person_id"),
    sqlite_autoincrement=True,
)

ratings = Table(
    "ratings",
    metadata,
    Column("answers", Text, primary_key=True),
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("score", SmallInteger, nullable=False),
    Column("reason", LargeBinary),
    Column("at", BigInteger, nullable=False),
    Index("ratings_person", "person_id"),
)

corrections = Table(
    "corrections",
    metadata,
    Column("answers", Text, primary_key=True),
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("text", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("corrections_person", "person_id"),
)

# One a person and question; both answers are to it.
preferred_answers = Table(
    "preferred_answers",
    metadata,
    Column("question", Text, primary_key=True),
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("chosen", Text, nullable=False),
    Column("rejected", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("preferred_answers_person", "person_id"),
    Index("preferred_answers_chosen", "chosen"),
    Index("preferred_answers_rejected", "rejected"),
)

choices = Table(
    "choices",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("model", Text, nullable=False),
)

key_values = Table(
    "key_values",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    _row_id("id"),
    _person(nullable=False),
    Column("purpose", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("consents_person", "person_id", "purpose", "id"),
    sqlite_autoincrement=True,
)

# Moderators are rows of `people` too, so that no name of theirs is left when they go.
moderation_cases = Table(
    "moderation_cases",
    metadata,
    _row_id("id"),
    Column("case_id", Text, nullable=False, unique=True),
    Column("event", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    _person(nullable=False),
    Column("message", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("text", LargeBinary),
    Column("level", Text, nullable=False),
    Column("findings", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("measures", Text, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("claimed_by", ForeignKey("people.id")),
    Column("decided_by", ForeignKey("people.id")),
    Column("decided_at", BigInteger),
    Column("first_decided_by", ForeignKey("people.id")),
    Column("appeal", LargeBinary),
    Index("moderation_cases_message", "message"),
    Index("moderation_cases_conversation", "conversation"),
    Index("moderation_cases_state", "state", "id"),
    Index("moderation_cases_person", "person_id", "id"),
    Index("moderation_cases_claimed", "claimed_by"),
    Index("moderation_cases_decided", "decided_by"),
    Index("moderation_cases_first_decided", "first_decided_by"),
    sqlite_autoincrement=True,
)

# Unencrypted are ids, times, flags and which model made `vector`; what a memory says is in `said`.
memories = Table(
    "memories",
    metadata,
    _row_id("id"),
    Column("memory", Text, nullable=False, unique=True),
    _person(nullable=False),
    Column("said", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("learned_at", BigInteger, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger),
    Column("superseded_by", Text),
    Column("private", Boolean, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("vector", LargeBinary),
    Column("vector_by", Text),
    Index("memories_person", "person_id", "id"),
    Index("memories_source", "source"),
    Index("memories_place", "place"),
    sqlite_autoincrement=True,
)

memory_notes = Table(
    "memory_notes",
    metadata,
    _row_id("id"),
    Column("event", Text, nullable=False, unique=True),
    _person(nullable=False),
    Column("place", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("said", LargeBinary, nullable=False),
    Index("memory_notes_person", "person_id"),
    Index("memory_notes_place", "place"),
    sqlite_autoincrement=True,
)

# Whose words, besides those of its own person, were in the prompt of an answer.
heard = Table(
    "heard",
    metadata,
    Column("event", ForeignKey("generations.event", ondelete="CASCADE"), primary_key=True),
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Index("heard_person", "person_id"),
)

# Which memories were in the prompt of an answer; they may have gone since.
memory_uses = Table(
    "memory_uses",
    metadata,
    Column("event", ForeignKey("generations.event", ondelete="CASCADE"), primary_key=True),
    Column("place", SmallInteger, primary_key=True),
    Column("memory", Text, nullable=False),
    Index("memory_uses_memory", "memory"),
)

# `revision` grows with every change of a person's memories.
memory_people = Table(
    "memory_people",
    metadata,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("everywhere", Boolean, nullable=False),
    Column("only_in", Text, nullable=False),
)

# Who has the same `circle` is the same person.
links = Table(
    "links",
    metadata,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("circle", Text, nullable=False),
    Index("links_circle", "circle"),
)

# Nothing in it is encrypted: the bytes are a hash.
link_codes = Table(
    "link_codes",
    metadata,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("until", BigInteger, nullable=False),
)


# An answer that nobody saw: what became of it, without a word of it.
missed_answers = Table(
    "missed_answers",
    metadata,
    _row_id("id"),
    Column("event", Text, nullable=False, unique=True),
    Column("conversation", Text, nullable=False),
    _person(nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("lora", Text),
    Column("why", Text, nullable=False),
    Index("missed_answers_at", "at"),
    Index("missed_answers_conversation", "conversation"),
    Index("missed_answers_person", "person_id"),
    sqlite_autoincrement=True,
)


def _at_most_one(state: str) -> Index:
    standing = text(f"state = '{state}'")
    return Index(
        f"lora_versions_{state}",
        "model",
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )


lora_versions = Table(
    "lora_versions",
    metadata,
    _row_id("id"),
    Column("lora", Text, nullable=False, unique=True),
    Column("model", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    # Hashes of what people said are in it.
    Column("manifest", LargeBinary, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("parent", Text),
    Column("made_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("share", Float, nullable=False),
    Column("stale", Boolean, nullable=False),
    Index("lora_versions_model", "model", "id"),
    _at_most_one("active"),
    _at_most_one("canary"),
    sqlite_autoincrement=True,
)

# Of versions that are not stale: with the first of these that is taken back, all of them go.
lora_people = Table(
    "lora_people",
    metadata,
    Column("version_id", ForeignKey("lora_versions.id"), primary_key=True),
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("rows", Integer, nullable=False),
    Index("lora_people_person", "person_id"),
)

lora_answers = Table(
    "lora_answers",
    metadata,
    Column("version_id", ForeignKey("lora_versions.id"), primary_key=True),
    Column("answer", Text, primary_key=True),
    Index("lora_answers_answer", "answer"),
)

# Numbered by `audit_chain`, from 1 and without a gap. Nothing in it is encrypted: the bytes are salts and hashes.
audit = Table(
    "audit",
    metadata,
    _row_id("id"),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("salt", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("seal", LargeBinary),
    sqlite_autoincrement=True,
)

# `term` grows whenever the lease changes hands; nobody holds it when `holder` is "".
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("term", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)

scheduled_jobs = Table(
    "scheduled_jobs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("trigger", Text, nullable=False),
    Column("next_due", BigInteger),
    Column("last_due", BigInteger),
    Column("paused", Boolean, nullable=False),
    Column("asked_at", BigInteger),
)

training_runs = Table(
    "training_runs",
    metadata,
    _row_id("id"),
    Column("run", Text, nullable=False, unique=True),
    Column("model", Text, nullable=False),
    Column("due", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("term", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("rated", BigInteger, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("lora", Text),
    Column("reason", Text, nullable=False),
    Index("training_runs_due", "model", "due", unique=True),
    Index("training_runs_state", "state"),
    sqlite_autoincrement=True,
)
