"""Answers that one person alone sees: ephemeral messages, through the API or a response URL."""

import json
from datetime import timedelta

import aiohttp

from chatune_adapters.slack import blocks
from chatune_adapters.slack.blocks import Body
from chatune_adapters.slack.errors import ApiRefused, Limited, Unclear, unreachable
from chatune_adapters.slack.ids import Place, slack_user
from chatune_adapters.slack.via import Via, read_via
from chatune_adapters.slack.web import Web
from chatune_core.messages import Reply

AWAY = frozenset(("not_in_channel", "channel_not_found", "user_not_in_channel", "is_archived"))
"""The bot, or the person, is not where the answer should go."""
_SOON = timedelta(seconds=2)


async def whisper(web: Web, reply: Reply, place: Place) -> list[tuple[Place, str]]:
    """Show a reply to its user alone; return the messages that Slack gave a ts.

    What a command was told goes through its response URL, which works in every conversation; a
    press is answered in the thread of its message. Each is the other's second way.
    """
    via = read_via(reply.via)
    shown = []
    for body in blocks.bodies(reply.text, reply.buttons):
        if via.command and await respond(web, via, body, private=True):
            continue
        try:
            shown.append((place, await _ephemeral(web, reply, place, body)))
        except ApiRefused as error:
            if error.code not in AWAY:
                raise
            if not await respond(web, via, body, private=True):
                shown.append(await _direct(web, reply, place, body))
    return shown


async def respond(web: Web, via: Via, body: Body, *, private: bool) -> bool:
    """Answer through a response URL; False if there is none or it is used up."""
    if not via.url:
        return False
    said = {
        "response_type": "ephemeral" if private else "in_channel",
        "replace_original": False,
        "text": body.text,
        "blocks": list(body.blocks) or None,
    }
    said = {name: value for name, value in said.items() if value is not None}
    headers = {"Content-Type": "application/json"}
    try:
        async with web.session.post(via.url, data=json.dumps(said), headers=headers) as answer:
            if answer.status == 429:
                raise Limited("a response URL is limited", _SOON)
            if answer.status >= 500:
                raise Unclear(f"a response URL answered {answer.status}", _SOON)
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unreachable("a response URL", error) from None


async def _ephemeral(web: Web, reply: Reply, place: Place, body: Body) -> str:
    answer = await web.call(
        place.team,
        "chat.postEphemeral",
        channel=place.channel,
        user=slack_user(reply.user),
        thread_ts=place.thread or None,
        text=body.text,
        blocks=list(body.blocks) or None,
    )
    return str(answer["message_ts"])


async def _direct(web: Web, reply: Reply, place: Place, body: Body) -> tuple[Place, str]:
    """Write to the person's direct messages, the last way that nobody else sees."""
    answer = await web.call(
        place.team,
        "chat.postMessage",
        reply.answers,
        channel=slack_user(reply.user),
        text=body.text,
        blocks=list(body.blocks) or None,
    )
    return Place(place.team, str(answer["channel"])), str(answer["ts"])
