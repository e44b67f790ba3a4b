"""What an earlier version wrote still opens."""

import pytest

from chatune_core.messages import (
    ActionTaken,
    Attachment,
    CommandInvoked,
    EventKey,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessageKey,
    MessageReceived,
    ReactionChanged,
    Reply,
    StopRequested,
)
from chatune_storage.codec import event_from, reply_from
from fakes.events import ANN, AT, ROOM

KEY, MESSAGE = EventKey("test:1"), MessageKey("m1")
HEAD = '"test:1", "test:room", "test:ann", "2026-01-01T00:00:00+00:00"'
OLD_EVENTS: list[tuple[str, Inbound]] = [
    (f'["message", {HEAD}, "hi", []]', MessageReceived(KEY, ROOM, ANN, AT, "hi")),
    (
        f'["message", {HEAD}, "hi", [["a.txt", "text/plain", 3, "http://a"]]]',
        MessageReceived(
            KEY, ROOM, ANN, AT, "hi", (Attachment("a.txt", "text/plain", 3, "http://a"),)
        ),
    ),
    (
        f'["command", {HEAD}, "model", "small"]',
        CommandInvoked(KEY, ROOM, ANN, AT, "model", "small"),
    ),
    (
        f'["action", {HEAD}, "m1", "rate", "up"]',
        ActionTaken(KEY, ROOM, ANN, AT, MESSAGE, "rate", "up"),
    ),
    (
        f'["reaction", {HEAD}, "m1", "+1", true]',
        ReactionChanged(KEY, ROOM, ANN, AT, MESSAGE, "+1", added=True),
    ),
    (f'["edited", {HEAD}, "m1", "other"]', MessageEdited(KEY, ROOM, ANN, AT, MESSAGE, "other")),
    (f'["deleted", {HEAD}, "m1"]', MessageDeleted(KEY, ROOM, ANN, AT, MESSAGE)),
    (f'["stop", {HEAD}]', StopRequested(KEY, ROOM, ANN, AT)),
]


@pytest.mark.parametrize(("text", "event"), OLD_EVENTS)
def test_an_event_of_the_first_schema_opens(text: str, event: Inbound) -> None:
    assert event_from(text) == event


def test_a_reply_of_the_first_schema_opens() -> None:
    assert reply_from(KEY, ANN, '["test:room", "hi", true]') == Reply(
        KEY, ROOM, ANN, "hi", private=True
    )
