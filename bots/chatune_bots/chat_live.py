"""A conversation with a person at a terminal; the model loads while they already type."""

import logging
import shutil
import sys
import uuid
from collections.abc import Sequence
from contextlib import nullcontext

import anyio
from rich.console import Console

from chatune_adapters.console.editor import LineEditor
from chatune_adapters.console.intake import Seat
from chatune_adapters.console.loading import loading_bar
from chatune_adapters.console.saved import SavedFiles
from chatune_adapters.console.sender import ConsoleSender
from chatune_adapters.console.session import ConsoleSession
from chatune_bots.compose import Parts, open_models, open_stores, utc_now, watched
from chatune_bots.leading import lead
from chatune_bots.lock import held
from chatune_bots.loras import lora_jobs, served_loras
from chatune_bots.moderation import open_moderation
from chatune_bots.person import terminal_platform, terminal_user
from chatune_bots.start import Start
from chatune_bots.training.starting import training_jobs
from chatune_core.messages import ConversationId, Inbound
from chatune_core.runtime import Runtime

_FRAME_S = 0.1  # between two looks at how far loading is

logger = logging.getLogger(__name__)


async def converse(begun: Start, model: str) -> None:
    """Talk with the person at this terminal until they leave."""
    print(first_screen(begun, model))  # noqa: T201
    sender = ConsoleSender(sys.stdout, _terminal_size, SavedFiles(begun.home.files))
    core = Core(begun, model, sender)
    editor = LineEditor(begun.home.terminal_history, core.commands, core.status)
    conversation = ConversationId(f"{core.platform}:{uuid.uuid4().hex}")
    seat = Seat(terminal_user(), conversation, utc_now, lambda: uuid.uuid4().hex)
    with held(begun.home) if begun.settings.storage.is_file else nullcontext():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sender.run)
            tasks.start_soon(core.run)
            await ConsoleSession(editor, sender, seat, core.ready).run()
            tasks.cancel_scope.cancel()


def first_screen(begun: Start, model: str) -> str:
    """Return what this is, what answers where, and how to go on: three lines."""
    settings = begun.settings
    return (
        f"{settings.bot.name} is a chat bot: you talk to an AI, and it can be wrong.\n"
        f"Model {settings.models[model].where}.\n"
        "/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.\n"
    )


def _terminal_size() -> tuple[int, int]:
    size = shutil.get_terminal_size()
    return size.columns, size.lines


class Core:
    """The runtime, from the first look at the disk to the end of the conversation."""

    def __init__(self, begun: Start, model: str, sender: ConsoleSender) -> None:
        self._begun, self._model, self._sender = begun, model, sender
        self.platform = terminal_platform(begun.home, "terminal")
        self._runtime: Runtime | None = None
        self._stage, self._share = "loading the model", 0.0
        self._loaded = anyio.Event()

    async def run(self) -> None:
        """Open everything, then work until cancelled."""
        settings, home = self._begun.settings, self._begun.home
        async with (
            open_stores(settings, home, [self.platform], alone=settings.storage.is_file) as stores,
            open_models(settings, home, self._progressed) as models,
            open_moderation(settings.moderation, self._begun.folder, models.generators) as judging,
        ):
            kept = watched(stores, self._delayed)
            generators, bot = models.attended(), self._begun.bot
            loras = served_loras(settings, home, stores, models.generators)
            await loras.refresh()
            parts = Parts(settings, kept, generators, bot, judging.attended(), loras=loras)
            self._runtime = parts.runtime(self._model, {self.platform: self._sender})
            self._loaded.set()
            for line in models.lines:
                await self._sender.announce(f"Running {line}.")
            for line in judging.lines:
                await self._sender.announce(f"Note: {line}.")
            for name, fault in loras.faults.items():
                await self._sender.announce(f"Note: model {name}: {fault}.")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(judging.prepare)
                tasks.start_soon(parts.read_notes)
                tasks.start_soon(loras.run)
                jobs = [
                    *lora_jobs(settings, home, stores, models.generators, loras),
                    *training_jobs(self._begun, stores, logger.info),
                ]
                tasks.start_soon(lead, settings, stores, jobs)
                await self._runtime.run()

    async def ready(self) -> Runtime:
        """Return the runtime; show how far it is while it is not there yet."""
        if not self._loaded.is_set():
            with loading_bar(Console()) as show:
                while not self._loaded.is_set():
                    show(self._stage, self._share)
                    with anyio.move_on_after(_FRAME_S):
                        await self._loaded.wait()
        assert self._runtime is not None
        return self._runtime

    def commands(self) -> Sequence[tuple[str, str]]:
        """Return the commands for completion, as far as they are known."""
        leave = ("quit", "Leave; so does Ctrl-D.")
        if self._runtime is None:
            return [leave]
        return [leave, *((command.name, command.help) for command in self._runtime.commands)]

    def status(self) -> str:
        """Return the line below the prompt: how far loading is, nothing afterwards."""
        if self._loaded.is_set():
            return ""
        share = f" {self._share:.0%}" if self._share else ""
        return f"{self._stage}{share}; you can type already"

    def _delayed(self, event: Inbound, why: str) -> None:
        # In place of the answer, which takes its place when it can be kept.
        self._sender.preview(event, f"({why} Ctrl-C twice leaves.)")

    def _progressed(self, stage: str, share: float) -> None:
        self._stage, self._share = stage, share
