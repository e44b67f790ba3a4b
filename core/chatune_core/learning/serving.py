"""Which LoRA answers where: read from the registry, loaded beside the one that serves, then chosen.

A request names its LoRA when it is made and keeps it. So a swap is a change of what later requests
name: the new one is in the engine before, and the old one stays until nobody can name it any more.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import anyio
from anyio import to_thread

from chatune_core.errors import ChatuneError, ConfigurationError, GenerationFailed, RetryLater
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.ports import LoraRegistry
from chatune_core.learning.versions import LoraState, LoraVersion, Served
from chatune_core.messages import ConversationId

EVERY = timedelta(seconds=10)
"""How often the registry is asked: other processes promote too."""
LINGER = timedelta(minutes=10)
"""How long a LoRA stays loaded when it is no longer chosen; longer than a request may wait or run,
for a server that is shared does not know what requests of others still wait for it."""
_REMINDED = timedelta(minutes=1)
_PATIENCE_S = 5.0
log = logging.getLogger(__name__)


class LoraEngine(Protocol):
    """A generator that LoRAs can be loaded into while it answers."""

    async def place_lora(self, lora: LoraId, path: str) -> None:
        """Load the LoRA in the folder `path`; loading it again is harmless.

        Raises:
            GenerationFailed: it is no LoRA for this model.
            ConfigurationError: this engine loads none.
            RetryLater: not now.
        """
        ...

    async def drop_lora(self, lora: LoraId) -> None:
        """Free the LoRA when its last request has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Host:
    """Where the LoRAs of one configured model go.

    folder: where the engine sees the registry's folder, if that is not where we see it.
    forgets: whether it may lose LoRAs behind our back (a server that is started anew), so that they
        are given to it again now and then.
    """

    engine: LoraEngine
    folder: Path | None = None
    forgets: bool = False


def in_canary(version: LoraId, conversation: ConversationId, share: float) -> bool:
    """Return whether the canary answers in this conversation: always the same while it lives."""
    line = f"{version}\0{conversation}".encode("utf-8", "surrogatepass")
    place = int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "big")
    return place < share * 2**64


class ServedLoras:
    """Knows what each configured model serves. Used from one event loop."""

    def __init__(
        self,
        hosts: Mapping[str, Host],
        registry: LoraRegistry,
        files: LoraFiles,
        now: Callable[[], datetime],
        tell: Callable[[str], None] = log.warning,
    ) -> None:
        """Use `hosts` by configured model; `tell` hears each fault in one line, once."""
        self._models = {
            name: _Model(name, host, registry, files, now, tell) for name, host in hosts.items()
        }
        self._one_at_a_time = anyio.Lock()
        self._woken = anyio.Event()

    def lora_for(self, model: str, conversation: ConversationId) -> LoraId | None:
        """See LoraChoice.lora_for."""
        served = self._models.get(model)
        return None if served is None else served.lora_for(conversation)

    @property
    def faults(self) -> Mapping[str, str]:
        """Return what keeps a model from serving what it should, by model."""
        return {name: served.fault for name, served in self._models.items() if served.fault}

    def wake(self) -> None:
        """Have the registry asked at once: something was promoted here."""
        self._woken.set()

    async def run(self) -> None:
        """Ask the registry regularly and when woken, until cancelled."""
        while True:
            self._woken = anyio.Event()
            await self.refresh()
            with anyio.move_on_after(EVERY.total_seconds()):
                await self._woken.wait()

    async def refresh(self) -> None:
        """Serve what the registry says. What cannot be loaded leaves the one before in its place."""
        async with self._one_at_a_time:
            for model in self._models.values():
                await model.refresh()


class _Model:
    """What one configured model serves, and what its engine holds."""

    def __init__(
        self,
        name: str,
        host: Host,
        registry: LoraRegistry,
        files: LoraFiles,
        now: Callable[[], datetime],
        tell: Callable[[str], None],
    ) -> None:
        self._name, self._host, self._registry = name, host, registry
        self._files, self._now, self._tell = files, now, tell
        self._active: LoraId | None = None
        self._canary: LoraId | None = None
        self._share = 0.0
        self._held: dict[LoraId, datetime] = {}
        """What the engine holds, by when it was given it."""
        self._unused_since: dict[LoraId, datetime] = {}
        self.fault = ""

    def lora_for(self, conversation: ConversationId) -> LoraId | None:
        """See LoraChoice.lora_for."""
        canary = self._canary
        if canary is not None and in_canary(canary, conversation, self._share):
            return canary
        return self._active

    async def refresh(self) -> None:
        """See ServedLoras.refresh."""
        try:
            fault = await self._follow()
        except RetryLater as error:  # of the registry
            fault = str(error)
        if fault and fault != self.fault:
            self._tell(f"model {self._name}: {fault}; it serves what it served before")
        self.fault = fault

    async def _follow(self) -> str:
        """Serve what the registry says; return what cannot be loaded at present, and why."""
        while True:
            wanted, faults = await self._registry.served(self._name), []
            for version in filter(None, (wanted.active, wanted.canary)):
                try:
                    await self._load(version)
                except GenerationFailed as error:
                    await self._retire(version, str(error))
                    break  # the registry says what serves in its place
                except (RetryLater, ConfigurationError) as error:
                    faults.append(str(error).rstrip("."))
            else:
                self._choose(wanted)
                await self._drop_unused(LINGER if not faults else timedelta(0))
                return "; ".join(faults)

    async def _load(self, version: LoraVersion) -> None:
        """Have the engine hold the version; a server is told again now and then, for it forgets."""
        given, now = self._held.get(version.id), self._now()
        if given is not None and not (self._host.forgets and now - given >= _REMINDED):
            return
        folder = await to_thread.run_sync(self._files.checked, version)
        seen = folder if self._host.folder is None else self._host.folder / folder.name
        await self._host.engine.place_lora(version.id, str(seen))
        self._held[version.id] = now

    def _choose(self, wanted: Served) -> None:
        """Name the new ones from now on: all at once, so that each request finds one state of it."""
        active, canary = wanted.active, wanted.canary
        if active is None or active.id in self._held:
            self._active = active.id if active else None
        loaded = canary is not None and canary.id in self._held
        self._canary, self._share = (canary.id, canary.share) if canary and loaded else (None, 0.0)

    async def _retire(self, version: LoraVersion, reason: str) -> None:
        """Retire what will never be loaded; what it took the place of is active again."""
        self._tell(f"{version.id} is retired: {reason}")
        serving = (LoraState.CANARY, LoraState.ACTIVE)
        registry, by = self._registry, "serving"
        if not await registry.move(version.id, serving, LoraState.RETIRED, reason, by=by):
            return
        before = version.parent if self._active in (None, version.id) else self._active
        if version.state is LoraState.ACTIVE and before is not None:
            why = f"{version.id} could not be loaded"
            await registry.move(before, [LoraState.RETIRED], LoraState.ACTIVE, why, by=by)

    async def _drop_unused(self, linger: timedelta) -> None:
        """Free what nobody has named for a while; at once, where room is wanted."""
        now = self._now()
        unused = self._held.keys() - {self._active, self._canary}
        since = {lora: self._unused_since.get(lora, now) for lora in unused}
        self._unused_since = {lora: at for lora, at in since.items() if now - at < linger}
        for lora in unused - self._unused_since.keys():
            del self._held[lora]
            # It goes when its last answer has ended, whether we see that or not.
            with anyio.move_on_after(_PATIENCE_S):
                try:
                    await self._host.engine.drop_lora(lora)
                except ChatuneError as error:
                    log.info("%s stays loaded: %s", lora, error)
