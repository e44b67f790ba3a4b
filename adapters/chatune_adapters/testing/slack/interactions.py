"""What an interaction lends the app: trigger ids and response URLs."""

from dataclasses import dataclass, field

from chatune_adapters.testing.slack.timing import Timing
from chatune_adapters.testing.slack.world import Channel, Message, User, World

RESPONSES = 5


@dataclass(slots=True, eq=False)
class Trigger:
    """A trigger_id: exchanged once, within its time. `view` is the modal it came from."""

    user: User
    given_at: float
    view: str | None = None
    used: bool = False


@dataclass(slots=True, eq=False)
class ResponseUrl:
    """Where the app may answer an interaction without a token."""

    channel: Channel
    user: User
    given_at: float
    original: Message | None
    thread_ts: str | None = None
    used: int = 0


@dataclass(slots=True, eq=False)
class Interactions:
    """Gives out triggers and response URLs."""

    world: World
    timing: Timing
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)

    def trigger(self, user: User, view: str | None = None) -> str:
        """Return a new trigger_id."""
        numbers = self.world.random.getrandbits(32), self.world.random.getrandbits(32)
        trigger_id = f"{numbers[0]}.{numbers[1]}.{self.world.secret()}"
        self.triggers[trigger_id] = Trigger(user, self.world.clock(), view)
        return trigger_id

    def exchange(self, trigger_id: str) -> Trigger | str:
        """Return the trigger and use it up, or the error code."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            return "invalid_trigger_id"
        if trigger.used:
            return "exchanged_trigger_id"
        if self.world.clock() - trigger.given_at > self.timing.trigger_lives:
            return "expired_trigger_id"
        trigger.used = True
        return trigger

    def response_url(
        self,
        channel: Channel,
        user: User,
        original: Message | None = None,
        thread_ts: str | None = None,
    ) -> str:
        """Return the path of a new response URL."""
        secret = self.world.secret()
        now = self.world.clock()
        self.response_urls[secret] = ResponseUrl(channel, user, now, original, thread_ts)
        return f"/response/{channel.team.id}/{secret}"
