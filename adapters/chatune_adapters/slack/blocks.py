"""Replies as Slack's messages: text in mrkdwn, blocks where there are buttons. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chatune_adapters.slack.mrkdwn import escaped, harmless, has_table, to_mrkdwn
from chatune_adapters.splitting import split
from chatune_core.fitting import STOP
from chatune_core.messages import Button

Json = dict[str, Any]
TEXT = 3_000  # a section takes 3,000 characters, chat.update 4,000, chat.postMessage 40,000
MARKDOWN = 11_000  # a markdown block takes 12,000
_ROW = 25  # elements of an actions block


@dataclass(frozen=True, slots=True)
class Body:
    """What one message says. `blocks` is empty where the text is all there is."""

    text: str
    blocks: tuple[Json, ...] = ()


def bodies(text: str, buttons: Sequence[Button]) -> list[Body]:
    """Return the messages that show a reply, the buttons under the last; none for nothing."""
    if not text.strip():
        return [Body("\u2026", _actions(buttons))] if buttons else []
    if has_table(text):  # mrkdwn has no tables
        parts = split(text, MARKDOWN)
        last = len(parts) - 1
        return [_with_table(one, buttons if at == last else ()) for at, one in enumerate(parts)]
    parts = [to_mrkdwn(one) for one in split(text, TEXT, _size)]
    last = len(parts) - 1
    return [_plain(one, buttons if at == last else ()) for at, one in enumerate(parts)]


def preview(text: str) -> Body:
    """Return an unfinished answer, with a button that stops it."""
    first, *more = split(text, TEXT - 2, _size) or ["\u2026"]
    shown = to_mrkdwn(first)
    return _plain(f"{shown} \u2026" if more else shown, (STOP,))


def button_rows(buttons: Sequence[Button]) -> tuple[Json, ...]:
    """Return the blocks that go under a text which is shown otherwise."""
    return _actions(buttons)


def _plain(shown: str, buttons: Sequence[Button]) -> Body:
    if not buttons:
        return Body(shown)
    section = {"type": "section", "expand": True, "text": {"type": "mrkdwn", "text": shown}}
    return Body(shown, (section, *_actions(buttons)))


def _size(text: str) -> int:
    """Return how long mrkdwn can get: only the escapes make it longer than the markdown."""
    return len(escaped(text))


def _with_table(text: str, buttons: Sequence[Button]) -> Body:
    block = {"type": "markdown", "text": harmless(text)}
    return Body(escaped(text)[:TEXT], (block, *_actions(buttons)))


def _actions(buttons: Sequence[Button]) -> tuple[Json, ...]:
    elements: list[Json] = []
    used: set[str] = set()
    for number, button in enumerate(buttons):
        name = button.action if button.action not in used else f"{button.action}#{number}"
        used.add(name)
        element: Json = {
            "type": "button",
            "action_id": name,
            "text": {"type": "plain_text", "text": button.label, "emoji": True},
        }
        elements.append(element | ({"value": button.value} if button.value else {}))
    rows = [elements[start : start + _ROW] for start in range(0, len(elements), _ROW)]
    return tuple({"type": "actions", "elements": row} for row in rows)
