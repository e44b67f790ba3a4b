"""The leaf of the settings that the in-process engine reads."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Bounds of the in-process engine.

    queue_limit: requests that may wait; one user may take half of the places.
    prefill_tokens_per_step: prompt tokens read in one step beside the running answers.
    priority_tokens: weighted tokens that one priority class is worth; see `fairness`.
    retry_after: what a refused or failed request is told.
    stop_within: how long a stop waits for the step that runs.
    """

    queue_limit: int = 64
    prefill_tokens_per_step: int = 256
    priority_tokens: int = 4096
    retry_after: timedelta = timedelta(seconds=5)
    stop_within: timedelta = timedelta(seconds=10)
