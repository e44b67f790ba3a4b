"""What a user enters into a modal, and what a pressed element sends."""

from collections.abc import Mapping, Sequence

from chatune_adapters.testing.slack.blocks import elements_of
from chatune_adapters.testing.slack.world import Json

_ONE_OPTION = frozenset(("static_select", "radio_buttons", "overflow", "external_select"))
_MANY_OPTIONS = frozenset(("multi_static_select", "checkboxes", "multi_external_select"))
_OTHERS = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "multi_users_select": "selected_users",
}


def pressed(blocks: Sequence[Json], action_id: str, value: str | None, at: str) -> Json:
    """Return the action that pressing or choosing an element sends.

    Raises:
        LookupError: if there is no such element, or no such value.
    """
    found = [(block, one) for block, one in elements_of(blocks) if one["action_id"] == action_id]
    for block, element in found:
        said = _said(element, value)
        if said is not None:
            head = {"type": element["type"], "action_id": action_id, "action_ts": at}
            return head | {"block_id": block.get("block_id", "")} | said
    there = [one["action_id"] for _, one in elements_of(blocks)]
    raise LookupError(f"no element {action_id!r} with value {value!r}; there are {there}")


def filled_in(blocks: Sequence[Json], values: Mapping[str, object]) -> Json:
    """Return the state of a modal after the user entered these values.

    Args:
        blocks: those of the view.
        values: by action_id or block_id of the input.

    Raises:
        LookupError: for a value whose input is not there.
        ValueError: for what Slack's own form would not let pass.
    """
    left = dict(values)
    state: Json = {}
    for block in blocks:
        if block.get("type") != "input":
            continue
        element = block["element"]
        key = next((one for one in (element["action_id"], block["block_id"]) if one in left), None)
        entered = left.pop(key) if key is not None else _initial(element)
        said = _entered(element, entered, optional=bool(block.get("optional")))
        state[block["block_id"]] = {element["action_id"]: {"type": element["type"]} | said}
    if left:
        raise LookupError(f"no input for {sorted(left)}")
    return {"values": state}


def _said(element: Json, value: str | None) -> Json | None:
    match element["type"]:
        case "button" | "icon_button":
            own = element.get("value")
            if value not in (None, own):
                return None
            return {"text": element.get("text"), **({"value": own} if own is not None else {})}
        case "feedback_buttons":
            for side in ("positive_button", "negative_button"):
                if element[side]["value"] == value:
                    return {"value": value, "text": element[side]["text"]}
            return None
    return _chosen(element, value)


def _chosen(element: Json, value: str | None) -> Json | None:
    kind = element["type"]
    if kind in _ONE_OPTION:
        option = _option(element, value)
        return None if option is None else {"selected_option": option}
    if kind in _MANY_OPTIONS:
        chosen = [_option(element, one) for one in (value or "").split(",") if one]
        return None if None in chosen else {"selected_options": chosen}
    return {_OTHERS.get(kind, "value"): value}


def _entered(element: Json, entered: object, *, optional: bool) -> Json:
    name = element["action_id"]
    if entered in (None, "", []):
        if not optional:
            raise ValueError(f"{name!r} must be filled in")
        entered = None
    kind = element["type"]
    if kind in _ONE_OPTION:
        return {"selected_option": None if entered is None else _known(element, entered)}
    if kind in _MANY_OPTIONS:
        chosen = entered if isinstance(entered, list) else [] if entered is None else [entered]
        return {"selected_options": [_known(element, one) for one in chosen]}
    if kind in _OTHERS:
        return {_OTHERS[kind]: entered}
    if entered is not None:
        least, most = element.get("min_length", 0), element.get("max_length", 3_000)
        if not least <= len(str(entered)) <= most:
            raise ValueError(f"{name!r} takes {least} to {most} characters")
    return {"value": None if entered is None else str(entered)}


def _initial(element: Json) -> object:
    if "initial_option" in element:
        return element["initial_option"]["value"]
    if "initial_options" in element:
        return [one["value"] for one in element["initial_options"]]
    return element.get("initial_value")


def _known(element: Json, value: object) -> Json:
    option = _option(element, str(value))
    if option is None:
        raise ValueError(f"{element['action_id']!r} has no option {value!r}")
    return option


def _option(element: Json, value: str | None) -> Json | None:
    options = list[Json](element.get("options", ()))
    for group in element.get("option_groups", ()):
        options += group["options"]
    return next((one for one in options if one["value"] == value), None)
