"""Builds the moderator that the settings ask for; the models behind it load when they are needed."""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from chatune_bots.attended import AttendedModeration
from chatune_bots.moderation_policy import (
    LARGE_MODEL,
    RULES_ALONE,
    SMALL_MODEL,
    Advice,
    picture_policy,
    policy,
    small_model,
)
from chatune_bots.moderation_settings import (
    EmbeddedClassifier,
    GuardSection,
    ModerationSection,
    NoClassifier,
    ServiceSection,
    TransformersSection,
)
from chatune_core.errors import ConfigurationError
from chatune_core.moderation.in_thread import InThread
from chatune_core.moderation.moderator import Classifier, Failing, Moderator
from chatune_core.moderation.verdicts import Role
from chatune_core.ports import Generator

if TYPE_CHECKING:
    from chatune_core.moderation.in_thread import TextClassifier

logger = logging.getLogger(__name__)

NOT_INSTALLED = "moderation works by rules alone: the embedded classifier is not installed"


@dataclass(frozen=True, slots=True)
class OpenedModeration:
    """The moderator, None if it is off, and lines for people on what is not as they may expect."""

    moderator: Moderator | None
    lines: Sequence[str] = ()

    async def prepare(self) -> None:
        """Load the model now instead of at the first check.

        Raises:
            ConfigurationError: it cannot be loaded.
        """
        if self.moderator is not None:
            await self.moderator.prepare()

    def attended(self) -> AttendedModeration | None:
        """Return the moderator for a person who waits in front of it."""
        return AttendedModeration(self.moderator) if self.moderator is not None else None


def failing(section: ModerationSection) -> Failing:
    """Return how checks fail in a bot; while moderation only watches, nothing waits for it."""
    closed = [role for role in Role if getattr(section.fail, role.value) == "closed"]
    watches = section.mode == "shadow"
    return Failing(timedelta(seconds=section.timeout_s), frozenset(() if watches else closed))


@asynccontextmanager
async def open_moderation(
    section: ModerationSection,
    folder: Path,
    generators: Mapping[str, Generator],
    fails: Failing | None = None,
) -> AsyncGenerator[OpenedModeration, None]:
    """Open the moderator for the body; its model is loaded by `prepare` or the first check.

    Args:
        section: the settings.
        folder: where relative paths begin.
        generators: the open models, one of which may be a guard.
        fails: how checks fail; left out, as in a bot.

    Raises:
        ConfigurationError: a list or a model cannot be used.
    """
    if section.mode == "off":
        yield OpenedModeration(None)
        return
    async with AsyncExitStack() as stack:
        yield await _opened(section, folder, generators, stack, fails or failing(section))


async def _opened(
    section: ModerationSection,
    folder: Path,
    generators: Mapping[str, Generator],
    stack: AsyncExitStack,
    fails: Failing,
) -> OpenedModeration:
    classifier, advice = await _classifier(section, fails.patience, generators, stack)
    missing = classifier is None and isinstance(section.classifier, EmbeddedClassifier)
    build = partial(_moderator, section, folder, classifier, advice, fails)
    # Lists may be long, and the libraries of rules and pictures take a moment to import.
    moderator = await to_thread.run_sync(build)
    if missing:
        logger.warning(NOT_INSTALLED)
    return OpenedModeration(moderator, (NOT_INSTALLED,) if missing else ())


def _moderator(
    section: ModerationSection,
    folder: Path,
    classifier: Classifier | None,
    advice: Advice,
    fails: Failing,
) -> Moderator:
    from chatune_bots.moderation_rules import open_pictures, open_rules
    from chatune_core.moderation.images.rule import ADVISED

    return Moderator(
        open_rules(section, folder),
        classifier,
        policy(section, advice),
        pictures=open_pictures(section.images, folder) if section.images.enabled else None,
        picture_policy=picture_policy(section, ADVISED),
        failing=fails,
    )


async def _classifier(
    section: ModerationSection,
    patience: timedelta,
    generators: Mapping[str, Generator],
    stack: AsyncExitStack,
) -> tuple[Classifier | None, Advice]:
    match chosen := section.classifier:
        case EmbeddedClassifier():
            return _embedded(patience)
        case NoClassifier():
            return None, RULES_ALONE
        case TransformersSection():
            return InThread(partial(_transformers, chosen), patience), SMALL_MODEL
        case GuardSection():
            return _guard(chosen, generators, patience), LARGE_MODEL
        case ServiceSection():
            return await _service(chosen, stack), LARGE_MODEL


def _embedded(patience: timedelta) -> tuple[Classifier | None, Advice]:
    from chatune_core.generation.bundled import bundled_embedding_model
    from chatune_core.moderation.classifier import BUNDLED_WEIGHTS, Classifier
    from chatune_core.moderation.classifier_weights import CARD_FILE, read_card

    try:
        bundled_embedding_model()
    except ConfigurationError:
        # Whoever uses a server's model needs none of the bundled ones, and must not be stopped here.
        return None, RULES_ALONE
    if not (BUNDLED_WEIGHTS / CARD_FILE).is_file():
        return None, RULES_ALONE
    card = read_card(BUNDLED_WEIGHTS)
    return InThread(Classifier.open, patience), small_model(
        card.thresholds_review, card.thresholds_act
    )


def _transformers(chosen: TransformersSection) -> "TextClassifier":
    from chatune_core.moderation.transformers_classifier import TransformersClassifier

    return TransformersClassifier.open(
        chosen.model, chosen.labels, chosen.device, fetch=chosen.fetch
    )


def _guard(
    chosen: GuardSection, generators: Mapping[str, Generator], patience: timedelta
) -> Classifier:
    from chatune_core.moderation.guards import GuardClassifier, GuardSettings

    settings = GuardSettings(chosen.family, chosen.labels, deadline=patience)
    return GuardClassifier(generators[chosen.model], settings)


async def _service(chosen: ServiceSection, stack: AsyncExitStack) -> Classifier:
    from chatune_core.moderation.remote import RemoteSettings, open_remote_classifier

    settings = RemoteSettings(
        chosen.base_url,
        chosen.model,
        chosen.api_key.get_secret_value() if chosen.api_key else None,
        chosen.labels,
        timedelta(seconds=chosen.timeout_s),
        chosen.retries,
    )
    return await stack.enter_async_context(open_remote_classifier(settings))
