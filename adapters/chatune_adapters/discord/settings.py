"""What an operator may choose about Discord."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class DiscordSettings:
    """One bot account on Discord.

    `message_content` asks for the privileged intent, which is needed to follow threads and replies
    that do not mention the bot. `moderates` says that channels are watched: that needs the same
    intent and the permissions to take measures. `shards` is None to do what Discord recommends.
    """

    token: str = field(repr=False)
    message_content: bool = False
    moderates: bool = False
    shards: int | None = None
    api_url: str = "https://discord.com/api/v10"
    gateway_url: str = "wss://gateway.discord.gg/"
    invite_url: str = "https://discord.com/oauth2/authorize"
    portal_url: str = "https://discord.com/developers/applications"
    preview_every: timedelta = timedelta(seconds=1.2)
    """Between two edits of an answer that is being written; Discord allows 5 in 5 s a channel."""
    call_limit: timedelta = timedelta(seconds=5)
    """What does not get through by then is tried again later, so that nobody else waits."""
    silence_limit: timedelta = timedelta(seconds=90)
    """A gateway from which nothing at all was heard is left; heartbeats are 41 s apart."""
    identify_every: timedelta = timedelta(seconds=5)
    """Between two new sessions, as Discord demands."""
    bookmark_every: timedelta = timedelta(seconds=5)
    lift_every: timedelta = timedelta(seconds=30)
    """Between two looks for slow modes that are over."""
    catch_up_margin: timedelta = timedelta(seconds=60)
    """How far before the bookmark a catch-up begins; what is known already is skipped."""
    catch_up_most: timedelta = timedelta(days=2)
    """Older gaps are not read: nobody waits for an answer any more."""
    catch_up_at_once: int = 4

    @property
    def reads_content(self) -> bool:
        """Whether the message content intent is asked for."""
        return self.message_content or self.moderates
