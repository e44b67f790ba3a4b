"""Finds chatune.toml, reads it, and says in one line what is wrong with it."""

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from chatune_bots.home import CONFIGURATION, Home
from chatune_bots.moderation_settings import Levels
from chatune_bots.settings import Settings
from chatune_core.errors import ConfigurationError

ENVIRONMENT = "CHATUNE_"
_LONGEST_FILE = 1_000_000  # bytes; a larger chatune.toml is some other file


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings and the file that they came from; None if there is none and defaults rule."""

    settings: Settings
    file: Path | None


def configuration_file(home: Home, folder: Path) -> Path | None:
    """Return chatune.toml of `folder` if there is one, else that of the home, else None.

    One file counts and the two are never mixed, so that what is in force can be read in one place.
    """
    for file in (folder / CONFIGURATION, home.configuration):
        if file.is_file():
            return file
    return None


def load(home: Home, folder: Path) -> Configuration:
    """Return the settings in force for a process that runs in `folder`.

    Raises:
        ConfigurationError: naming the file or variable, the key, and the nearest valid key.
    """
    file = configuration_file(home, folder)
    content = _content(file) if file else {}
    _refuse_unknown_sections(os.environ)
    try:
        return Configuration(Settings(**content), file)
    except ValidationError as error:
        raise _refusal(error, file) from error
    except SettingsError as error:  # a variable that should hold JSON does not
        raise ConfigurationError(f"Environment: {error}.", "Write lists as JSON.") from error


def described(settings: Settings) -> str:
    """Return the settings as lines `section.key = value`, secrets masked."""
    lines: list[str] = []
    _describe(settings, "", lines)
    return "\n".join(lines)


def _describe(value: object, path: str, lines: list[str]) -> None:
    if isinstance(value, Levels) and not value.model_fields_set:
        return  # a hundred of them, nearly all as around them
    if isinstance(value, BaseModel):
        items: Sequence[tuple[str, object]] = list(value)
    elif isinstance(value, dict):
        items = list(value.items())
    else:
        shown = _without_password(value) if path == "storage.url" else value
        lines.append(f"{path} = {'(hidden)' if isinstance(shown, SecretStr) else repr(shown)}")
        return
    for name, item in items:
        _describe(item, f"{path}.{name}" if path else name, lines)


def _without_password(url: object) -> object:
    if not isinstance(url, str) or "@" not in url:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://(hidden)@{rest.rpartition('@')[2]}"


def _content(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _LONGEST_FILE:
            raise ConfigurationError(f"{file} is too large to be a configuration.", "Mend it.")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}.", "Mend its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{file} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{file} is not valid TOML: {error}.", "Mend that line, or run `chatune init`."
        ) from error


def _refuse_unknown_sections(environment: Mapping[str, str]) -> None:
    """Refuse CHATUNE_BOOT__NAME, which pydantic-settings would pass over in silence."""
    sections = list(Settings.model_fields)
    for variable in environment:
        section, nested, _ = variable.removeprefix(ENVIRONMENT).lower().partition("__")
        if variable.upper().startswith(ENVIRONMENT) and nested and section not in sections:
            raise ConfigurationError(
                f"Environment: {variable} names no section.", _nearest(section, sections, "")
            )


def _refusal(error: ValidationError, file: Path | None) -> ConfigurationError:
    # An unknown key first: a key that is missing is often the same one, spelt wrong.
    details = sorted(
        error.errors(include_url=False, include_input=False),
        key=lambda detail: detail["type"] != "extra_forbidden",
    )
    first = details[0]
    path, model = _walk(first["loc"])
    key, place = ".".join(path), str(file)
    variable = ENVIRONMENT + "__".join(path).upper()
    if file is None or variable in {name.upper() for name in os.environ}:
        key, place = variable, "Environment"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        names = list(model.model_fields) if model is not None else []
        parent = ".".join(path[:-1])
        return ConfigurationError(
            f"{place}: unknown key {key!r}{more}.", _nearest(path[-1], names, parent)
        )
    return ConfigurationError(f"{place}: {_reason(first, key)}{more}.", "Mend that value.")


def _reason(detail: ErrorDetails, key: str) -> str:
    if detail["type"] == "union_tag_invalid":
        return f"{key}.kind must be 'local' or 'openai'"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"{key}: {message}" if key else message


def _nearest(name: str, names: Sequence[str], parent: str) -> str:
    prefix = f"{parent}." if parent else ""
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {prefix + near[0]!r}?"
    return f"Known there: {', '.join(names)}."


def _walk(location: Sequence[str | int]) -> tuple[list[str], type[BaseModel] | None]:
    """Return the key that an error is about, without union tags, and the model around it."""
    path: list[str] = []
    model: type[BaseModel] | None = Settings
    annotation: Any = Settings
    for part in location:
        tagged = _tagged(annotation)
        if str(part) in tagged:
            annotation = model = tagged[str(part)]
            continue
        path.append(str(part))
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
            field = model.model_fields.get(str(part))
            annotation = field.annotation if field else None
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            annotation = None
    return path, model


def _tagged(annotation: object) -> dict[str, type[BaseModel]]:
    """Return the members of a union of models by their tag."""
    if get_origin(annotation) is not None and hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is not Union and type(annotation).__name__ != "UnionType":
        return {}
    tagged = [member for member in get_args(annotation) if hasattr(member, "__metadata__")]
    members = [get_args(member)[0] for member in tagged]
    return {get_args(m.model_fields["kind"].annotation)[0]: m for m in members}
