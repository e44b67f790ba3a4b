"""Effects that take rows away: of a conversation, of one message, of a workspace."""

from typing import assert_never

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    or_,
    select,
    text,
    union_all,
    update,
)

from chatune_core.messages import ConversationId, EventKey, UserId, WorkspaceId
from chatune_core.moderation.cases import removes
from chatune_core.outcomes import ConversationReset, MessageErased, WorkspaceErased
from chatune_storage.codec import measures_from
from chatune_storage.erasure import ended_event, erase_people
from chatune_storage.lora_rows import mark_stale, taught_with, without_text
from chatune_storage.memory_rows import MemorySql
from chatune_storage.personal import without_name
from chatune_storage.prefixes import begins_with
from chatune_storage.tables import (
    ENDED,
    choices,
    corrections,
    generations,
    inbox,
    key_values,
    memories,
    memory_notes,
    missed_answers,
    moderation_cases,
    outbox,
    people,
    preferred_answers,
    ratings,
    turns,
)
from chatune_storage.writer import Transaction

# Written out, or SQLite does not see that the index of unfinished rows will do.
_UNFINISHED = text(f"state < {ENDED}")


def sweep(
    transaction: Transaction, effect: ConversationReset | MessageErased | WorkspaceErased
) -> None:
    """Take away what the effect says, as it is now."""
    match effect:
        case ConversationReset(conversation=conversation):
            _reset(transaction.connection, conversation)
        case MessageErased(conversation=conversation, event=event):
            _erase_message(transaction, conversation, event)
        case WorkspaceErased(workspace=workspace):
            _erase_workspace(transaction, workspace)
        case _:
            assert_never(effect)


def _reset(connection: Connection, conversation: ConversationId) -> None:
    connection.execute(delete(turns).where(turns.c.conversation == conversation))
    earlier = update(generations).where(generations.c.conversation == conversation)
    connection.execute(earlier.values(since_reset=False))


def _erase_message(transaction: Transaction, conversation: ConversationId, event: EventKey) -> None:
    connection = transaction.connection
    _empty_cases(connection, event)
    MemorySql(connection.dialect.name).unlearn(connection, memories.c.source == event)
    connection.execute(delete(memory_notes).where(memory_notes.c.event == event))
    own = or_(generations.c.event == event, generations.c.question == event)
    times = union_all(
        select(turns.c.at).where(turns.c.event == event), select(generations.c.at).where(own)
    ).subquery()
    since = connection.execute(select(func.min(times.c.at))).scalar()
    if since is None:
        return
    answers = connection.execute(select(generations.c.event).where(own)).scalars().all()
    quoting = (
        generations.c.conversation == conversation,
        generations.c.at >= since,
        generations.c.prompt.is_not(None),
    )
    for statement in (
        delete(turns).where(turns.c.event.in_([event, *answers])),
        update(generations).where(own).values(prompt=None, completion=None),
        update(generations).where(*quoting).values(prompt=None),
        update(ratings).where(ratings.c.answers.in_(answers)).values(reason=None),
        delete(corrections).where(corrections.c.answers.in_(answers)),
    ):
        connection.execute(statement)
    lost = and_(or_(own, generations.c.conversation == conversation), without_text())
    transaction.entries += mark_stale(
        connection, taught_with(lost), "a message was deleted", transaction.now
    )


def _empty_cases(connection: Connection, message: EventKey) -> None:
    """Forget the text of `message`, unless the bot removed it: that may be undone."""
    cases = moderation_cases.c
    about = select(cases.id, cases.measures).where(cases.message == message)
    ids = [row[0] for row in connection.execute(about) if not removes(measures_from(row[1]))]
    if ids:
        connection.execute(update(moderation_cases).where(cases.id.in_(ids)).values(text=None))


def _erase_workspace(transaction: Transaction, workspace: WorkspaceId) -> None:
    """See WorkspaceErased. The queues first: who works on their rows now comes before or not at all.

    A `StopRequested` row names no conversation; it ends by itself in a moment.
    """
    connection, queues = transaction.connection, transaction.queues
    prefix = f"{workspace}:"
    events = begins_with(queues.dialect, inbox.c.line, prefix)
    replies = begins_with(queues.dialect, outbox.c.line, prefix)
    waiting = (
        select(inbox.c.line).where(events, _UNFINISHED),
        select(outbox.c.line).where(replies, _UNFINISHED),
    )
    lines = {line for query in waiting for line in connection.execute(query).scalars()}
    queues.lock_lines(connection, sorted(lines))
    connection.execute(
        update(inbox).where(events, _UNFINISHED).values(ended_event(transaction.now))
    )
    connection.execute(delete(outbox).where(replies))
    here = begins_with(queues.dialect, generations.c.conversation, prefix)
    transaction.entries += mark_stale(
        connection, taught_with(here), "a workspace was left", transaction.now
    )
    _erase_records(connection, queues.dialect, prefix)
    theirs = begins_with(queues.dialect, people.c.user_id, prefix)
    users = connection.execute(select(people.c.user_id).where(theirs)).scalars()
    transaction.keyring.forget(UserId(user) for user in users)

    def named(name: str) -> bool:
        return name.startswith(prefix)

    erased = erase_people(connection, queues, transaction.chain, theirs, named, transaction.now)
    transaction.entries += erased.entries
    # What was noted before, in this very transaction, is not written yet.
    transaction.entries = [without_name(entry, named) for entry in transaction.entries]
    transaction.inbox_lines |= lines
    transaction.outbox_lines |= lines


def _erase_records(connection: Connection, dialect: str, prefix: str) -> None:
    learned = begins_with(dialect, memories.c.place, prefix)
    MemorySql(dialect).unlearn(connection, learned)
    here: ColumnElement[bool] = begins_with(dialect, generations.c.conversation, prefix)
    answers = select(generations.c.event).where(here)
    for statement in (
        delete(ratings).where(ratings.c.answers.in_(answers)),
        delete(corrections).where(corrections.c.answers.in_(answers)),
        delete(preferred_answers).where(
            or_(preferred_answers.c.chosen.in_(answers), preferred_answers.c.rejected.in_(answers))
        ),
        delete(generations).where(here),
        delete(missed_answers).where(begins_with(dialect, missed_answers.c.conversation, prefix)),
        delete(turns).where(begins_with(dialect, turns.c.conversation, prefix)),
        delete(choices).where(begins_with(dialect, choices.c.conversation, prefix)),
        delete(moderation_cases).where(
            begins_with(dialect, moderation_cases.c.conversation, prefix)
        ),
        delete(memory_notes).where(begins_with(dialect, memory_notes.c.place, prefix)),
        delete(key_values).where(begins_with(dialect, key_values.c.name, prefix)),
    ):
        connection.execute(statement)
