"""Discord's refusals, and the settings that they mean."""

from datetime import timedelta

from chatune_adapters.discord.settings import DiscordSettings
from chatune_core.errors import (
    ChatuneError,
    ConfigurationError,
    DeliveryRefused,
    MeasureRefused,
    RetryLater,
)

UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION = 10003, 10008, 10015, 10062
UNKNOWN_MEMBER, UNKNOWN_EMOJI = 10007, 10014
NOT_OUR_MESSAGE, INVALID_WEBHOOK_TOKEN = 50005, 50027
CANNOT_SEND_TO_USER = frozenset({50007, 50278})
"""The person takes no direct messages, or is in no server of the bot's any more."""
_NO_ACCESS, _NO_PERMISSION, _NOT_THERE, _BLOCKED, _FULL, _TWO_FACTOR = (
    50001,
    50013,
    50003,
    90001,
    30010,
    60003,
)
TOKEN_GONE = frozenset({UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_WEBHOOK_TOKEN})
"""The token of an interaction cannot be used: too old, or the interaction was never answered."""


class Refused(ChatuneError):
    """Discord understood the request and says no; `code` is its own, 0 where it gives none."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(f"Discord refused with {status}, code {code}: {text}")
        self.status, self.code = status, code


class OutcomeUnknown(RetryLater):
    """The request may have been carried out or not: the answer did not arrive."""


def as_delivery_error(error: Refused) -> ChatuneError:
    """Return what the refusal means for a reply."""
    if error.status == 401:
        return RetryLater("Discord does not accept the token", timedelta(minutes=1))
    return DeliveryRefused(str(error))


def as_measure_error(error: Refused, permission: str, *, above: bool = False) -> ChatuneError:
    """Return what the refusal means for a measure that takes `permission`, by Discord's name.

    `above` says that the bot's role has to stand above the person's, too. The reasons are short:
    a moderator reads 40 characters of them.
    """
    if error.status == 401:
        return RetryLater("Discord does not accept the token", timedelta(minutes=1))
    reasons = {
        _NO_PERMISSION: f"needs {permission}" + (" or a higher role" if above else ""),
        _NO_ACCESS: "needs View Channels there",
        _NOT_THERE: "only possible in a server",
        _BLOCKED: "the person has blocked the bot",
        _FULL: "the message has too many reactions",
        _TWO_FACTOR: "the bot's owner needs two-factor login",
        UNKNOWN_MEMBER: "the person has left the server",
        UNKNOWN_CHANNEL: "the channel is gone",
    }
    return MeasureRefused(reasons.get(error.code, str(error)))


def bad_token(settings: DiscordSettings) -> ConfigurationError:
    """Return the error for a token that Discord does not know, or no longer."""
    return ConfigurationError(
        "Discord does not accept the bot's token (discord.token).",
        f"Open {settings.portal_url}, choose the application, Bot, Reset Token, "
        "and put the new token into the settings.",
    )


def missing_intent(settings: DiscordSettings) -> ConfigurationError:
    """Return the error for an intent that is asked for but not switched on."""
    instead = "set discord.message_content to false"
    if settings.moderates:
        instead = "watch no channel of Discord (moderation.places)"
    return ConfigurationError(
        "The bot asks for the message content intent, which is not switched on for it.",
        f"Open {settings.portal_url}, choose the application, Bot, Privileged Gateway Intents, "
        f"and switch on Message Content Intent; or {instead}.",
    )


def bad_gateway(settings: DiscordSettings, code: int) -> ConfigurationError:
    """Return the error for a gateway that closed with `code` for good."""
    if code == 4004:
        return bad_token(settings)
    if code == 4014:
        return missing_intent(settings)
    return ConfigurationError(
        f"Discord closed the gateway for good with code {code} (sharding or intents).",
        "Leave discord.shards out of the settings, so that Discord's own number is used.",
    )
