"""Forms: what a bot asks for in a window of its own where the platform has them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chatune_core.errors import InvalidInput
from chatune_core.messages import ACTION

TOO_LONG = "The text is too long to be changed here: please write it anew."


@dataclass(frozen=True, slots=True)
class Field:
    """One line, or several, for a person to fill in; `value` stands there to begin with.

    Raises:
        ValueError: for what not every platform can show.
    """

    name: str
    label: str
    multiline: bool = False
    required: bool = True
    placeholder: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        if not ACTION.fullmatch(self.name):
            raise ValueError(f"a field's name must match {ACTION.pattern}, got {self.name!r}")
        if not 1 <= len(self.label) <= 45:
            raise ValueError(f"label must have 1 to 45 characters, got {self.label!r}")
        if len(self.placeholder) > 100:
            raise ValueError(f"placeholder may have 100 characters, got {len(self.placeholder)}")

    def within(self, most: int) -> "Field":
        """Return the field for a window that shows up to `most` characters to begin with.

        A longer text is left out whole: what is sent back shortened would pass for a change.
        """
        if len(self.value) <= most:
            return self
        return replace(self, value="", placeholder=self.placeholder or TOO_LONG)


@dataclass(frozen=True, slots=True)
class Form:
    """What a form shows; it opens when a button whose action is `name` is pressed.

    Raises:
        ValueError: for what not every platform can show.
    """

    name: str
    title: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        if not ACTION.fullmatch(self.name):
            raise ValueError(f"a form's name must match {ACTION.pattern}, got {self.name!r}")
        if not 1 <= len(self.title) <= 24:
            raise ValueError(f"title must have 1 to 24 characters, got {self.title!r}")
        if not 1 <= len(self.fields) <= 5:
            raise ValueError(f"a form has 1 to 5 fields, got {len(self.fields)}")
        if len({field.name for field in self.fields}) < len(self.fields):
            raise ValueError("two fields of a form have the same name")


def read_form(form: Form, text: str) -> tuple[tuple[str, str], ...]:
    """Return the fields that `text` fills in, for a person without a window to type in.

    A form of one field takes the text as it is; one of several takes lines of `name: value`, and
    a line that names no field goes on with the one before.

    Raises:
        InvalidInput: naming the field that is missing.
    """
    filled = {form.fields[0].name: text.strip()} if len(form.fields) == 1 else _lines(form, text)
    for field in form.fields:
        if field.required and not filled.get(field.name):
            known = ", ".join(f"{each.name}: {each.label}" for each in form.fields)
            raise InvalidInput(
                f"{field.name} is missing. Write a line `name: value` for each ({known})."
                if len(form.fields) > 1
                else f"Write it after the name: {field.label}"
            )
    return tuple((field.name, filled.get(field.name, "")) for field in form.fields)


def _lines(form: Form, text: str) -> Mapping[str, str]:
    names = {field.name for field in form.fields}
    filled: dict[str, str] = {}
    current = None
    for line in text.strip().splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() in names:
            current = name.strip()
            filled[current] = value.strip()
        elif current is not None:
            filled[current] += f"\n{line}"
    return filled
