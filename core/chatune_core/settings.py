"""Settings of the core; built in `bots/` and handed in whole."""

from dataclasses import dataclass, field
from datetime import timedelta

from chatune_core.generation.requests import Sampling

# Close to what small models were tuned with, to the missing full stop: with it the bundled model begins
# one answer in six about France in a French of its own.
PERSONA = "You are a helpful AI assistant named {name}"


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """How the core answers and how it works through its queues.

    persona: the system prompt. deadline: the longest one answer may take, waiting included.
    longest_message: characters; a longer one is answered with a clear line. largest_file: bytes
    that a handler may read of one attachment. history_turns: how
    many turns are read at most; the token budget decides how many are used. lanes: turns in
    flight in this process. lease_for: how long a claim lasts without a renewal; a third of it
    passes between renewals. poll: how often idle pumps look for work that other processes left.
    attempts: how often a failing event is tried before the person gets an apology.
    choice_share: of messages that get two answers to choose from, of people who agreed to training.
    """

    persona: str = PERSONA.format(name="Chatune")
    sampling: Sampling = field(default_factory=Sampling)
    deadline: timedelta | None = timedelta(minutes=5)
    longest_message: int = 32_000
    largest_file: int = 8 * 1024 * 1024
    history_turns: int = 40
    lanes: int = 256
    lease_for: timedelta = timedelta(seconds=60)
    poll: timedelta = timedelta(seconds=1)
    attempts: int = 3
    choice_share: float = 0.0
