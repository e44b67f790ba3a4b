"""The engine of moderation: normaliser, rules, classifier, policy; one for all three places."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import anyio

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.messages import ConversationId, UserId
from chatune_core.moderation.normalising import Normalised, normalised
from chatune_core.moderation.policy import Policy
from chatune_core.moderation.turns import Turns
from chatune_core.moderation.verdicts import (
    NOBODY,
    NOWHERE,
    Category,
    Finding,
    Role,
    Said,
    Source,
    Verdict,
)

SUREST = 0.999
"""The highest score that counts of a model; only a rule is sure, so 1 as a threshold is for rules."""
_AGAIN = timedelta(seconds=15)
_MODEL = "model"

logger = logging.getLogger(__name__)


class Rule(Protocol):
    """Finds what can be found without a model, in linear time. Blocking."""

    def find(self, text: Normalised) -> Sequence[Finding]:
        """Return what was found, with spans in the original text."""
        ...


class PictureRule(Protocol):
    """Finds what can be found in one picture. Blocking, bounded in time and memory."""

    @property
    def name(self) -> str:
        """Name and version of what looks at it, for the record."""
        ...

    def find(self, data: bytes) -> Sequence[Finding]:
        """Return what was found in the bytes of a picture, whatever they are."""
        ...


class Classifier(Protocol):
    """Scores texts by category."""

    @property
    def name(self) -> str:
        """Name and version, for the record; "" if it is not known yet."""
        ...

    async def prepare(self) -> None:
        """Load what scoring needs; repeatable.

        Raises:
            ConfigurationError: it can never score.
        """
        ...

    async def scores(self, texts: Sequence[str], role: Role) -> Sequence[Mapping[Category, float]]:
        """Return a score from 0 to 1 for each category, text by text.

        Raises:
            RetryLater: it cannot answer now.
            GenerationFailed: it cannot answer for these texts.
        """
        ...


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything that was found in a text, and what the policy makes of it."""

    said: Said
    findings: tuple[Finding, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Failing:
    """What happens when a check takes longer than `patience`, or its model fails.

    For roles in `closed` the check asks to be tried again later, so nothing goes on without it;
    for the others what the rules found is all that counts.
    """

    patience: timedelta = timedelta(seconds=10)
    closed: frozenset[Role] = frozenset()


class Moderator:
    """Judges texts and pictures. Fulfils `Moderation`; works alone as well, without any bot.

    Rules run on one thread, in turn; the event loop never waits for them.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        classifier: Classifier | None,
        policy: Policy,
        *,
        pictures: PictureRule | None = None,
        picture_policy: Policy | None = None,
        failing: Failing | None = None,
    ) -> None:
        self._rules, self._classifier, self.policy = tuple(rules), classifier, policy
        self._pictures, self.picture_policy = pictures, picture_policy or policy
        self._failing = failing or Failing()
        self._turns = Turns(self._failing.patience)

    @property
    def model(self) -> str:
        """Return the name of what scores beside the rules, or ""."""
        return self._classifier.name if self._classifier is not None else ""

    @property
    def picture_model(self) -> str:
        """Return the name of what looks at pictures, or ""."""
        return self._pictures.name if self._pictures is not None else ""

    @property
    def sees_pictures(self) -> bool:
        """Return whether pictures are looked at."""
        return self._pictures is not None

    async def prepare(self) -> None:
        """Load the model now, which the first check would do otherwise; repeatable.

        Raises:
            ConfigurationError: it cannot be loaded.
        """
        if self._classifier is not None:
            await self._classifier.prepare()

    async def check(
        self,
        text: str,
        role: Role,
        conversation: ConversationId = NOWHERE,
        user: UserId = NOBODY,
    ) -> Verdict:
        """Return the verdict on `text`, said as `role` in `conversation` by `user`.

        Any text has one: empty, emoji alone, a megabyte.

        Raises:
            RetryLater: it could not be checked, and the role fails closed.
        """
        [examined] = await self.examine([Said(text, Source(role, conversation, user))])
        return examined.verdict

    async def examine(self, texts: Sequence[Said]) -> list[Examined]:
        """Return for each text what `check` would, and all that was found; batched.

        Raises:
            RetryLater: see `check`.
        """
        found = await self.find(texts)
        return [
            Examined(said, findings, self.policy.judge(findings, said.source, self.model))
            for said, findings in zip(texts, found, strict=True)
        ]

    async def find(
        self, texts: Sequence[Said], *, rules_alone: bool = False
    ) -> list[tuple[Finding, ...]]:
        """Return for each text all that was found, which no policy has judged yet; batched.

        With `rules_alone` no model is asked.

        Raises:
            RetryLater: see `check`.
        """
        if not rules_alone:
            await self.prepare()
        found: list[list[Finding]] = [[] for _ in texts]
        try:
            with anyio.fail_after(self._failing.patience.total_seconds() * max(1, len(texts))):
                plain = await self._turns.take(lambda: self._by_rules(texts, found))
                if not rules_alone:
                    await self._by_model(plain, texts, found)
        except (TimeoutError, RetryLater, GenerationFailed) as error:
            self._failed({said.source.role for said in texts}, error)
        return [tuple(findings) for findings in found]

    async def check_picture(
        self,
        data: bytes,
        role: Role,
        conversation: ConversationId = NOWHERE,
        user: UserId = NOBODY,
    ) -> Verdict:
        """Return the verdict on the bytes of a picture; without a rule for them, all are allowed.

        Raises:
            RetryLater: it could not be looked at, and the role fails closed.
        """
        findings = await self.find_in_picture(data, role)
        source = Source(role, conversation, user)
        return self.picture_policy.judge(findings, source, self.picture_model)

    async def find_in_picture(self, data: bytes, role: Role) -> tuple[Finding, ...]:
        """Return what was found in the bytes of a picture, which no policy has judged yet.

        Raises:
            RetryLater: see `check_picture`.
        """
        if self._pictures is None:
            return ()
        rule = self._pictures
        try:
            with anyio.fail_after(self._failing.patience.total_seconds()):
                return tuple(await self._turns.take(lambda: rule.find(data)))
        except TimeoutError as error:
            self._failed({role}, error)
            return ()

    def _by_rules(self, texts: Sequence[Said], found: list[list[Finding]]) -> list[str]:
        """Add what the rules find in each text; return the texts as a model should read them."""
        plain = [normalised(said.text) for said in texts]
        for findings, text in zip(found, plain, strict=True):
            for rule in self._rules:
                findings.extend(rule.find(text))
        return [text.text for text in plain]

    async def _by_model(
        self, plain: Sequence[str], texts: Sequence[Said], found: list[list[Finding]]
    ) -> None:
        if self._classifier is None:
            return
        roles = [said.source.role for said in texts]
        for role in set(roles):
            meant = [i for i, text in enumerate(plain) if roles[i] is role and text.strip()]
            if not meant:
                continue
            scored = await self._classifier.scores([plain[i] for i in meant], role)
            for i, scores in zip(meant, scored, strict=True):
                found[i] += [
                    Finding(category, min(score, SUREST), _MODEL, by_model=True)
                    for category, score in scores.items()
                ]

    def _failed(self, roles: set[Role], error: Exception) -> None:
        """Let a check end with what is known, or not at all."""
        reason = str(error) or f"no answer within {self._failing.patience.total_seconds():g} s"
        logger.warning("a moderation check failed: %s", reason)
        if roles & self._failing.closed:
            raise RetryLater(f"moderation cannot check now: {reason}", _AGAIN) from error
