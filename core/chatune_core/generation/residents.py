"""The LoRAs resident on the device: placed and dropped between steps, never under a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from chatune_core.errors import ChatuneError, RetryLater
from chatune_core.generation.device_step import attempted, refusal
from chatune_core.generation.mailbox import Mailbox
from chatune_core.generation.requests import LoraId
from chatune_core.generation.runner import Runner
from chatune_core.generation.scheduler import Scheduler

Reply = Mailbox[ChatuneError | None]
"""Where the outcome of an order goes; None is success."""


class Residents:
    """Which LoRAs requests may name. Used by the thread that owns the device alone."""

    def __init__(
        self,
        runner: Runner,
        scheduler: Scheduler,
        retry_after: timedelta,
        answer: Callable[[Reply, ChatuneError | None], None],
    ) -> None:
        self._runner = runner
        self._scheduler = scheduler
        self._retry_after = retry_after
        self._answer = answer
        self._placed: set[LoraId] = set()
        self._dropping: dict[LoraId, list[Reply]] = {}

    def admits(self, lora: LoraId | None) -> bool:
        """Return whether a new request may run with `lora`; the bare model always serves."""
        return lora is None or (lora in self._placed and lora not in self._dropping)

    def place(self, lora: LoraId, path: str, reply: Reply) -> None:
        """Load `lora`; an id is one set of weights, so a resident one stays as it is."""
        if lora in self._dropping:
            self._answer(
                reply, RetryLater(f"the LoRA {lora!r} is being dropped", self._retry_after)
            )
        elif lora in self._placed or self._done(
            partial(self._runner.place_lora, lora, path), reply
        ):
            self._placed.add(lora)
            self._answer(reply, None)

    def drop(self, lora: LoraId, reply: Reply) -> None:
        """Refuse `lora` from now on, and free it when no request uses it any more."""
        self._dropping.setdefault(lora, []).append(reply)
        self.drop_unused()

    def drop_unused(self) -> None:
        """Free what is to be dropped and no longer used."""
        for lora in [lora for lora in self._dropping if not self._scheduler.uses(lora)]:
            replies = self._dropping.pop(lora)
            if lora in self._placed:
                self._placed.discard(lora)
                self._scheduler.forget_lora(lora)
                if not self._done(partial(self._runner.drop_lora, lora), *replies):
                    continue
            for reply in replies:
                self._answer(reply, None)

    def close(self, reason: ChatuneError) -> None:
        """Answer everyone who still waits with `reason`."""
        for replies in self._dropping.values():
            for reply in replies:
                self._answer(reply, reason)
        self._dropping.clear()

    def _done(self, action: Callable[[], None], *replies: Reply) -> bool:
        """Run `action`; if it fails, tell why and return False."""
        fault = attempted(action)
        if fault is None:
            return True
        told = refusal(fault, alone=False, after=self._retry_after)
        for reply in replies:
            self._answer(reply, told)
        return False
