"""`/feedback` and `/training`: what a person agrees to besides memory, each on its own."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command, command_from
from chatune_core.forms import Form
from chatune_core.outcomes import ConsentChanged
from chatune_core.ports import Consents
from chatune_core.privacy import Purpose

_TEXTS: Mapping[tuple[Purpose, bool], str] = MappingProxyType(
    {
        (Purpose.FEEDBACK, True): "Feedback is kept: reasons of your ratings and your corrections "
        "stay after the conversation is forgotten. /feedback off ends that.",
        (Purpose.FEEDBACK, False): "Feedback is not kept: reasons of your ratings and your "
        "corrections go with the conversation. /feedback on keeps them.",
        (Purpose.TRAINING, True): "You agree that the bot may learn from your conversations. What "
        "you wrote on Discord or Slack is used only if its operator has their permission too. "
        "/training off ends that.",
        (Purpose.TRAINING, False): "The bot does not learn from your conversations. /training on "
        "lets it.",
    }
)


class ConsentCommands:
    """A command for each consent that is a plain yes or no; all are no until somebody says yes."""

    def __init__(self, consents: Consents, now: Callable[[], datetime]) -> None:
        self._consents, self._now = consents, now

    def commands(self) -> Sequence[Command]:
        """See Part.commands."""
        return [
            command_from(
                "feedback", "Whether reasons and corrections that you give are kept.",
                self._feedback, private=True,
            ),
            command_from(
                "training", "Whether the bot may learn from your conversations.",
                self._training, private=True,
            ),
        ]  # fmt: skip

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {}

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {}

    async def _feedback(self, context: Context, what: Literal["on", "off"] | None = None) -> Answer:
        return await self._decided(context, Purpose.FEEDBACK, what)

    async def _training(self, context: Context, what: Literal["on", "off"] | None = None) -> Answer:
        return await self._decided(context, Purpose.TRAINING, what)

    async def _decided(self, context: Context, purpose: Purpose, what: str | None) -> Answer:
        if what is None:
            return Answer(_TEXTS[purpose, await self._consents.allows(context.user, purpose)])
        granted = what == "on"
        change = ConsentChanged(context.user, purpose, granted, context.event.key, self._now())
        return Answer(_TEXTS[purpose, granted], effects=(change,))
