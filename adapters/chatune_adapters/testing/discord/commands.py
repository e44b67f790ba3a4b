"""Application commands: registration, and what a person's use of one looks like on the wire."""

import re

from chatune_adapters.testing.discord import wire
from chatune_adapters.testing.discord.entities import Attachment, Channel, Guild, Json, User
from chatune_adapters.testing.discord.errors import invalid_form, refusal
from chatune_adapters.testing.discord.shapes import check_command_shape
from chatune_adapters.testing.discord.world import World

CHAT, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL = 1, 2, 3, 4, 5, 6, 7
NUMBER, ATTACHMENT = 10, 11
MOST = {CHAT: 100, USER_MENU: 15, MESSAGE_MENU: 15}
_CHAT_NAME = re.compile(r"[-_'\w]{1,32}")

Value = str | int | float | bool | User | Channel | Attachment
"""What a person may fill into an option."""


class Commands:
    """What the bot registered, for everywhere and for single guilds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._registered: dict[int | None, list[Json]] = {None: []}

    def all(self, guild: Guild | None = None) -> list[Json]:
        """Return the commands of `guild`, or those that are global."""
        return list(self._registered.get(guild.id if guild else None, []))

    def overwrite(self, guild_id: int | None, bodies: list[Json]) -> list[Json]:
        """Replace the commands of a place; those that keep their name keep their id."""
        self._check(bodies)
        before = {_key(command): command["id"] for command in self.of(guild_id)}
        self._registered[guild_id] = [
            self._registered_form(body, guild_id, before.get(_key(body))) for body in bodies
        ]
        return self.of(guild_id)

    def upsert(self, guild_id: int | None, body: Json) -> Json:
        """Register one command, in place of the one with its name."""
        check_command_shape(body)
        others = [c for c in self.of(guild_id) if _key(c) != _key(body)]
        before = {_key(command): command["id"] for command in self.of(guild_id)}
        self._check([*others, body])
        command = self._registered_form(body, guild_id, before.get(_key(body)))
        self._registered[guild_id] = [*others, command]
        return command

    def remove(self, guild_id: int | None, id: int) -> None:
        """Forget one command."""
        command = self.one(guild_id, id)
        self._registered[guild_id].remove(command)

    def one(self, guild_id: int | None, id: int) -> Json:
        """Return one command, or refuse."""
        for command in self.of(guild_id):
            if command["id"] == str(id):
                return command
        raise refusal(10063)

    def of(self, guild_id: int | None) -> list[Json]:
        """Return what is registered for a place."""
        return list(self._registered.get(guild_id, []))

    def _registered_form(self, body: Json, guild_id: int | None, id: str | None) -> Json:
        place = {} if guild_id is None else {"guild_id": str(guild_id)}
        return {
            "default_member_permissions": None,
            "nsfw": False,
            "dm_permission": True,
            "options": [],
            "description": "",
            **body,
            **place,
            "id": id or str(self._world.ids.next()),
            "type": _key(body)[0],
            "application_id": str(self._world.bot.id),
            "version": str(self._world.ids.next()),
        }

    def _check(self, bodies: list[Json]) -> None:
        for index, body in enumerate(bodies):
            check_command_shape(body, index)
        keys = [_key(body) for body in bodies]
        for kind, most in MOST.items():
            if sum(key[0] == kind for key in keys) > most:
                raise refusal(30032)
        for index, body in enumerate(bodies):
            _check_command(body, index)
            if keys.count(keys[index]) > 1:
                raise invalid_form(
                    index,
                    "name",
                    code="APPLICATION_COMMANDS_DUPLICATE_NAME",
                    message="Application command names must be unique",
                )

    def find(self, guild: Guild | None, name: str, kind: int) -> Json:
        """Return the command that a person in `guild` means by `name`."""
        places = [guild.id, None] if guild else [None]
        for place in places:
            for command in self.of(place):
                if _key(command) == (kind, name):
                    return command
        raise LookupError(f"no command of type {kind} is registered as {name!r}")


def _key(command: Json) -> tuple[int, str]:
    return command.get("type") or CHAT, command.get("name") or ""


def _check_command(body: Json, index: int) -> None:
    name = body.get("name") or ""
    if _key(body)[0] == CHAT:
        if not _CHAT_NAME.fullmatch(name) or name != name.lower():
            raise invalid_form(
                index,
                "name",
                code="APPLICATION_COMMAND_INVALID_NAME",
                message="Command name is invalid",
            )
        _check_length(body.get("description") or "", 100, index, "description")
        if len(body.get("options") or []) > 25:
            raise invalid_form(
                index,
                "options",
                code="BASE_TYPE_MAX_LENGTH",
                message="Must be 25 or fewer in length.",
            )
    else:
        _check_length(name, 32, index, "name")


def _check_length(text: str, most: int, *path: str | int) -> None:
    if not 1 <= len(text) <= most:
        raise invalid_form(
            *path,
            code="BASE_TYPE_BAD_LENGTH",
            message=f"Must be between 1 and {most} in length.",
        )


def fill(
    command: Json, path: list[str], values: dict[str, Value], focused: str | None = None
) -> Json:
    """Return the data of an interaction that uses `command` (or its subcommand at `path`).

    Raises:
        LookupError: an option or subcommand is not there.
        ValueError: a value does not fit its option, or a required one is missing.
    """
    resolved: Json = {}
    options = _fill_options(command.get("options") or [], path, values, focused, resolved)
    data: Json = {
        "id": command["id"],
        "name": command["name"],
        "type": command["type"],
        "options": options,
    }
    if "guild_id" in command:
        data["guild_id"] = command["guild_id"]
    return data | ({"resolved": resolved} if resolved else {})


def _fill_options(
    options: list[Json],
    path: list[str],
    values: dict[str, Value],
    focused: str | None,
    resolved: Json,
) -> list[Json]:
    by_name = {option["name"]: option for option in options}
    if path:
        chosen = by_name[path[0]]
        inner = _fill_options(chosen.get("options") or [], path[1:], values, focused, resolved)
        return [{"name": chosen["name"], "type": chosen["type"], "options": inner}]
    if unknown := values.keys() - by_name.keys():
        raise LookupError(f"the command has no option {unknown!r}")
    missing = [o["name"] for o in options if o.get("required") and o["name"] not in values]
    if missing and focused is None:
        raise ValueError(f"the command requires {missing!r}")
    return [
        _filled(option, values[option["name"]], option["name"] == focused, resolved)
        for option in options
        if option["name"] in values
    ]


_PLAIN: dict[int, tuple[type, ...]] = {
    STRING: (str,),
    INTEGER: (int,),
    BOOLEAN: (bool,),
    NUMBER: (int, float),
    USER: (User,),
    CHANNEL: (Channel,),
    ATTACHMENT: (Attachment,),
}


def _filled(option: Json, value: Value, focused: bool, resolved: Json) -> Json:
    kind = option["type"]
    fits = isinstance(value, _PLAIN[kind]) and (kind == BOOLEAN or not isinstance(value, bool))
    if not focused and not fits:
        raise ValueError(f"{value!r} does not fit the option {option['name']!r} of type {kind}")
    if not focused:
        _check_bounds(option, value)
    match value:
        case User():
            resolved.setdefault("users", {})[str(value.id)] = wire.user_json(value)
        case Channel():
            resolved.setdefault("channels", {})[str(value.id)] = wire.channel_json(value)
        case Attachment():
            resolved.setdefault("attachments", {})[str(value.id)] = wire.attachment_json(value)
    sent = str(value.id) if isinstance(value, User | Channel | Attachment) else value
    filled: Json = {"name": option["name"], "type": kind, "value": sent}
    return filled | ({"focused": True} if focused else {})


def _check_bounds(option: Json, value: Value) -> None:
    choices = option.get("choices") or []
    if choices and value not in [choice["value"] for choice in choices]:
        raise ValueError(f"{value!r} is none of the choices of {option['name']!r}")
    size = len(value) if isinstance(value, str) else value
    lowest = option.get("min_length" if isinstance(value, str) else "min_value")
    highest = option.get("max_length" if isinstance(value, str) else "max_value")
    if not isinstance(size, int | float):
        return
    if (lowest is not None and size < lowest) or (highest is not None and size > highest):
        raise ValueError(f"{value!r} is out of the bounds of {option['name']!r}")
