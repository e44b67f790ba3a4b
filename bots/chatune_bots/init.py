"""`chatune init`: a few questions, then a commented chatune.toml."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import typer

from chatune_bots.home import CONFIGURATION, Home, prepare
from chatune_core.errors import ConfigurationError, InvalidInput
from chatune_core.settings import PERSONA

_CHOICES = ("bundled", "local", "server")
_WHICH_MODEL = (
    "Model: 'bundled' (SmolLM2-135M, nothing to download), 'local' (a Hugging Face id or a folder)"
    " or 'server' (OpenAI-compatible)"
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the person chose; the defaults are what --yes takes."""

    name: str = "Chatune"
    persona: str = PERSONA
    kind: str = "bundled"
    model: str = ""
    base_url: str = ""
    database: str = ""


def run_init(home: Home, *, ask: bool) -> None:
    """Write chatune.toml into the home; an existing file is replaced only on a clear yes.

    Raises:
        InvalidInput: the file exists and nobody may be asked, or the person went away.
    """
    prepare(home)
    file = home.configuration
    try:
        if file.exists() and not _may_replace(file, ask=ask):
            raise InvalidInput(f"{file} exists and was left as it is.")
        answers = asked() if ask else Answers()
    except typer.Abort as error:
        raise InvalidInput("Nothing was written.") from error
    _write(file, written(answers))
    typer.echo(f"Wrote {file}. Next: chatune doctor, then chatune chat.")
    if (here := Path.cwd() / CONFIGURATION).exists() and here.resolve() != file.resolve():
        typer.echo(f"Note: {here} goes before it for commands that run in this folder.")
    if answers.kind == "server":
        typer.echo("If the server asks for a key, set CHATUNE_MODELS__MAIN__API_KEY.")


def asked() -> Answers:
    """Return what the person answers at the terminal; Enter takes each default."""
    name = typer.prompt("Name of the bot", default="Chatune").strip()
    persona = typer.prompt("Who it is and how it answers", default=PERSONA).strip()
    kind = _one_of(_WHICH_MODEL, _CHOICES)
    model = base_url = ""
    if kind == "local":
        model = typer.prompt("Hugging Face id or folder").strip()
    if kind == "server":
        base_url = typer.prompt("Base URL", default="http://127.0.0.1:8000/v1").strip()
        model = typer.prompt("Model name on that server").strip()
    database = typer.prompt(
        "Database URL (Enter for a SQLite file in the home folder)", default="", show_default=False
    ).strip()
    return Answers(name, persona, kind, model, base_url, database)


def written(answers: Answers) -> str:
    """Return the text of chatune.toml for `answers`; it loads without an error."""
    url = f"url = {_quoted(answers.database)}" if answers.database else '# url = "postgresql://..."'
    return _TEMPLATE.format(
        name=_quoted(answers.name),
        persona=_quoted(answers.persona),
        model=_model_lines(answers),
        url=url,
    )


def _model_lines(answers: Answers) -> str:
    if answers.kind == "bundled":
        return '[models.bundled]\nkind = "local"\nmodel = "bundled"\n' + _LOCAL
    if answers.kind == "local":
        return f'[models.main]\nkind = "local"\nmodel = {_quoted(answers.model)}\n' + _LOCAL
    return (
        f'[models.main]\nkind = "openai"\nbase_url = {_quoted(answers.base_url)}\n'
        f"model = {_quoted(answers.model)}\n# The key: CHATUNE_MODELS__MAIN__API_KEY\n"
    )


def _quoted(text: str) -> str:
    """Return `text` as a TOML basic string: JSON's escapes, and DEL, which JSON leaves bare."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_of(question: str, choices: tuple[str, ...]) -> str:
    while True:
        answer = str(typer.prompt(question, default=choices[0])).strip().lower()
        if answer in choices:
            return answer
        typer.echo(f"Please answer one of: {', '.join(choices)}.")


def _may_replace(file: Path, *, ask: bool) -> bool:
    return ask and typer.confirm(f"{file} exists. Replace it?", default=False)


def _write(file: Path, text: str) -> None:
    """Put the file in place whole or not at all, readable by its owner alone."""
    draft = file.with_suffix(".new")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as opened:
            opened.write(text)
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}.", "Make room, or choose --home."
        ) from error


_LOCAL = """\
# device = "auto"          # auto, cpu, cuda or mps
# dtype = "auto"           # auto, float32, bfloat16 or float16
# weights = "auto"         # auto, unpacked, int8 or int4
# threads = 2              # CPU threads; left out, what the machine has
"""

_TEMPLATE = """\
# Chatune. Every line may be left out; docs/configuration.md explains each.
# An environment variable goes before it: CHATUNE_BOT__NAME, CHATUNE_GENERATION__MAX_TOKENS, ...

[bot]
name = {name}
persona = {persona}
# model = "bundled"        # which of the models below answers; else the first

{model}
[generation]
# temperature = 0.2        # 0 always takes the likeliest word
# top_p = 0.9
# max_tokens = 512         # longest answer
# deadline_s = 300         # longest time for one answer
# queue_limit = 256        # requests that may wait

[storage]
{url}
# retention_days = 30      # how long the text of conversations stays

[limits]
# message_chars = 32000    # longest message that is read

[moderation]
# mode = "on"              # shadow only writes down what it would do, off looks at nothing
# classifier = "embedded"  # docs/moderation.md has the others, and everything else

[serve]
# platforms = ["console"]
# drain_s = 30             # time to finish answers when told to end
"""
