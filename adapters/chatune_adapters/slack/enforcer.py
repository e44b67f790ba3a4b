"""What Slack lets the bot do about messages: remove them with a moderator's token, flag them.

An app may delete its own messages alone; what people wrote goes only with the user token of
somebody who may delete it, and a user token belongs to one workspace. Slack has no time-outs and
no slow mode for apps.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from chatune_adapters.slack.errors import DEAD_TOKEN, ApiRefused
from chatune_adapters.slack.ids import Place, place_of, place_of_message
from chatune_adapters.slack.settings import APPS_PAGE, SlackSettings
from chatune_adapters.slack.web import Web
from chatune_core.errors import MeasureRefused
from chatune_core.messages import ConversationId, MessageKey, UserId
from chatune_core.moderation.cases import Measure

FLAG = "triangular_flag_on_post"
"""The reaction that marks a message for all to see."""
_AWAY = "The bot is not in that channel; invite it: /invite @name."
_REMOVE = {
    "cant_delete_message": "The moderator whose token the bot has may not delete that message: "
    "it takes an administrator of the workspace whom its settings let delete messages.",
    "channel_not_found": "The moderator whose token the bot has is not in that private channel.",
    "compliance_exports_prevent_deletion": "The workspace keeps every message for compliance.",
    "missing_scope": "The moderator's token lacks the scope chat:write. Open "
    f"{APPS_PAGE}, choose the app, OAuth & Permissions, User Token Scopes, add it and reinstall.",
}
_DEAD = (
    "The moderator's token does not work any more. "
    f"Open {APPS_PAGE}, choose the app, OAuth & Permissions, reinstall it as an administrator and "
    "set slack.moderator_token to the User OAuth Token."
)
_MARK = {
    "channel_not_found": _AWAY,
    "is_archived": "That channel is archived.",
    "missing_scope": "The bot lacks the scope reactions:write. Open "
    f"{APPS_PAGE}, choose the app, OAuth & Permissions, Bot Token Scopes, add it and reinstall.",
    "not_in_channel": _AWAY,
    "too_many_emoji": "That message has as many different reactions as Slack allows.",
    "too_many_reactions": "That message has as many reactions as Slack allows.",
}


def measures_of(settings: SlackSettings) -> frozenset[Measure]:
    """Return what can be done with these settings."""
    always = frozenset((Measure.WARN, Measure.FLAG))
    return always | {Measure.REMOVE} if settings.moderator_token else always


class SlackEnforcer:
    """Fulfils `Enforcer`."""

    def __init__(self, settings: SlackSettings, web: Web) -> None:
        self._settings, self._web = settings, web
        self._moderates = ""  # the workspace of the moderator's token, once it is known

    @property
    def measures(self) -> frozenset[Measure]:
        """See Enforcer.measures."""
        return measures_of(self._settings)

    async def remove(self, conversation: ConversationId, message: MessageKey) -> None:
        """See Enforcer.remove."""
        place, ts = place_of_message(message)
        token = self._settings.moderator_token
        if not token:
            raise MeasureRefused(
                "slack.moderator_token is not set, and apps delete only what they wrote themselves."
            )
        try:
            await self._belongs_to(place.team, token)
            await self._web.call_as(token, place.team, "chat.delete", channel=place.channel, ts=ts)
        except ApiRefused as error:
            if error.code == "message_not_found":
                return
            if error.code in DEAD_TOKEN:
                raise MeasureRefused(_DEAD) from error
            raise _refused(error, _REMOVE) from error

    async def flag(self, conversation: ConversationId, message: MessageKey, *, on: bool) -> None:
        """See Enforcer.flag."""
        place, ts = place_of_message(message)
        method, done = (
            ("reactions.add", "already_reacted") if on else ("reactions.remove", "no_reaction")
        )
        try:
            await self._web.call(place.team, method, channel=place.channel, timestamp=ts, name=FLAG)
        except ApiRefused as error:
            if error.code not in (done, "message_not_found"):  # nothing is left to mark
                raise _refused(error, _MARK) from error

    async def time_out(
        self, conversation: ConversationId, user: UserId, until: datetime | None
    ) -> None:
        """See Enforcer.time_out."""
        raise MeasureRefused("Slack does not let apps keep people from writing.")

    async def slow_down(
        self, conversation: ConversationId, pause: timedelta, until: datetime | None = None
    ) -> None:
        """See Enforcer.slow_down."""
        raise MeasureRefused("Slack has no slow mode.")

    def aside(self, conversation: ConversationId, user: UserId) -> ConversationId:
        """See Enforcer.aside."""
        return aside(conversation)

    async def _belongs_to(self, team: str, token: str) -> None:
        if not self._moderates:
            answer = await self._web.call_as(token, team, "auth.test")
            self._moderates = str(answer["team_id"])
        if self._moderates != team:
            raise MeasureRefused(
                "The moderator's token belongs to another workspace; nothing can be removed here."
            )


def aside(conversation: ConversationId) -> ConversationId:
    """Return the channel itself: what is private there one person alone sees."""
    place = place_of(conversation)
    return Place(place.team, place.channel).conversation


def _refused(error: ApiRefused, reasons: Mapping[str, str]) -> MeasureRefused:
    return MeasureRefused(reasons.get(error.code, f"{error}."))
