"""The LoRAs that serve, and the watch over those that are new."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chatune_bots.compose import utc_now
from chatune_bots.home import Home
from chatune_bots.settings import LocalModel, Settings
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.serving import Host, LoraEngine, ServedLoras
from chatune_core.learning.tidying import remove_stale_files
from chatune_core.learning.watching import CanaryWatch
from chatune_core.ports import Generator
from chatune_storage.stores import Stores

if TYPE_CHECKING:
    from chatune_bots.schedule import Job

log = logging.getLogger(__name__)
_LOOKS, _TIDIES = timedelta(minutes=1), timedelta(hours=1)


def served_loras(
    settings: Settings,
    home: Home,
    stores: Stores,
    generators: Mapping[str, Generator],
    tell: Callable[[str], None] = log.warning,
) -> ServedLoras:
    """Return what knows which LoRA answers; `generators` are the engines themselves."""
    hosts = {}
    for name, generator in generators.items():
        section = settings.models[name]
        # Both engines load LoRAs, whatever else can stand behind the port.
        engine: LoraEngine = generator  # type: ignore[assignment]
        if isinstance(section, LocalModel):
            hosts[name] = Host(engine)
        else:
            folder = Path(section.lora_folder) if section.lora_folder else None
            hosts[name] = Host(engine, folder, forgets=True)
    return ServedLoras(hosts, stores.loras, LoraFiles(home.loras), utc_now, tell)


def lora_jobs(
    settings: Settings,
    home: Home,
    stores: Stores,
    generators: Mapping[str, Generator],
    loras: ServedLoras,
    tell: Callable[[str], None] = log.warning,
) -> "Sequence[Job]":
    """Return the jobs that promote canaries and roll them back, and delete what may serve no more."""
    from chatune_bots.schedule import Job
    from chatune_bots.triggers import every

    recorded = {name: generator.model for name, generator in generators.items()}
    rules = settings.canary.rules
    watch = CanaryWatch(
        recorded, stores.loras, stores.live_answers, rules, utc_now, loras.wake, tell
    )

    async def look(due: datetime) -> None:
        await watch.look()

    async def tidy(due: datetime) -> None:
        removed = await remove_stale_files(stores.loras, LoraFiles(home.loras))
        if removed:
            log.info("deleted the files of stale versions: %s", ", ".join(removed))

    return Job("canary", every(_LOOKS), look), Job("tidy models", every(_TIDIES), tidy)
