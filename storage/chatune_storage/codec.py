"""Values as JSON lists, and back: short, quick, and safe for any text that Python can hold.

A field may be added at the end of a message if it has a default: old rows still open.
"""

import dataclasses
import json
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any

from chatune_core.generation.requests import ChatMessage, Sampling
from chatune_core.messages import (
    ActionTaken,
    Attachment,
    BotRemoved,
    Button,
    CommandInvoked,
    ConversationId,
    EventKey,
    File,
    FormSubmitted,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageReceived,
    ReactionChanged,
    Reply,
    StopRequested,
    UserId,
)
from chatune_core.moderation.cases import Measure, Taken
from chatune_core.moderation.verdicts import Category, Finding, Span

_KINDS: dict[str, type[Inbound]] = {
    "message": MessageReceived,
    "command": CommandInvoked,
    "action": ActionTaken,
    "form": FormSubmitted,
    "reaction": ReactionChanged,
    "edited": MessageEdited,
    "deleted": MessageDeleted,
    "posted": MessagePosted,
    "stop": StopRequested,
    "removed": BotRemoved,
}
_FIELDS = {
    kind: (name, tuple(field.name for field in dataclasses.fields(kind)))
    for name, kind in _KINDS.items()
}
_SAMPLING = tuple(field.name for field in dataclasses.fields(Sampling))


def event_text(event: Inbound) -> str:
    """Return the whole event as text."""
    name, fields = _FIELDS[type(event)]
    return _encoded([name, *[getattr(event, field) for field in fields]])


def _plain(value: Any) -> object:  # noqa: ANN401 - json hands over whatever it does not know
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Attachment):
        return [value.name, value.media_type, value.size_bytes, value.url]
    raise TypeError(f"no stored form for {value!r}")


_encoded = json.JSONEncoder(default=_plain).encode


def event_from(text: str) -> Inbound:
    """Return the event that `event_text` wrote."""
    name, key, conversation, user, at, *rest = json.loads(text)
    kind = _KINDS[name]
    if kind is MessageReceived:
        rest[1:2] = [tuple(Attachment(*part) for part in files) for files in rest[1:2]]
    elif kind is FormSubmitted:
        rest[3] = tuple((name, entered) for name, entered in rest[3])
    elif kind is MessagePosted:
        rest[3] = tuple(Attachment(*part) for part in rest[3])
        rest[4:6] = [tuple(texts) for texts in rest[4:6]]
    return kind(key, conversation, user, datetime.fromisoformat(at), *rest)


def reply_text(reply: Reply) -> str:
    """Return what a reply says and where, as text."""
    buttons = [[button.action, button.label, button.value] for button in reply.buttons]
    files = [[f.name, b64encode(f.content).decode(), f.media_type] for f in reply.files]
    shown = [reply.conversation, reply.text, reply.private, reply.via, buttons, files]
    return json.dumps([*shown, reply.rateable, reply.failed, reply.replaces])


def reply_from(answers: EventKey, user: UserId, text: str) -> Reply:
    """Return the reply that `reply_text` wrote."""
    conversation, said, private, *rest = json.loads(text)
    rest[1:2] = [tuple(Button(*button) for button in buttons) for buttons in rest[1:2]]
    rest[2:3] = [
        tuple(File(name, b64decode(content), kind) for name, content, kind in files)
        for files in rest[2:3]
    ]
    return Reply(answers, ConversationId(conversation), user, said, private, *rest)


def prompt_text(prompt: tuple[ChatMessage, ...]) -> str:
    """Return a prompt as text."""
    return json.dumps([[message.role, message.content] for message in prompt])


def prompt_from(text: str) -> tuple[ChatMessage, ...]:
    """Return the prompt that `prompt_text` wrote."""
    return tuple(ChatMessage(role, content) for role, content in json.loads(text))


def sampling_text(sampling: Sampling) -> str:
    """Return the sampling settings as text, by name."""
    return json.dumps({name: getattr(sampling, name) for name in _SAMPLING})


def sampling_from(text: str) -> Sampling:
    """Return the settings that `sampling_text` wrote."""
    fields = json.loads(text)
    return Sampling(**{**fields, "stop": tuple(fields["stop"])})


def findings_text(findings: tuple[Finding, ...]) -> str:
    """Return findings as text; they say where something was found, and never what."""
    return json.dumps([_finding(each) for each in findings])


def _finding(found: Finding) -> list[object]:
    spans = [[span.start, span.end, span.rule] for span in found.spans]
    said = [found.category.value, found.score, found.rule, spans]
    return [*said, found.by_model, found.where, found.digest]


def findings_from(text: str) -> tuple[Finding, ...]:
    """Return the findings that `findings_text` wrote."""
    return tuple(
        Finding(Category(category), score, rule, tuple(Span(*span) for span in spans), *rest)
        for category, score, rule, spans, *rest in json.loads(text)
    )


def measures_text(measures: tuple[Taken, ...]) -> str:
    """Return measures as text."""
    return json.dumps(
        [
            [
                each.measure.value,
                None if each.until is None else each.until.isoformat(),
                each.failed,
            ]
            for each in measures
        ]
    )


def measures_from(text: str) -> tuple[Taken, ...]:
    """Return the measures that `measures_text` wrote."""
    return tuple(
        Taken(Measure(measure), None if until is None else datetime.fromisoformat(until), failed)
        for measure, until, failed in json.loads(text)
    )
