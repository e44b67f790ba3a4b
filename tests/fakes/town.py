"""A community with a bot in it that watches, over the in-memory stores; restarted at every event."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chatune_core.bots import Bot
from chatune_core.messages import (
    ActionTaken,
    Attachment,
    ConversationId,
    EventKey,
    FormSubmitted,
    Inbound,
    MessageKey,
    MessagePosted,
    Reply,
    UserId,
)
from chatune_core.moderation.allowances import Allowances
from chatune_core.moderation.cases import Case, Measure
from chatune_core.moderation.community import Community
from chatune_core.moderation.moderator import Failing, Moderator
from chatune_core.moderation.policy import Place, Policy, Thresholds
from chatune_core.moderation.review import Review
from chatune_core.moderation.rules.crowd import Crowd, CrowdLimits
from chatune_core.moderation.rules.links import LinkPolicy, Links
from chatune_core.moderation.rules.words import WordList
from chatune_core.moderation.verdicts import Category, Finding, Role
from chatune_core.moderation.watching import Watch, Watching
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.enforcer import FakeEnforcer
from fakes.generator import ScriptedGenerator
from fakes.platform import FakeFiles, FakePlatform

SQUARE, DESK = ConversationId("test:town:square"), ConversationId("test:town:desk")
ANN, BEN = UserId("test:ann"), UserId("test:ben")
MIA, MAX = UserId("test:mia"), UserId("test:max")
"""Moderators."""
RED = b"\x89PNG\r\n\x1a\n red"
HARM = Category.HARASSMENT
THRESHOLDS: Mapping[tuple[Role, Category], Thresholds] = {
    (Role.COMMUNITY, category): Thresholds(0.5, 0.9, 0.5)
    for category in Category
    if category is not Category.PII
}
MEASURES: Mapping[Category, tuple[Measure, ...]] = {
    **dict.fromkeys(Category, (Measure.REMOVE, Measure.WARN)),
    Category.HATE: (Measure.REMOVE, Measure.TIME_OUT, Measure.WARN),
    Category.SPAM: (Measure.REMOVE, Measure.SLOW_DOWN),
}


class Scores:
    """Scores a text by the words in it; fulfils `Classifier`."""

    name = "scores-1"
    _WORDS: Mapping[str, tuple[Category, float]] = {
        "hateful": (Category.HATE, 0.95),
        "rudeish": (HARM, 0.6),
        "despair": (Category.SELF_HARM, 0.97),
        "naked": (Category.SEXUAL, 0.95),
    }

    def __init__(self) -> None:
        self.outage: Exception | None = None
        self.read: list[str] = []

    async def prepare(self) -> None:
        pass

    async def scores(self, texts: Sequence[str], role: Role) -> Sequence[Mapping[Category, float]]:
        if self.outage is not None:
            raise self.outage
        self.read += texts
        return [dict(self._WORDS[word] for word in self._WORDS if word in text) for text in texts]


class RedIsNaked:
    """Finds pictures with "red" in their bytes explicit; fulfils `PictureRule`."""

    name = "pictures-1"

    def find(self, data: bytes) -> Sequence[Finding]:
        score = 0.97 if b"red" in data else 0.01
        return [Finding(Category.SEXUAL, score, "image:explicit", by_model=True)]


class Town:
    """What a test holds in its hands. Ann and Ben post in the square, Mia and Max moderate."""

    def __init__(
        self,
        *,
        shadow: bool = False,
        measures: Mapping[Category, tuple[Measure, ...]] = MEASURES,
        limits: CrowdLimits | None = None,
        places: Mapping[str, Place] | None = None,
        watching: Watching | None = None,
        failing: Failing | None = None,
        clock: FakeClock | None = None,
        stores: Stores | None = None,
        bot: Bot | None = None,
    ) -> None:
        self.clock, self.platform, self.files = clock or FakeClock(), FakePlatform(), FakeFiles()
        self.bot = bot or Bot()
        self.stores = stores or memory_stores(self.clock, timedelta(seconds=60))
        self.enforcer, self.classifier = FakeEnforcer(), Scores()
        self.enforcers: dict[str, FakeEnforcer] = {"test": self.enforcer}
        self.watching = watching or Watching({"test:town": Watch(DESK, measures), DESK: None})
        policy = Policy(THRESHOLDS, places or {}, shadow=shadow)
        pictures = {(Role.COMMUNITY, Category.SEXUAL): Thresholds(0.2, 0.8)}
        self.moderator = Moderator(
            [
                WordList("foul", ["foulword", "badname"], category=HARM),
                Links(LinkPolicy(deny=frozenset({"bad.example"}))),
            ],
            self.classifier,
            policy,
            pictures=RedIsNaked(),
            picture_policy=Policy(pictures, places or {}, shadow=shadow),
            failing=failing,
        )
        self.allowances = Allowances(self.stores.key_values, lambda: b"k" * 32)
        self.crowd = Crowd(limits or CrowdLimits())
        self._events = 0

    def community(self) -> Community:
        """Return what watches, as a process builds it that has just begun."""
        return Community(
            self.moderator,
            self.enforcers,
            self.watching,
            self.crowd,
            self.stores.cases,
            self.allowances,
            {"test": self.files},
            self.clock,
        )

    async def happen(self, event: Inbound) -> list[Reply]:
        """Let `event` happen; return what was sent because of it, in order."""
        sent = set(self.platform.replies)
        runtime = Runtime(
            inbox=self.stores.inbox,
            ledger=self.stores.ledger,
            outbox=self.stores.outbox,
            history=self.stores.history,
            generators={"small": ScriptedGenerator()},
            default_model="small",
            senders={"test": self.platform},
            files={"test": self.files},
            bot=self.bot,
            settings=CoreSettings(poll=timedelta(seconds=0.01)),
            now=self.clock,
            parts=[
                Review(
                    self.stores.cases, self.watching, self.enforcers, self.allowances, self.clock
                )
            ],
            watcher=self.community(),
        )
        await runtime.handle(event)
        runtime.close()
        await runtime.run()
        return [reply for key, reply in self.platform.replies.items() if key not in sent]

    def posted(
        self,
        text: str,
        user: UserId = ANN,
        *,
        room: ConversationId = SQUARE,
        message: str = "",
        name: str = "",
        previews: tuple[str, ...] = (),
        roles: tuple[str, ...] = (),
        pictures: Mapping[str, bytes] | None = None,
        age_gated: bool = False,
    ) -> MessagePosted:
        """Return a new post; `pictures` are attached, and can be had from the platform."""
        self._events += 1
        attached = tuple(
            Attachment(name, "image/png", len(data), f"https://files.example/{name}")
            for name, data in (pictures or {}).items()
        )
        self.files.contents |= {
            f"https://files.example/{name}": data for name, data in (pictures or {}).items()
        }
        return MessagePosted(
            EventKey(f"test:posted:{self._events}"),
            room,
            user,
            self.clock(),
            MessageKey(message or f"test:m{self._events}"),
            text,
            name,
            attached,
            previews,
            roles,
            age_gated,
        )

    async def post(self, text: str, user: UserId = ANN) -> list[Reply]:
        """Post a text in the square; return what was sent because of it."""
        return await self.happen(self.posted(text, user))

    async def press(
        self, card: Reply, action: str, by: UserId = MIA, room: ConversationId | None = None
    ) -> list[Reply]:
        """Press a button under `card`; return what was sent because of it."""
        self._events += 1
        [button] = [each for each in card.buttons if each.action == action]
        return await self.happen(
            ActionTaken(
                EventKey(f"test:press:{self._events}"),
                room or card.conversation,
                by,
                self.clock(),
                card.replaces or MessageKey(f"shown:{card.answers}"),
                button.action,
                button.value,
            )
        )

    async def appeal(self, warning: Reply, reason: str, by: UserId = ANN) -> list[Reply]:
        """Fill in the form that the button under `warning` opens."""
        self._events += 1
        [button] = warning.buttons
        return await self.happen(
            FormSubmitted(
                EventKey(f"test:form:{self._events}"),
                warning.conversation,
                by,
                self.clock(),
                MessageKey(f"shown:{warning.answers}"),
                button.action,
                button.value,
                (("reason", reason),),
            )
        )

    async def cases(self) -> Sequence[Case]:
        """Return all cases, oldest first."""
        return list(reversed(await self.stores.cases.recent(100)))

    async def audited(self) -> list[str]:
        """Return what is on record, oldest first."""
        return [entry.action for entry in reversed(await self.stores.audit.entries(100))]

    def later(self, by: timedelta) -> datetime:
        """Let time pass."""
        self.clock.advance(by)
        return self.clock()


def actions(reply: Reply) -> list[str]:
    """Return what the buttons of `reply` do."""
    return [button.action for button in reply.buttons]


def edited(posted: MessagePosted, text: str, key: str = "edited") -> MessagePosted:
    """Return the event that a post was changed."""
    return replace(posted, key=EventKey(f"{posted.key}:{key}"), text=text)
