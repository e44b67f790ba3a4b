"""The moderator: rules and a model judged together, in turn, within time."""

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta

import anyio
import pytest

from chatune_core.errors import ConfigurationError, GenerationFailed, RetryLater
from chatune_core.messages import ConversationId, UserId
from chatune_core.moderation.in_thread import InThread
from chatune_core.moderation.moderator import Failing, Moderator
from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.policy import Policy, Thresholds
from chatune_core.moderation.verdicts import Category, Finding, Level, Role, Said, Span
from chatune_core.ports import Moderation

pytestmark = pytest.mark.anyio
PATIENCE = timedelta(seconds=10)
POLICY = Policy(
    {
        (role, category): Thresholds(0.5, 1.0)
        for role in Role
        for category in (Category.HATE, Category.SPAM)
    }
)


class Shouting:
    """A rule that is sure of the word "loud"."""

    def find(self, text: Normalised) -> Sequence[Finding]:
        at = text.text.find("loud")
        if at < 0:
            return []
        return [Finding(Category.SPAM, 1.0, "loud", (Span(at, at + 4, "loud"),))]


class Scorer:
    """Scores hate by the number in the text; remembers what it was given together."""

    name = "scorer-1"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def scores(self, texts: Sequence[str]) -> Sequence[Mapping[Category, float]]:
        self.batches.append(list(texts))
        return [{Category.HATE: float(text.split()[-1])} for text in texts]


class Stuck:
    """Scores nothing until it is let go."""

    name = "stuck"

    def __init__(self) -> None:
        self.begun, self.go, self.running = threading.Event(), threading.Event(), 0
        self.most_at_once = 0

    def scores(self, texts: Sequence[str]) -> Sequence[Mapping[Category, float]]:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.begun.set()
        self.go.wait(30)
        self.running -= 1
        return [{Category.HATE: 0.9} for _ in texts]


class Failed:
    """A model that raises; fulfils `Classifier`."""

    name = "failed"

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def prepare(self) -> None:
        return

    async def scores(self, texts: Sequence[str], role: Role) -> Sequence[Mapping[Category, float]]:
        raise self.error


def in_thread(scorer: Scorer | Stuck) -> InThread:
    return InThread(lambda: scorer, PATIENCE)


async def test_rules_and_model_are_judged_together_worst_first() -> None:
    moderator: Moderation = Moderator([Shouting()], in_thread(Scorer()), POLICY)

    verdict = await moderator.check(
        "loud 0.7", Role.USER, ConversationId("test:c"), UserId("test:u")
    )

    assert verdict.level is Level.ACT
    assert [finding.rule for finding in verdict.findings] == ["loud", "model"]
    assert verdict.scores == {Category.SPAM: 1.0, Category.HATE: 0.7}
    assert (verdict.model, verdict.policy) == ("scorer-1", POLICY.version)


async def test_no_model_is_ever_as_sure_as_a_rule() -> None:
    verdict = await Moderator([], in_thread(Scorer()), POLICY).check("1.0", Role.USER)

    assert verdict.level is Level.REVIEW
    assert verdict.scores[Category.HATE] < 1


@pytest.mark.parametrize(
    "text", ["", " \n", "\u200b", "😀", "\u202eabc", "\ud800", "a" * 1_000_000]
)
async def test_every_text_has_a_verdict(text: str) -> None:
    class Constant(Scorer):
        def scores(self, texts: Sequence[str]) -> Sequence[Mapping[Category, float]]:
            for each in texts:
                each.encode()
            return [{Category.HATE: 0.1} for _ in texts]

    verdict = await Moderator([Shouting()], in_thread(Constant()), POLICY).check(text, Role.USER)

    assert verdict.level is Level.ALLOW


async def test_a_model_is_not_asked_about_nothing() -> None:
    scorer = Scorer()

    await Moderator([], in_thread(scorer), POLICY).check("  \u200b ", Role.USER)

    assert scorer.batches == []


async def test_many_texts_are_scored_in_one_batch_and_keep_their_order() -> None:
    scorer = Scorer()
    texts = [Said(f"0.{i}") for i in range(1, 10)]

    examined = await Moderator([], in_thread(scorer), POLICY).examine(texts)

    assert [one.verdict.scores[Category.HATE] for one in examined] == [i / 10 for i in range(1, 10)]
    assert len(scorer.batches) == 1


