"""The platform-neutral command table: one dict look-up, arguments typed by the handler's signature."""

import difflib
import enum
import inspect
import math
import re
import types
import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from chatune_core.errors import ConfigurationError, InvalidInput
from chatune_core.messages import Button, File, MessageKey
from chatune_core.outcomes import Effect

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
MOST_BUTTONS = 20
"""Under one reply, besides those for rating it; Discord has room for 25."""
_TRUE = frozenset({"yes", "y", "true", "on", "1"})
_FALSE = frozenset({"no", "n", "false", "off", "0"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command or handler answers.

    `private` is shown to the person alone where possible; `rateable` says that a model wrote it
    and that the history knows it, so people may rate it. `replaces` is the bot's message that
    shows it from now on, instead of a new one: that under which a button was pressed, say.

    Raises:
        ValueError: for buttons that not every platform can show.
    """

    text: str
    private: bool = False
    effects: tuple[Effect, ...] = ()
    buttons: tuple[Button, ...] = ()
    files: tuple[File, ...] = ()
    rateable: bool = False
    replaces: MessageKey | None = None

    def __post_init__(self) -> None:
        if len(self.buttons) > MOST_BUTTONS:
            raise ValueError(f"a reply has up to {MOST_BUTTONS} buttons, got {len(self.buttons)}")
        if len({(button.action, button.value) for button in self.buttons}) < len(self.buttons):
            raise ValueError("two buttons of a reply have the same action and value")


Answered = str | Answer | None
"""None means that nothing is to be said."""

Handler = Callable[..., Awaitable[Answered]]
Completer = Callable[[], Sequence[str]]
"""Returns what may be typed for an argument, at once: it runs while a person types."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One typed argument of a command.

    `rest` takes the rest of the line as it stands; `choices` is empty where any value goes.
    """

    name: str
    kind: type
    required: bool
    default: object
    rest: bool
    choices: tuple[str, ...]

    @property
    def usage(self) -> str:
        """Return `<name>`, `[name]` or the choices, as help shows it."""
        shown = "|".join(self.choices) if self.choices else self.name + ("..." if self.rest else "")
        return f"<{shown}>" if self.required else f"[{shown}]"


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name, one line of help, its arguments and the handler that runs it.

    `private` keeps its answers between the bot and the person who runs it. `on_message` is its
    title in the menu of a message, whose text it then takes as its arguments; "" for none.
    `completers` offer values for arguments by name. A `hidden` one works when it is typed, and is
    neither listed nor registered with platforms.
    """

    name: str
    help: str
    parameters: tuple[Parameter, ...]
    handler: Handler
    private: bool = False
    on_message: str = ""
    completers: Mapping[str, Completer] = field(default_factory=dict)
    hidden: bool = False

    @property
    def usage(self) -> str:
        """Return the name and its arguments: `roll [sides]`."""
        return " ".join([self.name, *(parameter.usage for parameter in self.parameters)])

    def completions(self, parameter: str, typed: str) -> list[str]:
        """Return what may be meant by `typed` so far: beginnings first, then what holds it."""
        if parameter in self.completers:
            known = self.completers[parameter]()
        else:
            known = next((p.choices for p in self.parameters if p.name == parameter), ())
        lowered = typed.lower()
        found = [value for value in known if lowered in value.lower()]
        return sorted(found, key=lambda value: not value.lower().startswith(lowered))


def command_from(
    name: str,
    help_line: str,
    handler: Handler,
    *,
    private: bool = False,
    on_message: str = "",
    completers: Mapping[str, Completer] | None = None,
    hidden: bool = False,
) -> Command:
    """Return the command that `handler` and its signature describe.

    The first parameter receives the `Context`; each further one is an argument of type `str`,
    `int`, `float`, `bool`, an `Enum` or a `Literal` of strings, optional where it has a default.
    A last parameter of type `str` takes the rest of the line.

    Raises:
        ConfigurationError: for a name or a signature that cannot be a command.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot be a command name.",
            "Use a small letter, then up to 31 small letters, digits, '-' or '_'.",
        )
    try:
        signature = inspect.signature(handler, eval_str=True)
    except NameError as error:
        raise ConfigurationError(
            f"The handler of /{name} has an annotation that cannot be looked up: {error}.",
            "Import the name at the top of the file, not inside a function.",
        ) from error
    described = list(signature.parameters.values())
    _check(name, handler, described)
    last = len(described) - 2
    parameters = tuple(
        _parameter(name, item, is_last=index == last) for index, item in enumerate(described[1:])
    )
    if unknown := set(completers or ()) - {parameter.name for parameter in parameters}:
        raise ConfigurationError(
            f"/{name} has completions for an argument that it does not take: {min(unknown)!r}.",
            "Name one of the handler's parameters.",
        )
    if on_message and not (parameters and parameters[-1].rest):
        raise ConfigurationError(
            f"/{name} is to work on messages but takes no text.",
            "Give its handler a last parameter of type str.",
        )
    return Command(
        name, help_line, parameters, handler, private, on_message, completers or {}, hidden
    )


def _check(name: str, handler: Handler, described: list[inspect.Parameter]) -> None:
    if not inspect.iscoroutinefunction(handler):
        raise ConfigurationError(
            f"The handler of /{name} is not a coroutine function.", "Write async def."
        )
    if not described:
        raise ConfigurationError(
            f"The handler of /{name} takes no parameters.", "Its first parameter is the context."
        )
    for parameter in described:
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise ConfigurationError(
                f"The parameter {parameter.name!r} of /{name} cannot be filled from a line.",
                "Use plain parameters, without '*'.",
            )


class CommandTable:
    """All commands by name."""

    def __init__(self, prefix: str = "/") -> None:
        self.prefix = prefix
        self._commands: dict[str, Command] = {}

    def add(self, command: Command) -> None:
        """Register `command`.

        Raises:
            ConfigurationError: if the name is taken.
        """
        if command.name in self._commands:
            raise ConfigurationError(
                f"The command /{command.name} is registered twice.", "Rename one of the two."
            )
        self._commands[command.name] = command

    def __iter__(self) -> Iterator[Command]:
        """Return the commands that people are shown."""
        return (command for command in self._commands.values() if not command.hidden)

    def find(self, name: str) -> Command:
        """Return the command called `name`.

        Raises:
            InvalidInput: naming the nearest command.
        """
        command = self._commands.get(name)
        if command is None:
            near = difflib.get_close_matches(name, self._commands, n=1)
            hint = f"Did you mean {self.prefix}{near[0]}? " if near else ""
            raise InvalidInput(
                f"There is no command {self.prefix}{name[:40]}. {hint}{self.prefix}help lists them."
            )
        return command

    def parse(self, text: str) -> tuple[str, str] | None:
        """Return (name, arguments) if `text` is a command line, else None.

        Text that only begins with the prefix (a path, a lone slash) is not a command.
        """
        if not text.startswith(self.prefix):
            return None
        head, _, rest = text[len(self.prefix) :].partition(" ")
        if "\n" in head:
            head, _, rest = text[len(self.prefix) :].partition("\n")
        name = head.lower()
        return (name, rest) if name in self._commands or NAME.fullmatch(name) else None


def bind(command: Command, line: str, prefix: str = "/") -> list[object]:
    """Return the argument values of `command` that `line` gives, in order.

    Raises:
        InvalidInput: saying which argument is missing, wrong or too many, and the usage.
    """
    values: list[object] = []
    rest = line.strip()
    try:
        for parameter in command.parameters:
            word, rest = (rest, "") if parameter.rest else _next_word(rest)
            values.append(_value(parameter, word))
        if rest:
            raise InvalidInput(f"{rest[:40]!r} is one argument too many.")
    except InvalidInput as error:
        raise InvalidInput(f"{error} Usage: {prefix}{command.usage}") from None
    return values


def _next_word(line: str) -> tuple[str, str]:
    if line[:1] not in ("'", '"'):
        word = next(iter(line.split(maxsplit=1)), "")
        return word, line[len(word) :].lstrip()
    word, closed, rest = line[1:].partition(line[0])
    if not closed:
        raise InvalidInput("A quotation mark is not closed.")
    return word, rest.lstrip()


def _value(parameter: Parameter, word: str) -> object:
    if not word:
        if parameter.required:
            raise InvalidInput(f"{parameter.name} is missing.")
        return parameter.default
    if parameter.kind is str and not parameter.choices:
        return word
    try:
        return _convert(parameter, word)
    except ValueError:
        expected = _EXPECTED.get(parameter.kind) or "one of " + ", ".join(parameter.choices)
        raise InvalidInput(f"{parameter.name} must be {expected}, got {word[:40]!r}.") from None


_NUMBERS: dict[type, Callable[[str], object]] = {int: int, float: float}
_EXPECTED: dict[type, str] = {int: "a whole number", float: "a number", bool: "yes or no"}


def _convert(parameter: Parameter, word: str) -> object:
    if parameter.kind is bool:
        if (lowered := word.lower()) not in _TRUE | _FALSE:
            raise ValueError
        return lowered in _TRUE
    if parameter.choices and word not in parameter.choices:
        raise ValueError
    if issubclass(parameter.kind, enum.Enum):
        return next(member for member in parameter.kind if str(member.value) == word)
    if parameter.kind is float and not math.isfinite(float(word)):
        raise ValueError
    return _NUMBERS.get(parameter.kind, str)(word)


def _parameter(command: str, described: inspect.Parameter, *, is_last: bool) -> Parameter:
    required = described.default is inspect.Parameter.empty
    kind, choices = _kind_and_choices(command, described)
    return Parameter(
        described.name,
        kind,
        required,
        None if required else described.default,
        rest=is_last and kind is str and not choices,
        choices=choices,
    )


def _kind_and_choices(command: str, described: inspect.Parameter) -> tuple[type, tuple[str, ...]]:
    kind: Any = str if described.annotation is described.empty else described.annotation
    if typing.get_origin(kind) in (Union, types.UnionType):
        inner = [item for item in typing.get_args(kind) if item is not type(None)]
        kind = inner[0] if len(inner) == 1 else None
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if all(isinstance(choice, str) for choice in choices):
            return str, choices
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind, tuple(str(member.value) for member in kind)
    if kind in (str, int, float, bool):
        return kind, ()
    raise ConfigurationError(
        f"The parameter {described.name!r} of /{command} has a type that a command cannot take.",
        "Use str, int, float, bool, an Enum or a Literal of strings.",
    )
