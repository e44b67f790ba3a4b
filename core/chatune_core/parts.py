"""How a feature of the core joins the walk of an event: three small seams."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chatune_core.bots import ActionHandler, FormHandler
from chatune_core.commands import Command
from chatune_core.forms import Form
from chatune_core.messages import ConversationId, MessagePosted
from chatune_core.outcomes import Outcome


class Part(Protocol):
    """A feature that people reach by commands, buttons and forms."""

    def commands(self) -> Sequence[Command]:
        """Return its commands, ready to be added to the table."""
        ...

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """What its buttons do, by action."""
        ...

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """Its forms by name, each with what becomes of it."""
        ...


class Watcher(Protocol):
    """Looks at what people post among themselves."""

    def watches(self, conversation: ConversationId) -> bool:
        """Return whether it wants to see what is posted there."""
        ...

    async def seen(self, posted: MessagePosted) -> Outcome:
        """Return what a post comes to.

        Raises:
            RetryLater: the same post may be judged later.
        """
        ...
