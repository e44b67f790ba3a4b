"""Looks after canaries: each is promoted or rolled back by itself, or goes on."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from chatune_core.learning.canary import CanaryRules, Course, decide
from chatune_core.learning.ports import LiveAnswers, LoraRegistry
from chatune_core.learning.versions import LoraState, LoraVersion

_BY = "canary"
log = logging.getLogger(__name__)


class CanaryWatch:
    """For the process that leads; a second one that looks too does no harm."""

    def __init__(
        self,
        models: Mapping[str, str],
        registry: LoraRegistry,
        live: LiveAnswers,
        rules: CanaryRules,
        now: Callable[[], datetime],
        changed: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = log.info,
    ) -> None:
        """Watch `models`: what answers of each are recorded under, by configured name.

        `changed` is called when another version is to serve; `tell` hears of it in one line.
        """
        self._models, self._registry, self._live = models, registry, live
        self._rules, self._now = rules, now
        self._changed, self._tell = changed, tell

    async def look(self) -> None:
        """Decide on each canary by what is known now.

        Raises:
            RetryLater: the store fails in passing; looking again is enough.
        """
        for name, recorded in self._models.items():
            served = await self._registry.served(name)
            if served.canary is not None:
                await self._look(recorded, served.canary, served.active)

    async def _look(self, recorded: str, canary: LoraVersion, active: LoraVersion | None) -> None:
        if canary.stale:
            reason = "somebody took back what it learned from"
            return await self._move(canary, LoraState.RETIRED, f"rolled back: {reason}")
        # Both arms from the same moment on: what people liked last month is no measure.
        since = max(each.changed_at for each in (canary, active) if each is not None)
        control = await self._live.arm(recorded, active.id if active else None, since)
        arm = await self._live.arm(recorded, canary.id, since)
        age = self._now() - canary.changed_at
        decision = decide(control, arm, canary.share, age, self._rules)
        match decision.course:
            case Course.PROMOTE:
                await self._move(canary, LoraState.ACTIVE, f"promoted: {decision.reason}")
            case Course.ROLL_BACK:
                await self._move(canary, LoraState.RETIRED, f"rolled back: {decision.reason}")
            case Course.GO_ON:
                log.info("the canary %s goes on: %s", canary.id, decision.reason)

    async def _move(self, canary: LoraVersion, to: LoraState, reason: str) -> None:
        # A canary that somebody moved meanwhile is left to them.
        if await self._registry.move(canary.id, [LoraState.CANARY], to, reason, by=_BY):
            self._changed()
            self._tell(f"{canary.id} is {reason}")
