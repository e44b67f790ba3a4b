"""Which messages of an answer are there already: asked when this process cannot know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chatune_adapters.slack.ids import Place
from chatune_adapters.slack.web import Web

REPLY = "chatune_reply"
_PAGE = 200
_PAGES = 10


@dataclass(slots=True)
class Found:
    """What is there: the ts of each part, names of files, and streams without an owner."""

    parts: dict[int, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    unfinished: list[str] = field(default_factory=list)


def metadata(answers: str, part: int) -> Mapping[str, Any]:
    """Return what marks a message as one part of the answer to an event."""
    return {"event_type": REPLY, "event_payload": {"answers": answers, "part": part}}


async def find(web: Web, place: Place, answers: str, since: str) -> Found:
    """Return what `place` shows of the answer to `answers`, which happened at `since`.

    A message carries the key in its metadata. A native stream gets it only when it ends: a
    message of the bot without metadata is a stream that runs, or whose process died.
    """
    bot = (await web.workspace(place.team)).bot_user
    found, cursor = Found(), None
    for _ in range(_PAGES):
        answer = await _page(web, place, since, cursor)
        for message in answer.get("messages") or ():
            if message.get("user") == bot and float(message["ts"]) > float(since):
                _note(found, message, answers, in_thread=bool(place.thread))
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            break
    return found


async def _page(web: Web, place: Place, since: str, cursor: str | None) -> Mapping[str, Any]:
    method = "conversations.replies" if place.thread else "conversations.history"
    return await web.call(
        place.team,
        method,
        channel=place.channel,
        ts=place.thread or None,
        oldest=since,
        limit=_PAGE,
        include_all_metadata=True,
        cursor=cursor,
    )


def _note(found: Found, message: Mapping[str, Any], answers: str, *, in_thread: bool) -> None:
    marked = message.get("metadata") or {}
    payload = marked.get("event_payload") or {}
    if marked.get("event_type") == REPLY:
        if payload.get("answers") == answers:
            found.parts.setdefault(int(payload.get("part", 0)), message["ts"])
    elif message.get("files"):
        found.files |= {str(file.get("title") or "") for file in message["files"]}
    elif in_thread and not marked and not message.get("subtype"):
        found.unfinished.append(message["ts"])
