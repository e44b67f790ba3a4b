"""From the stores to a dataset, by the rules of the settings."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from chatune_bots.settings import Settings
from chatune_bots.training_settings import TrainingSettings
from chatune_core.learning.dataset import Acts, Rules, build_dataset
from chatune_core.learning.ports import Evidence
from chatune_core.learning.rows import Dataset
from chatune_core.learning.scrubbing import Scrubber
from chatune_core.moderation.verdicts import NOBODY, NOWHERE, Level, Role
from chatune_core.ports import Moderation


async def gathered_dataset(
    evidence: Evidence,
    settings: Settings,
    moderation: Moderation,
    models: Collection[str] | None = None,
    licences: Mapping[str, str] | None = None,
) -> Dataset:
    """Return what may be learned from at present.

    Args:
        models: by the names that answers were recorded under; None takes all.
        licences: of what is trained on besides, by name.

    Raises:
        RetryLater: the store, or the model behind moderation, fails in passing.
    """
    permitted = bool(settings.training.platform_training_permission)
    return await build_dataset(
        await evidence.gathered(platforms_permitted=permitted),
        rules_from(settings.training, models),
        acts_of(moderation),
        Scrubber(settings.moderation.regions),
        datetime.now(UTC),
        licences,
    )


def rules_from(training: TrainingSettings, models: Collection[str] | None = None) -> Rules:
    """Return the rules that the settings ask for; answers of `models` alone count, or all."""
    return Rules(
        None if models is None else frozenset(models),
        training.least_rows,
        training.rows_per_person,
        training.holdout_share,
    )


def acts_of(moderation: Moderation) -> Acts:
    """Return whether moderation would act on a text, also where it only watches for now."""

    async def acts(text: str, role: Role) -> bool:
        return (await moderation.check(text, role, NOWHERE, NOBODY)).level is Level.ACT

    return acts
