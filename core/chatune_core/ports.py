"""What the core needs from the outside, as Protocols. Implementations never subclass these.

Ports raise `RetryLater` when the outside fails in passing (a locked database, a full disk, a
platform that is down); whatever was asked has then not happened.
"""

import enum
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chatune_core.commands import CommandTable
from chatune_core.forms import Form
from chatune_core.generation.requests import ChatMessage, GenerationEvent, GenerationRequest
from chatune_core.messages import (
    Attachment,
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    Reply,
    StopRequested,
    Turn,
    UserId,
    WorkspaceId,
)
from chatune_core.moderation.cases import Case, CaseId, CaseState, Measure
from chatune_core.moderation.verdicts import Role, Verdict
from chatune_core.outcomes import AuditEntry, Outcome
from chatune_core.privacy import ErasureReceipt, PersonalRecord, Purpose


@dataclass(frozen=True, slots=True)
class EventLease:
    """A claim on an inbox event; `attempt` counts claims from 1 and fences a stale holder."""

    event: Inbound
    attempt: int


@dataclass(frozen=True, slots=True)
class ReplyLease:
    """A claim on an outbox reply; `attempt` counts claims from 1 and fences a stale holder."""

    reply: Reply
    attempt: int


class Standing(enum.Enum):
    """How a held lease stands when it is renewed."""

    HELD = "held"
    LOST = "lost"
    """It ran out and was claimed again, or its event has ended: abandon the work."""
    STOPPED = "stopped"
    """Still held, and someone asked for the turn to stop."""


class Inbox(Protocol):
    """Durable queue of platform events, ordered within a conversation."""

    async def put(self, event: Inbound) -> bool:
        """Store `event`; return False if its key was already stored. Durable on return."""
        ...

    async def lease(self, limit: int) -> Sequence[EventLease]:
        """Claim up to `limit` events, oldest first, for the lease time.

        Only events of the platforms that the store was opened for are claimed. An event may be claimed when it is unfinished, not claimed (or its lease ran out), not
        held back by `release`, every earlier event of its conversation has ended, and the reply
        to each was delivered or parked: so nothing of a later answer is seen before an earlier one.
        `StopRequested` alone is claimable at once whatever its conversation does, and never
        blocks the conversation.
        """
        ...

    async def renew(self, leases: Sequence[EventLease]) -> Mapping[EventKey, Standing]:
        """Extend the leases that still stand; return how each stands, by event key."""
        ...

    async def release(self, lease: EventLease, after: timedelta) -> None:
        """Give the claim back; the event is not claimable before `after` has passed.

        Order is kept: later events of the conversation wait too. A lost lease changes nothing.
        """
        ...

    async def request_stop(self, stop: StopRequested) -> EventKey | None:
        """Mark the turn that `stop` means as stopping; return its event key if there is one.

        That is the claimed event of the conversation that was stored before `stop`; what was
        said after it is not meant.
        """
        ...


class Ledger(Protocol):
    """Atomic outcomes."""

    async def commit(self, lease: EventLease, outcome: Outcome) -> bool:
        """End the event, record every effect and put the reply in the outbox: one transaction.

        Return False, with nothing recorded, if the lease was lost. Repeating it changes nothing.
        """
        ...


class Outbox(Protocol):
    """Durable queue of replies that the platform has not confirmed, ordered per conversation."""

    async def lease(self, limit: int) -> Sequence[ReplyLease]:
        """Claim up to `limit` replies, oldest first; one per conversation, earlier ones first.

        Only replies of the platforms that the store was opened for are claimed.
        """
        ...

    async def delivered(self, lease: ReplyLease, messages: Sequence[MessageKey]) -> None:
        """Record that the platform shows the reply as `messages`, more than one if it was long."""
        ...

    async def release(self, lease: ReplyLease, after: timedelta) -> None:
        """Give the claim back; the reply is not claimable before `after` has passed."""
        ...

    async def park(self, lease: ReplyLease, reason: str) -> None:
        """Set the reply aside for a person; it no longer blocks its conversation."""
        ...


