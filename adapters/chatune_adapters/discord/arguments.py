"""From the typed options of a slash command to the line that `commands.bind` reads, and back."""

from collections.abc import Mapping

from chatune_core.commands import Command, Parameter

Value = str | int | float | bool


def option_name(parameter: Parameter) -> str:
    """Return what Discord calls the parameter."""
    return parameter.name.lower()[:32]


def argument_line(command: Command, values: Mapping[str, Value]) -> str:
    """Return the line that gives `command` the `values`, by option name.

    A word that holds white space is quoted. One that needs quoting and holds both kinds of
    quotation mark gets typographic ones inside: the line has no escapes.
    """
    words: list[str] = []
    skipped = 0
    for parameter in command.parameters:
        value = values.get(option_name(parameter))
        if value is None:
            skipped += 1
            continue
        words += ['""'] * skipped
        skipped = 0
        words.append(_text(value) if parameter.rest else _quoted(_text(value)))
    return " ".join(words)


def _text(value: Value) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _quoted(word: str) -> str:
    if word and word[0] not in "'\"" and not any(map(str.isspace, word)):
        return word
    if '"' not in word:
        return f'"{word}"'
    return "'" + word.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") + "'"
