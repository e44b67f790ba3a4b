"""What a test may choose about the server and the application that it knows."""

import enum
from dataclasses import dataclass
from datetime import timedelta


class Intent(enum.IntFlag):
    """The groups of gateway events that this server distinguishes."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
"""Intents that an application has only if they were switched on for it."""
VALID_INTENTS = (1 << 17) - 1 | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25
"""Every bit that the gateway knows; any other closes the socket with 4013."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The application, and the times and sizes that the platform sets.

    Two limits default to off, so that tests are quick: `identify_every` (Discord: 5 s for each
    of `max_concurrency` groups of shards) and the request limits (see `Limits`).
    """

    token: str = "MTAwMDAwMDAwMDAwMDAwMDAw.test.loopback"
    bot_name: str = "chatune"
    privileged: Intent = PRIVILEGED
    """The privileged intents that the application was granted."""
    shards: int = 1
    """What `GET /gateway/bot` recommends."""
    max_concurrency: int = 1
    identify_every: timedelta = timedelta(0)
    heartbeat_every: timedelta = timedelta(milliseconds=41_250)
    sent_per_minute: int = 120
    replay_events: int = 10_000
    """How many events a session keeps for a resume; one that misses more is invalid."""
    session_lives: timedelta = timedelta(minutes=5)
    """How long a session without a socket can be resumed."""
    nonce_lives: timedelta = timedelta(minutes=5)
    nonces_in_history: bool = True
    """Whether messages that are listed carry their nonce; Discord documents neither."""
    first_response_within: timedelta = timedelta(seconds=3)
    interaction_lives: timedelta = timedelta(minutes=15)
    attachment_bytes: int = 10 * 1024 * 1024
    invalid_requests_per_10_min: int = 10_000
