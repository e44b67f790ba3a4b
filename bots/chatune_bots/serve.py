"""`chatune serve`: answers on the configured platforms until told to end."""

import logging
import signal
import sys
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from chatune_adapters.console.intake import Seat
from chatune_adapters.console.listener import LineListener
from chatune_adapters.console.pipe import PipeSender
from chatune_adapters.console.saved import SavedFiles
from chatune_adapters.platform import Platform
from chatune_bots.collecting import collect_seldom
from chatune_bots.compose import Parts, open_models, open_stores, utc_now, watched
from chatune_bots.configuration import described
from chatune_bots.health import serve_health
from chatune_bots.home import Home
from chatune_bots.leading import lead
from chatune_bots.lock import held
from chatune_bots.loras import lora_jobs, served_loras
from chatune_bots.moderation import open_moderation
from chatune_bots.moderation_desk import moderation_desk
from chatune_bots.person import terminal_platform, terminal_user
from chatune_bots.platforms import open_platforms
from chatune_bots.settings import Settings
from chatune_bots.start import Start, start
from chatune_bots.training.approving import approval
from chatune_bots.training.starting import training_jobs
from chatune_core.errors import ConfigurationError
from chatune_core.messages import ConversationId
from chatune_core.ports import Sender
from chatune_core.runtime import Runtime

logger = logging.getLogger(__name__)


def run_serve(home: Home, folder: Path, bot_file: Path | None) -> None:
    """Serve until the console alone was served and ends, or a signal comes; exit code 0 either way.

    Raises:
        ConfigurationError: no platform is configured, or one of them lacks a token or a right.
    """
    begun = start(home, folder, bot_file)
    if not begun.settings.serve.platforms:
        raise ConfigurationError(
            "No platform is configured.", 'Set serve.platforms, as in platforms = ["console"].'
        )
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    anyio.run(partial(_serve, begun))


async def _serve(begun: Start) -> None:
    settings, home = begun.settings, begun.home
    logger.info("settings in force:\n%s", described(settings))
    console = terminal_platform(home, "console")
    names = [console if name == "console" else name for name in settings.serve.platforms]
    with held(home) if settings.storage.is_file else nullcontext():
        async with open_stores(settings, home, names, alone=settings.storage.is_file) as stores:
            # Before the model, which takes longer: a missing token shows at once.
            platforms = open_platforms(settings, stores.key_values)
            async with (
                open_models(settings, home, lambda stage, share: None) as models,
                open_moderation(settings.moderation, begun.folder, models.generators) as moderation,
            ):
                await moderation.prepare()
                kept = watched(stores, lambda event, why: _say(why))
                moderator = moderation.moderator
                desk = moderation_desk(settings.moderation, moderator, kept, platforms, utc_now)
                loras = served_loras(settings, home, stores, models.generators, _say)
                await loras.refresh()
                deciding = approval(settings, home, kept)
                more = [deciding] if deciding is not None else []
                parts = Parts(
                    settings, kept, models.generators, begun.bot, moderator, desk, loras, more
                )
                senders: dict[str, Sender] = {each.name: each.sender for each in platforms}
                if console in names:
                    senders[console] = PipeSender(sys.stdout, SavedFiles(home.files))
                files = {each.name: each.files for each in platforms}
                runtime = parts.runtime(settings.default_model, senders, files)
                for line in (*models.lines, *moderation.lines):
                    _say(line)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(parts.read_notes)
                    tasks.start_soon(loras.run)
                    jobs = [
                        *lora_jobs(settings, home, stores, models.generators, loras, _say),
                        *training_jobs(begun, stores, _say),
                    ]
                    tasks.start_soon(lead, settings, stores, jobs)
                    if settings.serve.health is not None:
                        await tasks.start(serve_health, settings.serve.health, platforms)
                    listener = _console(runtime, settings, home)
                    serving = _Serving(runtime, platforms, listener, settings.serve.drain_s)
                    where = settings.models[settings.default_model].where
                    names_said = ", ".join(settings.serve.platforms)
                    collect_seldom()
                    await serving.run(f"ready: {where}; platforms: {names_said}")
                    tasks.cancel_scope.cancel()


def _console(runtime: Runtime, settings: Settings, home: Home) -> LineListener | None:
    if "console" not in settings.serve.platforms:
        return None
    place = ConversationId(f"{terminal_platform(home, 'console')}:standard-input")
    seat = Seat(terminal_user(), place, utc_now, lambda: uuid.uuid4().hex)
    return LineListener(runtime, seat, sys.stdin.fileno(), _say)


class _Serving:
    """The ways in, the pumps, and the order in which they end."""

    def __init__(
        self,
        runtime: Runtime,
        platforms: Sequence[Platform],
        console: LineListener | None,
        drain_s: float,
    ) -> None:
        self._runtime, self._platforms, self._console = runtime, platforms, console
        self._drain_s = drain_s
        self._told = anyio.Event()
        self._pumping = anyio.CancelScope()

    async def run(self, ready: str) -> None:
        """Say `ready`, then serve until a signal comes, or the console has ended and was alone.

        What was begun is finished then, within the limit. The platforms outlive the pumps, whose
        last answers they send.
        """
        async with anyio.create_task_group() as around:
            around.start_soon(self._obey_signals)
            for platform in self._platforms:
                around.start_soon(self._listen, around, platform)
            with self._pumping:
                async with anyio.create_task_group() as pumps:
                    await pumps.start(self._runtime.run)
                    _say(ready)
                    if self._console is not None:
                        await self._console.run()
                    if self._platforms:
                        await self._told.wait()
                    self._runtime.close()
            around.cancel_scope.cancel()

    async def _listen(self, around: TaskGroup, platform: Platform) -> None:
        await around.start(platform.run, self._runtime)
        _say(f"{platform.name}: {platform.health().detail}")

    async def _obey_signals(self) -> None:
        """At the first signal take no more in; at the second, or after the limit, end at once."""
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            await anext(signals)
            _say(
                f"ending: running answers have {self._drain_s:.0f} s; a second signal ends at once"
            )
            for platform in self._platforms:
                platform.pause()
            if self._console is not None:
                self._console.end()
            self._told.set()
            with anyio.move_on_after(self._drain_s):
                await anext(signals)
            self._pumping.cancel()


def _say(line: str) -> None:
    print(f"chatune: {line}", file=sys.stderr, flush=True)  # noqa: T201
