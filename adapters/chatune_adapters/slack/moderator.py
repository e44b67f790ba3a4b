"""What `chatune doctor` asks where channels are watched: is the bot there, may it remove messages."""

from collections.abc import Mapping
from typing import Any

from chatune_adapters.slack.errors import ApiRefused
from chatune_adapters.slack.manifest import REMOVES
from chatune_adapters.slack.private import AWAY
from chatune_adapters.slack.settings import APPS_PAGE, SlackSettings
from chatune_adapters.slack.web import Web, granted
from chatune_core.errors import ConfigurationError

_AGAIN = (
    f"As an administrator of the workspace open {APPS_PAGE}, choose the app, OAuth & Permissions, "
    f"User Token Scopes, add {REMOVES}, press Reinstall to Workspace and set slack.moderator_token "
    "to the User OAuth Token (xoxp-...)."
)


async def presence(settings: SlackSettings, web: Web, channel: str) -> str:
    """Return in one sentence that the bot is in a channel.

    Raises:
        ConfigurationError: it is not, or cannot look.
        RetryLater: Slack cannot be reached.
    """
    try:
        await web.call_with(settings.bot_token, "conversations.history", channel=channel, limit=1)
    except ApiRefused as error:
        if error.code in AWAY:
            raise ConfigurationError(
                f"The bot is not in the channel {channel}, or there is none.",
                "Open the channel in Slack and send /invite @name, with the name of the bot.",
            ) from error
        raise ConfigurationError(
            f"The bot cannot read the channel {channel} ({error.code}).",
            "Mend its token and its scopes first.",
        ) from error
    return f"The bot is in the channel {channel}."


async def moderator(settings: SlackSettings, web: Web) -> str:
    """Return in one sentence with whose token messages are removed.

    Raises:
        ConfigurationError: the token is missing, or not good for that.
        RetryLater: Slack cannot be reached.
    """
    if not settings.moderator_token:
        raise ConfigurationError(
            "Messages are to be removed, and there is no moderator's token: apps delete only what "
            "they wrote themselves.",
            _AGAIN,
        )
    try:
        answer = await web.call_with(settings.moderator_token, "auth.test")
    except ApiRefused as error:
        raise ConfigurationError(
            f"Slack refused the moderator's token ({error.code}).", _AGAIN
        ) from error
    if (scopes := granted(answer)) and REMOVES not in scopes:
        raise ConfigurationError(f"The moderator's token lacks the scope {REMOVES}.", _AGAIN)
    name = str(answer.get("user", "the moderator"))
    if settings.bot_token:
        await _check_rank(settings, web, name, answer)
    return f"Messages are removed as {name} in {answer.get('team', answer['team_id'])}."


async def _check_rank(
    settings: SlackSettings, web: Web, name: str, answer: Mapping[str, Any]
) -> None:
    try:
        bot = await web.call_with(settings.bot_token, "auth.test")
        if bot["team_id"] != answer["team_id"]:
            raise ConfigurationError(
                "The moderator's token belongs to another workspace than the bot's.", _AGAIN
            )
        found = await web.call_with(settings.bot_token, "users.info", user=answer["user_id"])
    except ApiRefused:  # the bot's own token and scopes have lines of their own
        return
    user = found.get("user") or {}
    if not (user.get("is_admin") or user.get("is_owner")):
        raise ConfigurationError(
            f"The moderator's token is of {name}, who is no administrator and deletes only what "
            "they wrote themselves.",
            _AGAIN,
        )
