"""Operators are shown how a new version was judged, and decide about it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.bots import Bot, Context
from chatune_core.errors import ConfigurationError, RetryLater
from chatune_core.generation.requests import LoraId
from chatune_core.learning.approval import (
    APPROVE,
    DECIDED,
    NO_REPORT,
    NOT_HERE,
    NOT_WAITING,
    REJECT,
    Approval,
)
from chatune_core.learning.gate import GateReport, judged
from chatune_core.learning.limits import GateSettings
from chatune_core.learning.measured import Behaviour, Example, Interval, Measured
from chatune_core.messages import (
    ActionTaken,
    CommandInvoked,
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    Reply,
    UserId,
)
from chatune_core.outcomes import Outcome
from chatune_core.ports import EventLease, Ledger
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.memory import memory_stores
from fakes.clock import FakeClock
from fakes.generator import ScriptedGenerator
from fakes.platform import FakeFiles, FakePlatform

pytestmark = pytest.mark.anyio
OPERATORS, SQUARE = ConversationId("test:town:operators"), ConversationId("test:town:square")
OLA, PIA = UserId("test:ola"), UserId("test:pia")
TEA, COFFEE = LoraId("tea-1"), LoraId("coffee-1")
BEFORE = Behaviour(0.5, 12.0, 0.1, 0.0, 0.1, 40.0, 0.3, 0.0, 0.0, 0.0)
REPORT = judged(
    Measured(
        100, 12, Interval(0.2, 0.1, 0.3, 0.996), BEFORE, replace(BEFORE, accuracy=0.7), 0.8,
        (Example("What is tea?", "<b>A drink.</b>", "Tea is a hot drink."),),
    ),
    GateSettings(require_approval=True),
)  # fmt: skip


class Faulty:
    """A ledger to which workers die, as often as it is told, before they have committed."""

    def __init__(self, ledger: Ledger, clock: FakeClock) -> None:
        self._ledger, self._clock, self.deaths = ledger, clock, 0

    async def commit(self, lease: EventLease, outcome: Outcome) -> bool:
        if self.deaths:
            self.deaths -= 1
            self._clock.advance(timedelta(seconds=61))
            return False
        return await self._ledger.commit(lease, outcome)


class Office:
    """Operators, and what becomes of the versions that they decide about."""

    def __init__(self, bot: Bot | None = None) -> None:
        self.clock, self.platform, self.bot = FakeClock(), FakePlatform(), bot or Bot()
        self.stores = memory_stores(self.clock, timedelta(seconds=60))
        self.ledger = Faulty(self.stores.ledger, self.clock)
        self.reports: dict[LoraId, GateReport] = {TEA: REPORT}
        self.standing: dict[LoraId, bool] = {}
        self.deciders: list[tuple[LoraId, bool, UserId]] = []
        self.outages: list[Exception] = []
        self._events = 0

    async def report(self, lora: LoraId) -> GateReport | None:
        return self.reports.get(lora)

    async def decide(self, lora: LoraId, approved: bool, by: UserId) -> bool:
        self.deciders.append((lora, approved, by))
        stands = self.standing.setdefault(lora, approved) == approved
        if self.outages:
            raise self.outages.pop()
        return stands

    def approval(self) -> Approval:
        return Approval(OPERATORS, self.report, self.decide, self.stores.key_values, self.clock)

    async def happen(self, event: Inbound) -> list[Reply]:
        """Let `event` happen in a process that has just begun; return what was sent."""
        sent = set(self.platform.replies)
        runtime = Runtime(
            inbox=self.stores.inbox,
            ledger=self.ledger,
            outbox=self.stores.outbox,
            history=self.stores.history,
            generators={"small": ScriptedGenerator()},
            default_model="small",
            senders={"test": self.platform},
            files={"test": FakeFiles()},
            bot=self.bot,
            settings=CoreSettings(poll=timedelta(seconds=0.01)),
            now=self.clock,
            parts=[self.approval()],
        )
        await runtime.handle(event)
        runtime.close()
        await runtime.run()
        return [reply for key, reply in self.platform.replies.items() if key not in sent]

    async def card(self, lora: LoraId = TEA) -> Reply:
        [card] = await self.happen(self.approval().announcement(lora))
        return card

    async def press(
        self, card: Reply, action: str, by: UserId = OLA, room: ConversationId = OPERATORS
    ) -> Reply:
        self._events += 1
        [button] = [each for each in card.buttons if each.action == action]
        [reply] = await self.happen(
            ActionTaken(
                EventKey(f"test:press:{self._events}"),
                room,
                by,
                self.clock(),
                MessageKey(f"shown:{card.answers}"),
                action,
                button.value,
            )
        )
        return reply

    async def audited(self) -> list[tuple[str, str, str]]:
        entries = reversed(await self.stores.audit.entries(10))
        return [(entry.action, entry.actor, entry.subject) for entry in entries]


@pytest.fixture
def office() -> Office:
    return Office()


async def test_the_operators_see_how_it_was_judged_with_the_whole_report_attached(
    office: Office,
) -> None:
    card = await office.card()

    assert (card.conversation, card.private) == (OPERATORS, False)
    assert card.text.startswith("**New version `tea-1`**\nKeeps to every limit, and waits")
    assert "General perplexity: 12.0 → 12.0 (at most 12.1)" in card.text
    assert len(card.text) < 1900
    assert [(button.action, button.label) for button in card.buttons] == [
        (APPROVE, "Approve"),
        (REJECT, "Reject"),
    ]
    [page] = card.files
    assert page.name == "tea-1.html"
    assert b"&lt;b&gt;A drink.&lt;/b&gt;" in page.content


async def test_a_version_is_announced_once_however_often_that_is_asked_for(office: Office) -> None:
    await office.card()

    assert await office.happen(office.approval().announcement(TEA)) == []


@pytest.mark.parametrize(
    ("action", "approved", "word"), [(APPROVE, True, "Approved"), (REJECT, False, "Rejected")]
)
async def test_a_press_decides_and_the_card_says_who_and_when(
    office: Office, action: str, approved: bool, word: str
) -> None:
    card = await office.card()

    shown = await office.press(card, action)

    assert office.deciders == [(TEA, approved, OLA)]
    assert shown.replaces == f"shown:{card.answers}"
    assert shown.buttons == ()
    assert f"{word} by `test:ola`, 20" in shown.text
    assert await office.audited() == [(f"lora {word.lower()}", OLA, TEA)]


@pytest.mark.parametrize("action", [APPROVE, REJECT])
async def test_outside_the_operators_conversation_nobody_decides(
    office: Office, action: str
) -> None:
    card = await office.card()

    for room in (SQUARE, ConversationId(f"{OPERATORS}2")):
        line = await office.press(card, action, room=room)
        assert (line.text, line.private) == (NOT_HERE, True)
    assert office.deciders == []
    assert await office.audited() == []


async def test_a_thread_of_that_conversation_is_theirs_too(office: Office) -> None:
    card = await office.card()

    await office.press(card, APPROVE, room=ConversationId(f"{OPERATORS}:thread"))

    assert office.deciders == [(TEA, True, OLA)]


@pytest.mark.parametrize("second", [APPROVE, REJECT])
async def test_of_two_people_the_first_decides(office: Office, second: str) -> None:
    card = await office.card()
    await office.press(card, APPROVE, OLA)

    line = await office.press(card, second, PIA)

    assert (line.text, line.private) == (DECIDED, True)
    assert office.standing == {TEA: True}
    assert await office.audited() == [("lora approved", OLA, TEA)]


async def test_what_was_decided_elsewhere_meanwhile_is_not_decided_again(office: Office) -> None:
    card = await office.card()
    office.standing[TEA] = False

    line = await office.press(card, APPROVE)

    assert (line.text, line.private) == (NOT_WAITING, True)
    assert await office.audited() == []


async def test_an_outage_after_the_decision_leaves_one_decision_on_record(office: Office) -> None:
    card = await office.card()
    office.outages = [RetryLater("busy", timedelta(0))]

    shown = await office.press(card, APPROVE)

    assert "Approved by `test:ola`" in shown.text
    assert office.deciders == [(TEA, True, OLA)] * 2
    assert await office.audited() == [("lora approved", OLA, TEA)]


async def test_a_press_whose_worker_died_after_the_decision_is_worked_off_once_more(
    office: Office,
) -> None:
    card = await office.card()
    office.ledger.deaths = 1

    shown = await office.press(card, APPROVE)

    assert "Approved by `test:ola`" in shown.text
    assert await office.audited() == [("lora approved", OLA, TEA)]


async def test_an_operator_may_have_the_card_shown_again(office: Office) -> None:
    def asked(number: int, room: ConversationId) -> CommandInvoked:
        key = EventKey(f"test:asked:{number}")
        return CommandInvoked(key, room, OLA, office.clock(), "lora-approval", "tea-1")

    [again] = await office.happen(asked(1, OPERATORS))
    [elsewhere] = await office.happen(asked(2, SQUARE))
    await office.press(again, REJECT)
    [decided] = await office.happen(asked(3, OPERATORS))

    assert len(again.buttons) == 2
    assert elsewhere.text == NOT_HERE
    assert decided.buttons == ()


async def test_a_version_without_a_report_is_said_to_have_none(office: Office) -> None:
    assert (await office.card(COFFEE)).text == NO_REPORT


async def test_a_bot_cannot_take_over_what_the_buttons_do() -> None:
    bot = Bot()

    @bot.action(APPROVE)
    async def approve(context: Context, value: str) -> str:
        return "Done."

    with pytest.raises(ConfigurationError, match="'lora-approve' is one of Chatune's own"):
        await Office(bot).card()
