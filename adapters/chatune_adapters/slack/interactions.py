"""Slash commands, shortcuts, presses and submissions to the core's events. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chatune_adapters.slack.ids import Place, at, event_key, message_key, user_id
from chatune_adapters.slack.mrkdwn import to_plain
from chatune_adapters.slack.via import Via
from chatune_core.forms import Form
from chatune_core.messages import (
    ACTION,
    ActionTaken,
    CommandInvoked,
    ConversationId,
    FormSubmitted,
    MessageKey,
)

Json = Mapping[str, Any]
HELP = "help"
_TYPED = 3_000  # characters of a plain_text_input


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press, and the trigger that may open a form within three seconds."""

    event: ActionTaken
    place: Place
    trigger: str


def slash_command(body: Json, now: datetime) -> CommandInvoked:
    """Return what was typed after the command: its first word is the name, none means help."""
    team, place = body["team_id"], Place(body["team_id"], body["channel_id"])
    name, _, arguments = to_plain(body.get("text") or "", {}, "").strip().partition(" ")
    return CommandInvoked(
        event_key(team, body["trigger_id"]),
        place.conversation,
        user_id(team, body["user_id"]),
        now,
        name.lower().removeprefix("/") or HELP,
        arguments.strip(),
        via=Via(now.timestamp(), str(body.get("response_url") or ""), command=True).text(),
    )


def message_shortcut(body: Json, now: datetime) -> CommandInvoked:
    """Return the command that was chosen from the menu of a message; its text is the argument."""
    team, channel, message = _team(body), body["channel"]["id"], body["message"]
    place = _place_of_message(team, channel, message)
    return CommandInvoked(
        event_key(team, body["trigger_id"]),
        place.conversation,
        user_id(team, body["user"]["id"]),
        now,
        str(body["callback_id"]),
        to_plain(str(message.get("text") or ""), {}, ""),
        message_key(team, channel, message["ts"]),
        Via(now.timestamp(), str(body.get("response_url") or ""), command=True).text(),
    )


def global_shortcut(body: Json, now: datetime) -> CommandInvoked:
    """Return the command of a global shortcut; it is answered in the direct messages."""
    team, user = _team(body), body["user"]["id"]
    return CommandInvoked(
        event_key(team, body["trigger_id"]),
        Place(team, user).conversation,
        user_id(team, user),
        now,
        str(body["callback_id"]),
        via=Via(now.timestamp()).text(),
    )


def press(body: Json, now: datetime) -> Pressed | None:
    """Return the press of a button under a message of the bot; None for all other elements."""
    container, action = body["container"], body["actions"][0]
    name = str(action["action_id"]).partition("#")[0]
    if container.get("type") != "message" or not ACTION.fullmatch(name):
        return None
    team, channel, ts = _team(body), container["channel_id"], container["message_ts"]
    place = _place_of_message(team, channel, {"ts": ts} | (body.get("message") or container))
    url = str(body.get("response_url") or "")
    taken = ActionTaken(
        event_key(team, body["trigger_id"]),
        place.conversation,
        user_id(team, body["user"]["id"]),
        at(action.get("action_ts") or ts),
        message_key(team, channel, ts),
        name,
        str(action.get("value") or ""),
        Via(now.timestamp(), url).text(),
    )
    return Pressed(taken, place, str(body["trigger_id"]))


def form_view(form: Form, taken: ActionTaken) -> Json:
    """Return the modal of a form; it remembers under which message it was opened."""
    remembered = [taken.conversation, taken.message, taken.value, taken.via]
    return {
        "type": "modal",
        "callback_id": form.name,
        "title": _plain(form.title),
        "submit": _plain("Send"),
        "close": _plain("Cancel"),
        "private_metadata": json.dumps(remembered, separators=(",", ":")),
        "blocks": [
            {
                "type": "input",
                "block_id": field.name,
                "optional": not field.required,
                "label": _plain(field.label),
                "element": {
                    "type": "plain_text_input",
                    "action_id": field.name,
                    "multiline": field.multiline,
                    **({"placeholder": _plain(field.placeholder)} if field.placeholder else {}),
                    **({"initial_value": field.value} if field.value else {}),
                },
            }
            for field in (each.within(_TYPED) for each in form.fields)
        ],
    }


def submission(body: Json, form: Form, now: datetime) -> FormSubmitted:
    """Return what was filled in, in the order of the form."""
    view, team = body["view"], _team(body)
    conversation, message, value, via = json.loads(view["private_metadata"])
    values = view["state"]["values"]
    fields = tuple(
        (field.name, str(values.get(field.name, {}).get(field.name, {}).get("value") or ""))
        for field in form.fields
    )
    return FormSubmitted(
        event_key(team, view["id"]),
        ConversationId(conversation),
        user_id(team, body["user"]["id"]),
        now,
        MessageKey(message),
        form.name,
        value,
        fields,
        via,
    )


def _team(body: Json) -> str:
    """Return the workspace; where a whole organisation has the app it may be the person's alone."""
    return str((body.get("team") or {}).get("id") or body["user"]["team_id"])


def _place_of_message(team: str, channel: str, message: Json) -> Place:
    thread = str(message.get("thread_ts") or "")
    return Place(team, channel, thread if thread != message.get("ts") else "")


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text[:150]}
