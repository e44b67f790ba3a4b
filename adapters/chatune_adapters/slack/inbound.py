"""Payloads of the Events API to the core's events. Pure; what is not for the core is None."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chatune_adapters.slack.ids import (
    NOBODY,
    Place,
    at,
    event_key,
    message_key,
    user_id,
    workspace_id,
)
from chatune_adapters.slack.mrkdwn import mentioned, to_plain
from chatune_core.messages import (
    Attachment,
    BotRemoved,
    ConversationId,
    EventKey,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
)

Json = Mapping[str, Any]
SAID = frozenset((None, "file_share", "thread_broadcast", "me_message"))
"""Subtypes of what a person said."""
_THUMBS = {"+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎"}


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, and what has to be known before it is handed on.

    `addressed` is False for what was said without naming the bot: then it counts only if the bot
    takes part in the thread of `place`. `mentions` are the other people who are named in it.
    """

    event: Inbound
    place: Place
    addressed: bool = True
    mentions: tuple[str, ...] = ()


def heard(payload: Json, names: Mapping[str, str]) -> Heard | None:
    """Return what an `event_callback` payload means to the core.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not what Slack would send.
    """
    event = payload["event"]
    team, bot = installed(payload)
    match event["type"]:
        case "app_mention":
            return _said(event, team, bot, names)
        case "message":
            return _message(payload, event, team, bot, names)
        case "reaction_added" | "reaction_removed":
            return _reaction(payload, event, team, bot)
        case "app_uninstalled" | "tokens_revoked":
            return _removed(payload, event, team)
    return None


def installed(payload: Json) -> tuple[str, str]:
    """Return the workspace that installed the app, and the user id of the bot there."""
    authorizations = payload.get("authorizations") or [{}]
    first = authorizations[0]
    bot = str(first.get("user_id") or "") if first.get("is_bot") else ""
    team = first.get("team_id") or payload.get("team_id") or payload["enterprise_id"]
    return str(team), bot


def organisation(body: Json) -> tuple[str, str] | None:
    """Return the workspace that a payload is from and the organisation that it has the app by."""
    first = (body.get("authorizations") or [body])[0]
    enterprise = (body.get("enterprise") or {}).get("id") or body.get("enterprise_id")
    if not enterprise or first.get("is_enterprise_install") not in (True, "true"):
        return None
    team = body.get("team_id") or (body.get("team") or {}).get("id")
    return (str(team), str(enterprise)) if team and team != enterprise else None


def _message(
    payload: Json, event: Json, team: str, bot: str, names: Mapping[str, str]
) -> Heard | None:
    subtype = event.get("subtype")
    if subtype in SAID:
        return _said(event, team, bot, names)
    if subtype == "message_changed":
        if event["message"].get("subtype") == "tombstone":
            return _deleted(payload, event, team, bot)
        return _edited(payload, event, team, bot, names)
    if subtype == "message_deleted":
        return _deleted(payload, event, team, bot)
    return None


def _said(event: Json, team: str, bot: str, names: Mapping[str, str]) -> Heard | None:
    user = event.get("user")
    if not user or user == bot or event.get("bot_id") or event.get("hidden"):
        return None
    place, text = _place(event, event, team), str(event.get("text") or "")
    people = mentioned(text)
    addressed = place.direct or event["type"] == "app_mention" or bot in people
    received = MessageReceived(
        EventKey(message_key(team, event["channel"], event["ts"])),
        place.conversation,
        user_id(team, user),
        at(event["ts"]),
        to_plain(text, names, bot),
        tuple(filter(None, map(attachment, event.get("files") or ()))),
    )
    return Heard(received, place, addressed, _others(people, bot))


def _edited(
    payload: Json, event: Json, team: str, bot: str, names: Mapping[str, str]
) -> Heard | None:
    message, before = event["message"], event.get("previous_message") or {}
    user = message.get("user")
    if not user or user == bot or message.get("bot_id"):
        return None
    text, was = str(message.get("text") or ""), before.get("text")
    if text == was:  # a link preview, a reply count: nobody changed what was said
        return None
    place, people = _place(event, message, team), mentioned(f"{text} {was or ''}")
    edited = MessageEdited(
        event_key(team, payload["event_id"]),
        place.conversation,
        user_id(team, user),
        at(event.get("ts") or message["ts"]),
        message_key(team, event["channel"], message["ts"]),
        to_plain(text, names, bot),
    )
    return Heard(edited, place, place.direct or bot in people, _others(people, bot))


def _deleted(payload: Json, event: Json, team: str, bot: str) -> Heard | None:
    before = event.get("previous_message") or {}
    user = before.get("user") or ""
    if before.get("bot_id") and user != bot:
        return None
    ts = event.get("deleted_ts") or before.get("ts") or event["message"]["ts"]
    place = _place(event, {"ts": ts} | dict(before), team)
    deleted = MessageDeleted(
        event_key(team, payload["event_id"]),
        place.conversation,
        NOBODY if user == bot else user_id(team, user),
        at(event.get("ts") or ts),
        message_key(team, event["channel"], ts),
    )
    named = bot in mentioned(str(before.get("text") or ""))
    return Heard(deleted, place, place.direct or named or user in ("", bot))


def _reaction(payload: Json, event: Json, team: str, bot: str) -> Heard | None:
    item = event["item"]
    if item.get("type") != "message" or event["user"] == bot:
        return None
    place = Place(team, item["channel"])
    changed = ReactionChanged(
        event_key(team, payload["event_id"]),
        place.conversation,
        user_id(team, event["user"]),
        at(event.get("event_ts") or item["ts"]),
        message_key(team, item["channel"], item["ts"]),
        emoji(event["reaction"]),
        event["type"] == "reaction_added",
    )
    return Heard(changed, place)


def _removed(payload: Json, event: Json, team: str) -> Heard | None:
    if event["type"] == "tokens_revoked" and not (event.get("tokens") or {}).get("bot"):
        return None
    removed = BotRemoved(
        event_key(team, payload["event_id"]),
        ConversationId(f"{workspace_id(team)}:removed"),
        NOBODY,
        datetime.fromtimestamp(float(payload.get("event_time") or 0), UTC),
        workspace_id(team),
    )
    return Heard(removed, Place(team, ""))


def emoji(name: str) -> str:
    """Return a reaction by its character where it is a vote, else by its name; no skin tones."""
    plain = name.partition("::")[0]
    return _THUMBS.get(plain) or f":{plain}:"


def _place(event: Json, message: Json, team: str) -> Place:
    """Return where a message belongs: a mention in a channel opens its own thread."""
    channel, ts = event["channel"], str(message["ts"])
    thread = str(message.get("thread_ts") or "")
    if Place(team, channel).direct:  # the root of a thread is not in it
        return Place(team, channel, thread if thread != ts else "")
    return Place(team, channel, thread or ts)


def _others(people: list[str], bot: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(user for user in people if user != bot))


def attachment(file: Json) -> Attachment | None:
    """Return a file that came with a message; None if it is gone."""
    url = file.get("url_private_download") or file.get("url_private")
    if not url or file.get("mode") in ("tombstone", "hidden_by_limit"):
        return None
    return Attachment(
        str(file.get("name") or file.get("id") or "file"),
        str(file.get("mimetype") or "application/octet-stream"),
        int(file.get("size") or 0),
        str(url),
    )
