"""Methods of reactions."""

import re

from chatune_adapters.testing.slack.calls import ApiError, Call, Method, Methods
from chatune_adapters.testing.slack.world import Json

_NAME = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")


async def _add(call: Call) -> Json:
    _react(call, add=True)
    return {}


async def _remove(call: Call) -> Json:
    _react(call, add=False)
    return {}


async def _get(call: Call) -> Json:
    channel = call.channel()
    message = call.message(channel, "timestamp")
    return {
        "type": "message",
        "channel": channel.id,
        "message": call.site.messaging.json(channel, message),
    }


def _react(call: Call, *, add: bool) -> None:
    channel = call.channel_to_post()
    message = call.message(channel, "timestamp")
    name = call.text("name")
    if not _NAME.fullmatch(name):
        raise ApiError("invalid_name")
    if not call.site.messaging.react(channel, message, call.workspace.bot, name, add):
        raise ApiError("already_reacted" if add else "no_reaction")


METHODS: Methods = {
    "reactions.add": Method(_add, ("reactions:write",)),
    "reactions.get": Method(_get, ("reactions:read",)),
    "reactions.remove": Method(_remove, ("reactions:write",)),
}