async def test_who_comes_while_the_model_is_busy_shares_the_next_batch() -> None:
    class Slow(Scorer):
        def __init__(self) -> None:
            super().__init__()
            self.begun, self.go = threading.Event(), threading.Event()

        def scores(self, texts: Sequence[str]) -> Sequence[Mapping[Category, float]]:
            self.begun.set()
            self.go.wait(30)
            return super().scores(texts)

    slow = Slow()
    classifier = in_thread(slow)
    seen: dict[str, float] = {}

    async def ask(text: str) -> None:
        [scores] = await classifier.scores([text], Role.USER)
        seen[text] = scores[Category.HATE]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "0.1")
        await anyio.to_thread.run_sync(slow.begun.wait, 10)
        for text in ("0.2", "0.3", "0.4"):
            tasks.start_soon(ask, text)
        await anyio.wait_all_tasks_blocked()
        slow.go.set()

    assert seen == {"0.1": 0.1, "0.2": 0.2, "0.3": 0.3, "0.4": 0.4}
    assert [len(batch) for batch in slow.batches] == [1, 3]


async def test_a_model_is_loaded_once_and_only_when_it_is_needed() -> None:
    loaded: list[int] = []

    def load() -> Scorer:
        loaded.append(threading.get_ident())
        return Scorer()

    moderator = Moderator([], InThread(load, PATIENCE), POLICY)
    assert loaded == []

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(moderator.check, "0.1", Role.USER)

    assert len(loaded) == 1
    assert loaded != [threading.get_ident()]


async def test_a_model_that_cannot_be_loaded_says_so_and_is_tried_again() -> None:
    def load() -> Scorer:
        raise ConfigurationError("It is broken.", "Mend it.")

    moderator = Moderator([], InThread(load, PATIENCE), POLICY)

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="It is broken"):
            await moderator.prepare()


@pytest.mark.parametrize(
    "error", [RetryLater("it is down", timedelta(0)), GenerationFailed("it talks nonsense")]
)
async def test_a_role_that_fails_open_is_judged_by_rules_alone(error: Exception) -> None:
    moderator = Moderator(
        [Shouting()], Failed(error), POLICY, failing=Failing(closed=frozenset({Role.ASSISTANT}))
    )

    assert (await moderator.check("loud", Role.USER)).level is Level.ACT
    assert (await moderator.check("quiet", Role.USER)).level is Level.ALLOW


async def test_a_role_that_fails_closed_gets_no_verdict_at_all() -> None:
    broken = Failed(RetryLater("it is down", timedelta(0)))
    moderator = Moderator([], broken, POLICY, failing=Failing(closed=frozenset({Role.ASSISTANT})))

    with pytest.raises(RetryLater, match="cannot check now: it is down"):
        await moderator.check("hello", Role.ASSISTANT)


async def test_a_check_that_takes_too_long_ends_and_two_never_run_at_once() -> None:
    stuck = Stuck()
    classifier = in_thread(stuck)
    failing = Failing(patience=timedelta(milliseconds=200))
    moderator = Moderator([Shouting()], classifier, POLICY, failing=failing)

    first = await moderator.check("loud", Role.USER)
    second = await moderator.check("loud", Role.USER)

    assert first.scores == second.scores == {Category.SPAM: 1.0}
    assert stuck.begun.is_set()
    stuck.go.set()
    later = await Moderator([Shouting()], classifier, POLICY).check("loud", Role.USER)
    assert later.scores == {Category.SPAM: 1.0, Category.HATE: 0.9}
    assert stuck.most_at_once == 1


async def test_a_picture_is_judged_by_a_policy_of_its_own() -> None:
    class Explicit:
        name = "pictures-1"

        def find(self, data: bytes) -> Sequence[Finding]:
            return [Finding(Category.SEXUAL, data[0] / 100, "image:explicit", by_model=True)]

    pictures = Policy({(Role.COMMUNITY, Category.SEXUAL): Thresholds(0.2, 0.8)})
    moderator = Moderator([], None, POLICY, pictures=Explicit(), picture_policy=pictures)

    verdicts = [
        await moderator.check_picture(bytes([score]), Role.COMMUNITY) for score in (10, 30, 90)
    ]

    assert verdicts[0].model == "pictures-1"
    assert [verdict.level for verdict in verdicts] == [Level.ALLOW, Level.REVIEW, Level.ACT]
    assert (await Moderator([], None, POLICY).check_picture(b"x", Role.USER)).level is Level.ALLOW
