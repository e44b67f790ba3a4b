"""What people post among themselves, as `MessagePosted`. Pure; what is no post is None.

A message, an edit by a person and a late link preview are posts. A mention is told twice, as a
mention and as a message, under one key; an edit and a preview have keys of their own.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chatune_adapters.slack.ids import Place, at, event_key, message_key, user_id
from chatune_adapters.slack.inbound import SAID, attachment, installed
from chatune_adapters.slack.mrkdwn import to_plain
from chatune_core.messages import ConversationId, MessagePosted

Json = Mapping[str, Any]
SLACKBOT = "USLACKBOT"
PREVIEWS = 10
PREVIEW = 1_000  # characters


def posted(payload: Json, watches: Callable[[ConversationId], bool]) -> MessagePosted | None:
    """Return what was posted where `watches` says yes; its name and roles are not known yet.

    A message in a channel belongs to the channel, a reply to its thread. Direct messages are
    nobody's but the person's and the bot's, so they are never posts.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not what Slack would send.
    """
    event = payload["event"]
    if event["type"] not in ("message", "app_mention"):
        return None
    changed = event.get("subtype") == "message_changed"
    message = event["message"] if changed else event
    if not changed and event.get("hidden"):
        return None
    team, bot = installed(payload)
    place = _place(event["channel"], message, team)
    if not _by_a_person(message, bot) or place.direct or not watches(place.conversation):
        return None
    if changed and not _says_more(message, event.get("previous_message") or {}):
        return None
    stamp = str(event.get("ts") or event["event_ts"]) if changed else ""
    return MessagePosted(
        event_key(team, "posted", place.channel, message["ts"], *filter(None, (stamp,))),
        place.conversation,
        user_id(team, message["user"]),
        at(stamp or message["ts"]),
        message_key(team, place.channel, message["ts"]),
        to_plain(str(message.get("text") or ""), {}, bot),
        attachments=tuple(filter(None, map(attachment, message.get("files") or ()))),
        previews=_previews(message),
    )


def _place(channel: str, message: Json, team: str) -> Place:
    thread = str(message.get("thread_ts") or "")
    return Place(team, channel, thread if thread != message["ts"] else "")


def _by_a_person(message: Json, bot: str) -> bool:
    user = message.get("user")
    if not user or user in (bot, SLACKBOT) or message.get("bot_id"):
        return False
    return message.get("subtype") in SAID


def _says_more(message: Json, before: Json) -> bool:
    """Return whether people can read something that they could not read before."""
    if message.get("text") != before.get("text"):
        return True
    return not set(_previews(message)) <= set(_previews(before))


def _previews(message: Json) -> tuple[str, ...]:
    found = [_preview(one) for one in (message.get("attachments") or ())[:PREVIEWS]]
    return tuple(filter(None, found))


def _preview(shown: Json) -> str:
    title = str(shown.get("title") or "")
    text = str(shown.get("text") or "") or ("" if title else str(shown.get("fallback") or ""))
    return to_plain("\n".join(filter(None, (title, text))), {}, "")[:PREVIEW]
