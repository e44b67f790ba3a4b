"""The core's commands as Discord's, registered only when they changed."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from chatune_adapters.discord.arguments import option_name
from chatune_adapters.discord.rest import Rest
from chatune_core.commands import Command, Parameter
from chatune_core.errors import ConfigurationError

logger = logging.getLogger(__name__)
SLASH, MENU = 1, 3
_STRING, _INTEGER, _BOOLEAN, _NUMBER = 3, 4, 5, 10
_KINDS: Mapping[type, int] = {int: _INTEGER, bool: _BOOLEAN, float: _NUMBER}
_MOST_COMMANDS, _MOST_MENUS, _MOST_OPTIONS, MOST_CHOICES = 100, 15, 25, 25
_DESCRIPTION, _CHOICE, _MENU_NAME = 100, 100, 32
_MOST_TYPED = 6000


def described(commands: Iterable[Command]) -> list[dict[str, Any]]:
    """Return what Discord is told of the commands.

    Raises:
        ConfigurationError: there is more than Discord takes.
    """
    slash, menus = [], []
    for command in commands:
        slash.append(_slash(command))
        if command.on_message:
            menus.append({"type": MENU, "name": command.on_message[:_MENU_NAME]})
    if len(slash) > _MOST_COMMANDS or len(menus) > _MOST_MENUS:
        raise ConfigurationError(
            f"Discord takes {_MOST_COMMANDS} commands and {_MOST_MENUS} in the menu of a message, "
            f"the bot has {len(slash)} and {len(menus)}.",
            "Join commands, or leave on_message away from some.",
        )
    return slash + menus


def _slash(command: Command) -> dict[str, Any]:
    if len(command.parameters) > _MOST_OPTIONS:
        raise ConfigurationError(
            f"Discord takes {_MOST_OPTIONS} arguments, /{command.name} has "
            f"{len(command.parameters)}.",
            "Split the command.",
        )
    return {
        "type": SLASH,
        "name": command.name,
        "description": (command.help or command.name)[:_DESCRIPTION],
        "options": [_option(command, parameter) for parameter in command.parameters],
    }


def _option(command: Command, parameter: Parameter) -> dict[str, Any]:
    option: dict[str, Any] = {
        "type": _KINDS.get(parameter.kind, _STRING),
        "name": option_name(parameter),
        "description": parameter.name.replace("_", " ")[:_DESCRIPTION],
        "required": parameter.required,
    }
    if option["type"] in (_BOOLEAN,):
        return option
    too_long = any(len(choice) > _CHOICE for choice in parameter.choices)
    if parameter.name in command.completers or len(parameter.choices) > MOST_CHOICES or too_long:
        option["autocomplete"] = True
    elif parameter.choices:
        option["choices"] = [{"name": value, "value": value} for value in parameter.choices]
    return option


async def register(rest: Rest, application: str, commands: Iterable[Command]) -> bool:
    """Let Discord know exactly `commands`; return whether anything had changed."""
    wanted = described(commands)
    route = "/applications/{application}/commands"
    known = await rest.call("GET", route, application=application)
    if _comparable(known) == _comparable(wanted):
        return False
    await rest.call("PUT", route, wanted, application=application)
    logger.info("Discord: %d commands are registered anew", len(wanted))
    return True


def _comparable(commands: Iterable[Mapping[str, Any]]) -> dict[tuple[int, str], Any]:
    """Return what we say of commands, without what Discord fills in by itself."""
    return {
        (int(command.get("type", SLASH)), command["name"]): (
            command.get("description") or "",
            [_comparable_option(option) for option in command.get("options") or ()],
        )
        for command in commands
    }


def _comparable_option(option: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        option["type"],
        option["name"],
        option.get("description"),
        bool(option.get("required")),
        bool(option.get("autocomplete")),
        [(choice["name"], choice["value"]) for choice in option.get("choices") or ()],
    )
