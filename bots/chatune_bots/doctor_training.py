"""The doctor's look at training: what is due, what is missing, how the last run ended."""

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_bots.training.status import Standing, standing
from chatune_core.errors import ConfigurationError
from chatune_core.learning.runs import RunState


async def training(settings: Settings, home: Home) -> str:
    """Return when the next run begins and how the last one ended.

    Raises:
        ConfigurationError: runs are wanted, and cannot be made or do not succeed.
    """
    wanted = settings.training.schedule is not None or settings.training.after_ratings is not None
    if wanted:
        _ = settings.trained_weights
    async with open_stores(settings, home) as stores:
        found = await standing(settings, stores)
    last = found.runs[0] if found.runs else None
    if last is not None and last.state is RunState.FAILED:
        raise ConfigurationError(
            f"The last run failed: {last.reason.rstrip('.')}.", "Mend that and run `chatune train`."
        )
    return f"{found.due()}; {_what_there_is(found)}"


def _what_there_is(found: Standing) -> str:
    ratings = f"{found.rated} rating{'s' * (found.rated != 1)}"
    if not found.runs:
        return f"{ratings}, no run yet"
    return f"{ratings}; last run: {found.runs[0].state.value}"
