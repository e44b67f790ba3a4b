"""Places in which measures are taken: one of each platform, and the fake's."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol

from adapters.discord import rig
from adapters.slack.place import Place as SlackPlace
from adapters.slack.place import opened_place
from chatune_adapters.slack.enforcer import FLAG
from chatune_adapters.testing.discord import Message, Permission
from chatune_core.messages import ConversationId, MessageKey, UserId
from chatune_core.moderation.cases import Measure
from chatune_core.ports import Enforcer
from fakes.enforcer import FakeEnforcer


class EnforcedPlace(Protocol):
    """A channel with somebody in it, as the platform itself sees it."""

    enforcer: Enforcer
    conversation: ConversationId
    user: UserId

    async def post(self) -> MessageKey:
        """Return a message that `user` has just posted."""
        ...

    async def shows(self, message: MessageKey) -> bool: ...

    async def flags(self, message: MessageKey) -> bool: ...

    async def silences(self) -> datetime | None:
        """Return until when `user` may not write."""
        ...

    async def pause(self) -> timedelta: ...

    async def take_rights(self) -> None:
        """Let the bot do nothing here any more."""
        ...


class FakePlace:
    """The fake, held to the same as the real ones."""

    def __init__(self) -> None:
        self.fake = FakeEnforcer()
        self.enforcer: Enforcer = self.fake
        self.conversation, self.user = ConversationId("test:town:square"), UserId("test:ann")
        self._posted = 0

    async def post(self) -> MessageKey:
        self._posted += 1
        return MessageKey(f"test:m{self._posted}")

    async def shows(self, message: MessageKey) -> bool:
        return message not in self.fake.removed

    async def flags(self, message: MessageKey) -> bool:
        return message in self.fake.flagged

    async def silences(self) -> datetime | None:
        return self.fake.timed_out.get(self.user)

    async def pause(self) -> timedelta:
        return self.fake.pauses.get(self.conversation, timedelta(0))

    async def take_rights(self) -> None:
        self.fake.refused = dict.fromkeys(Measure, "the bot lacks a permission")


class DiscordPlace:
    """A channel of a server, and Ann in it."""

    def __init__(self, at: rig.Place, enforcer: Enforcer) -> None:
        self._at, self.enforcer = at, enforcer
        self.conversation = ConversationId(f"discord:{at.guild.id}:{at.channel.id}")
        self.user = UserId(f"discord:{at.ann.id}")
        self._said: dict[MessageKey, Message] = {}

    async def post(self) -> MessageKey:
        said = await self._at.server.say(self._at.ann, self._at.channel, "something")
        key = MessageKey(f"discord:{said.id}")
        self._said[key] = said
        return key

    async def shows(self, message: MessageKey) -> bool:
        return self._said[message].deleted_at is None

    async def flags(self, message: MessageKey) -> bool:
        return bool(self._said[message].reactions)

    async def silences(self) -> datetime | None:
        member = self._at.guild.member(self._at.ann)
        assert member is not None
        return member.silenced_until

    async def pause(self) -> timedelta:
        return timedelta(seconds=self._at.channel.slow_mode_s)

    async def take_rights(self) -> None:
        self._at.guild.withheld = Permission.MANAGE_MESSAGES


class SlackChannel:
    """A channel of a workspace, and Ada in it."""

    def __init__(self, at: SlackPlace, enforcer: Enforcer, token: str) -> None:
        self._at, self.enforcer, self._token = at, enforcer, token
        self.conversation = ConversationId(f"slack:{at.team.id}:{at.channel.id}")
        self.user = UserId(f"slack:{at.team.id}:{at.ada.id}")

    async def post(self) -> MessageKey:
        said = await self._at.say("something")
        return MessageKey(f"{self.conversation}:{said.ts}")

    async def shows(self, message: MessageKey) -> bool:
        return any(message.endswith(each.ts) for each in self._at.server.messages(self._at.channel))

    async def flags(self, message: MessageKey) -> bool:
        [found] = [
            each for each in self._at.server.messages(self._at.channel) if message.endswith(each.ts)
        ]
        return bool(found.reactions.get(FLAG))

    async def silences(self) -> datetime | None:
        return None

    async def pause(self) -> timedelta:
        return timedelta(0)

    async def take_rights(self) -> None:
        self._at.server.revoke_user_token(self._token)


@asynccontextmanager
async def fake_place() -> AsyncIterator[EnforcedPlace]:
    yield FakePlace()


@asynccontextmanager
async def discord_place() -> AsyncIterator[EnforcedPlace]:
    async with (
        rig.place() as at,
        rig.running(at, rig.RecordingIntake(), moderates=True) as platform,
    ):
        yield DiscordPlace(at, platform.enforcer)


@asynccontextmanager
async def slack_place() -> AsyncIterator[EnforcedPlace]:
    async with opened_place() as at:
        token = at.server.user_token(at.server.add_user(at.team, "meg", is_admin=True))
        async with at.connected(moderator_token=token) as platform:
            yield SlackChannel(at, platform.enforcer, token)


PLACES: Mapping[str, Callable[[], AbstractAsyncContextManager[EnforcedPlace]]] = {
    "fake": fake_place,
    "discord": discord_place,
    "slack": slack_place,
}
