"""Methods of modals and the home tab."""

import json
from collections.abc import Iterator

from chatune_adapters.testing.slack.blocks import VIEW_BLOCKS, BlocksRefused, check_blocks
from chatune_adapters.testing.slack.calls import ApiError, Call, Method, Methods
from chatune_adapters.testing.slack.interactions import Trigger
from chatune_adapters.testing.slack.payloads import view_json
from chatune_adapters.testing.slack.world import Json, View, World

STACK_AT_MOST = 3
_TITLE_AT_MOST = 24


async def _open(call: Call) -> Json:
    body = checked_view(call.structure("view"))
    trigger = _exchange(call)
    view = new_view(call.world, trigger.user.id, call.workspace.id, body)
    return {"view": view_json(call.world, view)}


async def _push(call: Call) -> Json:
    body = checked_view(call.structure("view"))
    trigger = _exchange(call)
    below = call.world.views.get(trigger.view or "")
    if below is None or below.closed:
        raise ApiError("not_found")
    if len(stack(call.world, below)) >= STACK_AT_MOST:
        raise ApiError("push_limit_reached")
    view = new_view(call.world, trigger.user.id, call.workspace.id, body, below)
    return {"view": view_json(call.world, view)}


async def _update(call: Call) -> Json:
    body = checked_view(call.structure("view"))
    external = call.maybe("external_id")
    found = [
        one
        for one in call.world.views.values()
        if not one.closed
        and one.team_id == call.workspace.id
        and (
            one.body.get("external_id") == external if external else one.id == call.maybe("view_id")
        )
    ]
    if not found:
        raise ApiError("not_found")
    if call.maybe("hash") not in (None, found[0].hash):
        raise ApiError("hash_conflict")
    update_view(call.world, found[0], body)
    return {"view": view_json(call.world, found[0])}


async def _publish(call: Call) -> Json:
    user = call.user("user_id")
    body = checked_view(call.structure("view"), "home")
    home = [
        one
        for one in call.world.views.values()
        if one.user == user.id and one.body.get("type") == "home"
    ]
    if home:
        update_view(call.world, home[0], body)
        view = home[0]
    else:
        view = new_view(call.world, user.id, call.workspace.id, body)
    return {"view": view_json(call.world, view)}


def new_view(world: World, user: str, team: str, body: Json, below: View | None = None) -> View:
    """Show a view to a user, above another or alone."""
    view_id = world.new_id("V")
    view = View(
        view_id,
        team,
        user,
        _with_ids(world, body),
        below.root if below else view_id,
        below.id if below else None,
        world.secret(),
    )
    world.views[view_id] = view
    return view


def update_view(world: World, view: View, body: Json) -> None:
    """Give a view new content."""
    view.body = _with_ids(world, body)
    view.hash = world.secret()


def stack(world: World, view: View) -> list[View]:
    """Return the open views of the same stack, the lowest first."""
    return [one for one in world.views.values() if one.root == view.root and not one.closed]


def checked_view(body: object, kind: str = "modal") -> Json:
    """Return a view that Slack would take.

    Raises:
        ApiError: `invalid_arguments` with reasons, or `view_too_large`.
    """
    if not isinstance(body, dict):
        raise ApiError("invalid_arguments")
    if len(json.dumps(body)) > 250_000:
        raise ApiError("view_too_large")
    reasons = list(_wrong_with(body, kind))
    try:
        check_blocks(body.get("blocks"), VIEW_BLOCKS)
    except BlocksRefused as error:
        reasons += error.reasons
    if reasons:
        messages = [f"[ERROR] {reason}" for reason in reasons]
        raise ApiError("invalid_arguments", response_metadata={"messages": messages})
    return body


def _wrong_with(body: Json, kind: str) -> Iterator[str]:
    if body.get("type") != kind:
        yield f"type must be {kind} [json-pointer:/view/type]"
    if len(str(body.get("private_metadata", ""))) > 3_000:
        yield "must be no more than 3000 characters [json-pointer:/view/private_metadata]"
    if len(str(body.get("callback_id", ""))) > 255:
        yield "must be no more than 255 characters [json-pointer:/view/callback_id]"
    for part in ("title", "submit", "close"):
        if part in body or (part == "title" and kind == "modal"):
            text = body.get(part)
            said = text.get("text", "") if isinstance(text, dict) else ""
            if not 0 < len(said) <= _TITLE_AT_MOST:
                yield f"must be 1 to {_TITLE_AT_MOST} characters [json-pointer:/view/{part}]"
    inputs = [one for one in body.get("blocks") or () if isinstance(one, dict)]
    if (
        kind == "modal"
        and "submit" not in body
        and any(one.get("type") == "input" for one in inputs)
    ):
        yield "submit is required with input blocks [json-pointer:/view/submit]"


def _with_ids(world: World, body: Json) -> Json:
    blocks = []
    for block in body["blocks"]:
        block = {"block_id": world.new_id("b")} | block
        if "element" in block:
            block["element"] = {"action_id": world.new_id("a")} | block["element"]
        blocks.append(block)
    return body | {"blocks": blocks}


def _exchange(call: Call) -> Trigger:
    trigger = call.site.interactions.exchange(call.text("trigger_id"))
    if isinstance(trigger, str):
        raise ApiError(trigger)
    if trigger.user.team_id != call.workspace.id:
        raise ApiError("invalid_trigger_id")
    return trigger


METHODS: Methods = {
    "views.open": Method(_open),
    "views.publish": Method(_publish),
    "views.push": Method(_push),
    "views.update": Method(_update),
}
