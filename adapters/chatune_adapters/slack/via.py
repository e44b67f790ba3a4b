"""The return address of an interaction, as the core carries it: compact JSON, secret."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Via:
    """Where an interaction may be answered.

    `at` is when it came, in seconds since the epoch. `url` answers without a token, five times
    within half an hour. `command` says that it was no press under one of the bot's messages.
    """

    at: float = 0.0
    url: str = ""
    command: bool = False

    def text(self) -> str:
        """Return it as the core carries it."""
        return json.dumps([self.at, self.url, int(self.command)], separators=(",", ":"))


def read_via(text: str) -> Via:
    """Return the address in `text`; an empty one if there is none."""
    if not text:
        return Via()
    at, url, command = json.loads(text)
    return Via(float(at), str(url), bool(command))