class History(Protocol):
    """What was said, and which answer a person means."""

    async def recent(self, conversation: ConversationId, limit: int) -> Sequence[Turn]:
        """Return the last `limit` turns, oldest first."""
        ...

    async def last_answer(self, conversation: ConversationId) -> EventKey | None:
        """Return the event that the newest generated answer of the conversation belongs to."""
        ...

    async def answer_shown_as(self, message: MessageKey) -> EventKey | None:
        """Return the event whose generated answer the platform shows as `message`."""
        ...

    async def question_of(self, answer: EventKey) -> EventKey | None:
        """Return the event whose message the generated answer to `answer` answers.

        That is `answer` itself, but for an answer that was asked for again.
        """
        ...

    async def answers_beside(self, answer: EventKey) -> Sequence[EventKey]:
        """Return every generated answer to the question of `answer`, itself included, oldest first."""
        ...

    async def answer_text(self, answer: EventKey) -> str | None:
        """Return what the model said in the generated answer; None if it is forgotten."""
        ...

    async def vote_of(self, user: UserId, answer: EventKey) -> int | None:
        """Return the score that `user` gives the answer: +1, -1, or None without a vote."""
        ...

    async def chosen_model(self, conversation: ConversationId) -> str | None:
        """Return the model last chosen for the conversation, or None for the default."""
        ...


class Moderation(Protocol):
    """Judges texts."""

    async def check(
        self, text: str, role: Role, conversation: ConversationId, user: UserId
    ) -> Verdict:
        """Return the verdict on `text`, said as `role` in `conversation` by `user`."""
        ...


class Generator(Protocol):
    """A language model behind a queue."""

    @property
    def model(self) -> str:
        """What answers: a name for people and for provenance."""
        ...

    @property
    def context_tokens(self) -> int:
        """Prompt and completion together may not exceed this."""
        ...

    def count_tokens(self, message: ChatMessage) -> int:
        """Return how many prompt tokens `message` takes, its template overhead included.

        Never less than the true number; a server whose tokenizer is unknown is estimated.
        """
        ...

    def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Yield `Queued` while waiting, then `Delta`s, then one `Finished`.

        Closing the generator cancels the request and frees its place at once.

        Raises:
            QueueFull: before anything is yielded.
            RetryLater: the engine or server failed in passing.
            GenerationFailed: the request can never succeed (unknown LoRA, prompt too long).
        """
        ...


class Intake(Protocol):
    """Where adapters hand in what happened, and what they may offer to people."""

    @property
    def commands(self) -> CommandTable:
        """The commands, to register with a platform and to complete."""
        ...

    @property
    def forms(self) -> Mapping[str, Form]:
        """The forms by name; a button whose action is such a name opens it at once."""
        ...

    async def opened(self, form: Form, message: MessageKey) -> Form:
        """Return `form` as it opens under `message`, filled in as far as that is known at once."""
        ...

    def watches(self, conversation: ConversationId) -> bool:
        """Return whether what people post there is wanted as `MessagePosted`."""
        ...

    async def receive(self, event: Inbound) -> bool:
        """Store `event`; return False if it was stored before. Durable on return.

        Raises:
            RetryLater: it could not be stored; tell the platform to deliver it again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can show; `chatune_core.fitting` puts into words what it cannot."""

    buttons: bool
    files: bool


class Sender(Protocol):
    """One platform's way out."""

    @property
    def capabilities(self) -> Capabilities:
        """What replies to `deliver` may hold."""
        ...

    def preview(self, event: Inbound, text: str) -> None:
        """Show the unfinished answer to `event` (the whole of it so far).

        Lossy, never blocks, never raises.
        """
        ...

    def waiting(self, event: Inbound, position: int) -> None:
        """Show that the answer to `event` waits, `position` in line; 0 means: it is being made.

        Lossy, never blocks, never raises.
        """
        ...

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """Post the final text, or turn the preview of `reply.answers` into it.

        Safe to repeat for the same `reply.answers` as far as the platform allows. Returns the
        messages that show it, in order.

        Raises:
            RetryLater: an outage or a limit; nobody else waits for this one.
            DeliveryRefused: the platform will never accept it.
        """
        ...


class Files(Protocol):
    """One platform's store of what people attach."""

    async def read(self, attachment: Attachment, limit_bytes: int) -> bytes:
        """Return the whole file.

        Raises:
            InvalidInput: it is larger than the limit, or it is gone.
            RetryLater: an outage or a limit.
        """
        ...


