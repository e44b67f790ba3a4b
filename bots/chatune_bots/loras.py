"""The LoRAs that serve, and the watch over those that are new."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chatune_bots.compose import utc_now
from chatune_bots.home import Home
from chatune_bots.settings import LocalModel, Settings
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.serving import Host, LoraEngine, ServedLoras
from chatune_core.learning.watching import CanaryWatch
from chatune_core.ports import Generator
from chatune_storage.stores import Stores

if TYPE_CHECKING:
    from chatune_bots.schedule import Job

log = logging.getLogger(__name__)
_LOOKS = timedelta(minutes=1)


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


def canary_job(
    settings: Settings,
    stores: Stores,
    generators: Mapping[str, Generator],
    loras: ServedLoras,
    tell: Callable[[str], None] = log.warning,
) -> "Job":
    """Return the job that promotes canaries and rolls them back."""
    from chatune_bots.schedule import Job
    from chatune_bots.triggers import every

    recorded = {name: generator.model for name, generator in generators.items()}
    rules = settings.canary.rules
    watch = CanaryWatch(
        recorded, stores.loras, stores.live_answers, rules, utc_now, loras.wake, tell
    )

    async def look(due: datetime) -> None:
        await watch.look()

    return Job("canary", every(_LOOKS), look)
