"""`chatune doctor`: looks at everything that a bot needs and says how to mend what is wrong."""

import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio

from chatune_bots.compose import open_stores
from chatune_bots.configuration import Configuration, load
from chatune_bots.data_audit import REMEDY, damage_of
from chatune_bots.failures import FAILED
from chatune_bots.home import Home, prepare
from chatune_bots.logs import start_log
from chatune_bots.moderation_settings import ServiceSection
from chatune_bots.person import terminal_user
from chatune_bots.settings import RemoteModel, Settings
from chatune_core.errors import ChatuneError, ConfigurationError

_LEAST_FREE = 500_000_000  # bytes; the converted default model takes about half of it
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was seen, and how to mend it if `remedy` is not ""."""

    subject: str
    seen: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the line that the person reads."""
        mark = "problem" if self.remedy else "ok     "
        return f"{mark}  {self.subject:<14} {self.seen}" + (f" {self.remedy}" * bool(self.remedy))


def run_doctor(home: Home, folder: Path, bot_file: Path | None) -> None:
    """Print a line for each finding; exit code 1 if one of them is a problem."""
    findings = anyio.run(partial(examine, home, folder, bot_file))
    if any(finding.remedy for finding in findings):
        raise SystemExit(FAILED)


async def examine(
    home: Home, folder: Path, bot_file: Path | None, show: Callable[[Finding], None] = print
) -> Sequence[Finding]:
    """Return all findings, `show`n one by one; what needs an earlier one to be well is left out."""
    findings: list[Finding] = []

    def add(finding: Finding) -> Finding:
        findings.append(finding)
        show(finding)
        return finding

    if add(_home(home)).remedy:
        return findings
    for finding in (_permissions(home), _disk(home)):
        add(finding)
    start_log(home)
    configuration = _configuration(home, folder)
    if isinstance(configuration, Finding):
        add(configuration)
        return findings
    add(Finding("configuration", str(configuration.file or "defaults; there is no chatune.toml")))
    add(Finding("you", f"{terminal_user()} (for chatune data)"))
    if bot_file is not None:
        add(_bot(bot_file))
    await _stored(configuration.settings, home, add)
    for finding in await _platforms(configuration.settings):
        add(finding)
    add(await _checked("moderation", partial(_moderation, configuration, home)))
    for name in configuration.settings.models:
        add(await _checked(f"model {name}", partial(_model, configuration.settings, name, home)))
    return findings


async def _checked(subject: str, look: Callable[[], Awaitable[str]]) -> Finding:
    """Return what `look` says, or its error as a problem."""
    try:
        with anyio.fail_after(_PATIENCE_S):
            return Finding(subject, await look())
    except ConfigurationError as error:
        return Finding(subject, error.problem, error.remedy)
    except ChatuneError as error:
        return Finding(subject, f"{error}.", "Mend that and run `chatune doctor` again.")
    except TimeoutError:
        return Finding(
            subject,
            f"no answer within {_PATIENCE_S:.0f} s.",
            "Check that it runs and is reachable.",
        )


def _home(home: Home) -> Finding:
    try:
        prepare(home)
    except ConfigurationError as error:
        return Finding("home", error.problem, error.remedy)
    return Finding("home", f"{home.path} is writable")


def _permissions(home: Home) -> Finding:
    mode = home.path.stat().st_mode & 0o777
    if mode & 0o077:
        remedy = f"Run: chmod 700 {home.path}"
        return Finding("permissions", f"others can read {home.path} (mode {mode:o}).", remedy)
    return Finding("permissions", f"the home is private (mode {mode:o})")


def _disk(home: Home) -> Finding:
    free = shutil.disk_usage(home.path).free
    seen = f"{free / 1e9:.1f} GB free where the home is"
    if free < _LEAST_FREE:
        return Finding("disk", f"{seen}.", "Make room; half a gigabyte is needed.")
    return Finding("disk", seen)


def _configuration(home: Home, folder: Path) -> Configuration | Finding:
    try:
        configuration = load(home, folder)
    except ConfigurationError as error:
        return Finding("configuration", error.problem, error.remedy)
    if configuration.file is not None and _exposes_a_key(configuration):
        remedy = f"Run: chmod 600 {configuration.file}, or set the key in the environment."
        return Finding(
            "configuration", f"{configuration.file} holds a key others can read.", remedy
        )
    return configuration


def _exposes_a_key(configuration: Configuration) -> bool:
    """Say whether others can read a file with an API key that is not from the environment."""
    if configuration.file is None or not configuration.file.stat().st_mode & 0o077:
        return False
    keyed = [
        f"CHATUNE_MODELS__{name.upper()}__API_KEY"
        for name, model in configuration.settings.models.items()
        if isinstance(model, RemoteModel) and model.api_key is not None
    ]
    judge = configuration.settings.moderation.classifier
    if isinstance(judge, ServiceSection) and judge.api_key is not None:
        keyed.append("CHATUNE_MODERATION__CLASSIFIER__API_KEY")
    return any(variable not in os.environ for variable in keyed)


def _bot(file: Path) -> Finding:
    from chatune_bots.bot_file import load_bot

    try:
        bot = load_bot(file)
    except ConfigurationError as error:
        return Finding("bot", error.problem, error.remedy)
    return Finding("bot", f"{file} loads; its commands: {len(bot.commands)}")


async def _platforms(settings: Settings) -> Sequence[Finding]:
    """Return what the chat platforms say about the bot's tokens and rights."""
    findings: list[Finding] = []
    for name in settings.serve.platforms:
        if name != "console":
            findings += await _platform(name, settings)
    return findings


async def _platform(name: str, settings: Settings) -> Sequence[Finding]:
    from chatune_bots.platforms import examine_platform

    try:
        with anyio.fail_after(_PATIENCE_S):
            found = await examine_platform(name, settings)
    except ConfigurationError as error:
        return [Finding(name, error.problem, error.remedy)]
    except TimeoutError:
        return [Finding(name, f"no answer within {_PATIENCE_S:.0f} s.", "Check the network.")]
    return [Finding(name, one.problem, "" if one.ok else one.remedy) for one in found]


async def _stored(settings: Settings, home: Home, add: Callable[[Finding], Finding]) -> None:
    """Add what is to be said of the database and, if it opens, of what is in it."""
    if not add(await _checked("database", partial(_database, settings, home))).remedy:
        add(await _checked("audit log", partial(_audit_log, settings, home)))
        add(await _checked("training", partial(_training, settings, home)))


async def _database(settings: Settings, home: Home) -> str:
    async with open_stores(settings, home) as stores:
        # A write, so that a lock or a full disk shows.
        await stores.audit.append("operator", "doctor", "database", {})
    kind = "SQLite file" if settings.storage.is_file else "server"
    return f"the {kind} opens, its schema is up to date, and it takes a write"


async def _audit_log(settings: Settings, home: Home) -> str:
    async with open_stores(settings, home) as stores:
        broken = await stores.audit.verify()
    if broken is not None:
        raise ConfigurationError(f"{damage_of(broken)}.", REMEDY)
    return "every entry is as it was written, and none is missing"


async def _moderation(configuration: Configuration, home: Home) -> str:
    from chatune_bots.doctor_moderation import moderation

    return await moderation(configuration, home)


async def _training(settings: Settings, home: Home) -> str:
    from chatune_bots.doctor_training import training

    return await training(settings, home)


async def _model(settings: Settings, name: str, home: Home) -> str:
    from chatune_bots.doctor_models import local_model, remote_model

    model = settings.models[name]
    if isinstance(model, RemoteModel):
        return await remote_model(model, settings)
    return await local_model(model, home)