class Enforcer(Protocol):
    """What one platform lets the bot do about messages and people. All of it may be repeated.

    Each method raises `RetryLater` for an outage or a limit, and `MeasureRefused` where the
    platform does not let the bot do it, with a reason for a moderator to read.
    """

    @property
    def measures(self) -> frozenset[Measure]:
        """What can be done here at all, given the rights."""
        ...

    async def remove(self, conversation: ConversationId, message: MessageKey) -> None:
        """Delete `message`; nothing happens if it is gone."""
        ...

    async def flag(self, conversation: ConversationId, message: MessageKey, *, on: bool) -> None:
        """Mark `message` for all to see, or take the mark away."""
        ...

    async def time_out(
        self, conversation: ConversationId, user: UserId, until: datetime | None
    ) -> None:
        """Keep `user` from writing in the workspace until then; None lets them write again."""
        ...

    async def slow_down(
        self, conversation: ConversationId, pause: timedelta, until: datetime | None = None
    ) -> None:
        """Let a person write there only once in `pause`, until then; zero lifts it at once.

        It ends by itself, though the process starts again in between. Of several ends the last
        counts; None is no end.
        """
        ...

    def aside(self, conversation: ConversationId, user: UserId) -> ConversationId:
        """Return where a private `Reply` reaches `user` about what happened in `conversation`."""
        ...


class Cases(Protocol):
    """Moderation cases; the ledger writes them."""

    async def find(self, case: CaseId) -> Case | None:
        """Return the case."""
        ...

    async def of_person(self, user: UserId, workspace: WorkspaceId, limit: int) -> Sequence[Case]:
        """Return the newest cases about `user` in `workspace`, newest first."""
        ...

    async def recent(self, limit: int, state: CaseState | None = None) -> Sequence[Case]:
        """Return the newest cases, newest first; those in `state` alone if it is given."""
        ...


class KeyValues(Protocol):
    """Small values by name, encrypted at rest: bookmarks of adapters, installations."""

    async def get(self, name: str) -> str | None:
        """Return the value called `name`."""
        ...

    async def put(self, name: str, value: str) -> None:
        """Store `value` under `name`, over an earlier one."""
        ...

    async def delete(self, name: str) -> None:
        """Remove the value; nothing happens if there is none."""
        ...

    async def names(self, prefix: str) -> Sequence[str]:
        """Return the names that begin with `prefix`, sorted."""
        ...


class Consents(Protocol):
    """What each person has agreed to; nothing is agreed until they say so."""

    async def allows(self, user: UserId, purpose: Purpose) -> bool:
        """Return whether `user` agrees to `purpose` at present."""
        ...

    async def record(self, user: UserId, purpose: Purpose, granted: bool, source: str) -> None:
        """Record a decision of `user`, given through `source` (an event key, a command line)."""
        ...


class Damage(enum.Enum):
    """What was done to the audit log behind the store's back."""

    CHANGED = "changed"
    """The entry does not say what was written."""
    MISSING = "missing"
    """The entry that stood here was taken away; later ones are there."""
    INSERTED = "inserted"
    """The entry was not written by the log, or stands in it twice."""
    REORDERED = "reordered"
    """The entry was written elsewhere in the log."""
    TRUNCATED = "truncated"
    """The entry that stood here and everything after it was taken away."""
    UNSEALED = "unsealed"
    """The entries fit, but the record of where the log ends is gone, changed or out of date."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Where an audit log is damaged first; `number` counts the entries from 1, oldest first."""

    number: int
    damage: Damage


class AuditLog(Protocol):
    """Append-only record of what operators and the system did, each entry tied to the one before.

    An erasure takes a name out of an entry without breaking the chain.
    """

    async def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, str | int | float | bool]
    ) -> None:
        """Add one entry, stamped with the present time."""
        ...

    async def entries(self, limit: int) -> Sequence[AuditEntry]:
        """Return the newest `limit` entries, newest first."""
        ...

    async def verify(self) -> Broken | None:
        """Return where the log was first changed by other hands, or None if it is whole."""
        ...


class PersonalData(Protocol):
    """Everything stored about one person, over all stores."""

    async def export(self, user: UserId) -> Sequence[PersonalRecord]:
        """Return every record that is about `user`, readable, grouped by store."""
        ...

    async def erase(self, user: UserId) -> ErasureReceipt:
        """Destroy the person's key and every record about them; return what went, per store."""
        ...


class Retention(Protocol):
    """Forgetting by age."""

    async def purge(self, older_than: timedelta) -> Mapping[str, int]:
        """Erase the raw text of ended work older than `older_than`; return rows per store."""
        ...
