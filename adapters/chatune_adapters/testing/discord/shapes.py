"""The types of a request's fields, checked before anything reads them."""

from chatune_adapters.testing.discord.entities import Json
from chatune_adapters.testing.discord.errors import WireError, invalid_form

_MESSAGE: dict[str, tuple[type, ...]] = {
    "content": (str,),
    "nonce": (str, int),
    "flags": (int,),
    "embeds": (list,),
    "components": (list,),
    "attachments": (list,),
    "message_reference": (dict,),
}
_COMPONENT: dict[str, tuple[type, ...]] = {
    "type": (int,),
    "custom_id": (str,),
    "components": (list,),
    "component": (dict,),
    "accessory": (dict,),
}
_COMMAND: dict[str, tuple[type, ...]] = {
    "type": (int,),
    "name": (str,),
    "description": (str,),
    "options": (list,),
    "choices": (list,),
}
_EMBED: dict[str, tuple[type, ...]] = {
    "title": (str,),
    "description": (str,),
    "footer": (dict,),
    "author": (dict,),
    "fields": (list,),
}

NAME_CHARS = 100


def check_message_shape(body: Json) -> None:
    """Raise the form error for the first field of a message that has a wrong type."""
    _typed(body, _MESSAGE)
    for embed in objects(body, "embeds"):
        _typed(embed, _EMBED, "embeds")
        parts = [embed.get("footer") or {}, embed.get("author") or {}]
        for part in (*parts, *objects(embed, "fields", "embeds")):
            _typed(part, dict.fromkeys(("text", "name", "value"), (str,)), "embeds")
    check_component_shapes(body)
    for attachment in objects(body, "attachments"):
        snowflake(attachment, "id", "attachments")
    if body.get("message_reference"):
        snowflake(body["message_reference"], "message_id", "message_reference")


def check_component_shapes(parent: Json) -> None:
    """Raise the form error unless everything below `components` is a component."""
    _typed(parent, _COMPONENT | {"type": (int, str)}, "components")
    inner = [parent[name] for name in ("component", "accessory") if parent.get(name)]
    for component in (*objects(parent, "components"), *inner):
        _typed(component, _COMPONENT, "components")
        check_component_shapes(component)


def check_command_shape(body: object, *path: str | int) -> None:
    """Raise the form error unless `body` is a command (or option) whose fields have their types."""
    if not isinstance(body, dict):
        raise _mistyped(body, *path)
    _typed(body, _COMMAND, *path)
    for index, option in enumerate(objects(body, "options", *path)):
        check_command_shape(option, *path, "options", index)


def objects(body: Json, name: str, *path: str | int) -> list[Json]:
    """Return the list under `name`, or an empty one; raise unless it holds objects."""
    values = body.get(name) or []
    if not isinstance(values, list):
        raise _mistyped(values, *path, name)
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise _mistyped(value, *path, name, index)
    return list(values)


def snowflake(body: Json, name: str, *path: str | int) -> int:
    """Return the id under `name`, which may be a number or its digits, or raise."""
    value = body.get(name)
    if isinstance(value, str | int) and str(value).isdecimal():
        return int(value)
    raise invalid_form(
        *path, name, code="NUMBER_TYPE_COERCE", message=f'Value "{value}" is not snowflake.'
    )


def channel_name(name: object) -> str:
    """Return what a channel or thread is to be called, or raise."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARS:
        raise invalid_form(
            "name",
            code="BASE_TYPE_BAD_LENGTH",
            message=f"Must be between 1 and {NAME_CHARS} in length.",
        )
    return name


def _typed(body: Json, kinds: dict[str, tuple[type, ...]], *path: str | int) -> None:
    for name, allowed in kinds.items():
        value = body.get(name)
        if value is not None and not isinstance(value, allowed):
            raise _mistyped(value, *path, name)


def _mistyped(value: object, *path: str | int) -> WireError:
    return invalid_form(
        *path,
        code="MODEL_TYPE_CONVERT",
        message=f"Could not interpret {value!r}: it has the wrong type.",
    )
