"""Errors by what the caller can do about them.

    ChatuneError
    ├─ ConfigurationError   mend the settings; start-up stops
    ├─ InvalidInput         the person can mend what they sent; `str(error)` is shown to them
    ├─ RetryLater           an outage, a limit, a full queue; the lease is given back for `after`
    │  └─ QueueFull         generation has no room; `waiting` requests are ahead
    ├─ DeliveryRefused      the platform will never accept this reply; it is parked for a person
    ├─ MeasureRefused       the platform does not let the bot do this; a moderator is told
    ├─ GenerationFailed     the model cannot answer this request; trying again would not help
    └─ TrainingFailed       no new LoRA came of this run; what serves stays as it is

An expected outcome (a duplicate, nothing to lease, a lost lease) is a value, not an error.
"""

from datetime import timedelta


class ChatuneError(Exception):
    """Root of every error that Chatune raises on purpose."""


class ConfigurationError(ChatuneError):
    """A setting or the machine must change before the bot can run.

    `remedy` says in one sentence what to do; `chatune doctor` prints it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem, self.remedy = problem, remedy


class InvalidInput(ChatuneError):
    """What a person sent cannot be used as it is; the text is written for them."""


class RetryLater(ChatuneError):
    """A passing condition: try the same work again after `after`."""

    def __init__(self, reason: str, after: timedelta) -> None:
        super().__init__(reason)
        self.after = after


class QueueFull(RetryLater):
    """The bounded generation queue has no room; `waiting` requests are ahead."""

    def __init__(self, waiting: int, after: timedelta) -> None:
        super().__init__(f"the generation queue is full, {waiting} requests are waiting", after)
        self.waiting = waiting


class DeliveryRefused(ChatuneError):
    """The platform will never accept this reply."""


class MeasureRefused(ChatuneError):
    """The platform does not let the bot do this to a message or a person; the text says why."""


class GenerationFailed(ChatuneError):
    """The model cannot answer this request, now or later; the text says why."""


class TrainingFailed(ChatuneError):
    """A training run ended without a LoRA; what served before still does. The text says why."""
