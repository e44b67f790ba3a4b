"""The return address that an interaction leaves in its event."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chatune_adapters.discord.ids import time_of

_TOKEN_LIVES = timedelta(minutes=14, seconds=30)
"""Discord: 15 minutes; the rest is for what is on its way."""


@dataclass(frozen=True, slots=True)
class Via:
    """How to answer an interaction.

    `original` says that a deferred answer waits to be filled in; `hidden` that it, or the message
    under which a button was pressed, is seen by one person. `message` is what a public answer
    refers to.
    """

    application: str
    interaction: str
    token: str = field(repr=False)
    original: bool = False
    hidden: bool = False
    message: str = ""

    def text(self) -> str:
        """Return the address as an event carries it."""
        told = [self.application, self.interaction, self.token]
        return json.dumps([*told, int(self.original), int(self.hidden), self.message])

    def lives(self, now: datetime) -> bool:
        """Return whether the token can still be used."""
        return now - time_of(self.interaction) < _TOKEN_LIVES


def via_in(text: str) -> Via | None:
    """Return the address in an event's or reply's `via`; None where there is none."""
    if not text:
        return None
    application, interaction, token, original, hidden, message = json.loads(text)
    return Via(application, interaction, token, bool(original), bool(hidden), message)
