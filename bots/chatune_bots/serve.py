"""`chatune serve`: answers on the configured platforms until told to end."""

import logging
import signal
import sys
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import anyio

from chatune_adapters.console.intake import Seat
from chatune_adapters.console.listener import LineListener
from chatune_adapters.console.pipe import PipeSender
from chatune_adapters.console.saved import SavedFiles
from chatune_bots.compose import Parts, open_models, open_stores, utc_now, watched
from chatune_bots.configuration import described
from chatune_bots.home import Home
from chatune_bots.lock import held
from chatune_bots.person import terminal_platform, terminal_user
from chatune_bots.retention import forget_by_age
from chatune_bots.start import Start, start
from chatune_core.errors import ConfigurationError
from chatune_core.messages import ConversationId
from chatune_core.ports import Sender
from chatune_core.runtime import Runtime

logger = logging.getLogger(__name__)


def run_serve(home: Home, folder: Path, bot_file: Path | None) -> None:
    """Serve until the platforms end or a signal comes; exit code 0 either way.

    Raises:
        ConfigurationError: no platform is configured.
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
    platform = terminal_platform(home, "console")
    logger.info("settings in force:\n%s", described(settings))
    with held(home) if settings.storage.is_file else nullcontext():
        async with (
            open_stores(settings, home, [platform]) as stores,
            open_models(settings, home, lambda stage, share: None) as models,
        ):
            kept = watched(stores, lambda event, why: _say(why))
            parts = Parts(settings, kept, models.generators, begun.bot)
            senders: Mapping[str, Sender] = {
                platform: PipeSender(sys.stdout, SavedFiles(home.files))
            }
            runtime = parts.runtime(settings.default_model, senders)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(forget_by_age, stores.retention, settings.storage.keep_for)
                for line in models.lines:
                    _say(line)
                await _work(runtime, begun)
                tasks.cancel_scope.cancel()


async def _work(runtime: Runtime, begun: Start) -> None:
    """Pump until the console ends or a signal comes, then finish what was begun."""
    settings = begun.settings
    conversation = ConversationId(f"{terminal_platform(begun.home, 'console')}:standard-input")
    seat = Seat(terminal_user(), conversation, utc_now, lambda: uuid.uuid4().hex)
    console = LineListener(runtime, seat, sys.stdin.fileno(), _say)
    async with anyio.create_task_group() as pumps:
        await pumps.start(runtime.run)
        async with anyio.create_task_group() as watching:
            watching.start_soon(_drain, console, pumps.cancel_scope, settings.serve.drain_s)
            _say(f"ready: {settings.models[settings.default_model].where}; platforms: console")
            await console.run()
            watching.cancel_scope.cancel()
        runtime.close()


async def _drain(console: LineListener, everything: anyio.CancelScope, limit_s: float) -> None:
    """At the first signal read no more; at the second, or after the limit, end at once."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await anext(signals)
        _say(f"ending: the running answer has {limit_s:.0f} s; a second signal ends at once")
        console.end()
        with anyio.move_on_after(limit_s):
            await anext(signals)
        everything.cancel()


def _say(line: str) -> None:
    print(f"chatune: {line}", file=sys.stderr, flush=True)  # noqa: T201
