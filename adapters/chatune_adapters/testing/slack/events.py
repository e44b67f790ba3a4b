"""Which events the app hears of: what it subscribed to, may see, and is there for."""

from dataclasses import dataclass

from chatune_adapters.testing.slack.deliveries import Deliveries
from chatune_adapters.testing.slack.envelopes import Envelope
from chatune_adapters.testing.slack.world import Channel, Json, Team, World

_OF_KIND = {
    "channel": ("message.channels", "channels:history"),
    "group": ("message.groups", "groups:history"),
    "im": ("message.im", "im:history"),
    "mpim": ("message.mpim", "mpim:history"),
}
_SCOPES = {
    "app_mention": "app_mentions:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "file_shared": "files:read",
    "assistant_thread_started": "assistant:write",
    "assistant_thread_context_changed": "assistant:write",
}


@dataclass(slots=True, eq=False)
class Events:
    """Publishes what happens to the app."""

    world: World
    deliveries: Deliveries

    def publish(self, team: Team, event: Json, channel: Channel | None = None) -> Envelope | None:
        """Send an event to the app, unless it did not ask for it or may not see it."""
        subscription, scope = _needs(event, channel)
        away = channel is not None and team.bot.id not in channel.members
        if not team.installed or subscription not in self.world.app.subscriptions or away:
            return None
        if scope is not None and scope not in team.scopes:
            return None
        return self.send(team, event)

    def send(self, team: Team, event: Json, *, everywhere: bool = False) -> Envelope:
        """Send an event to the app, asked for or not; `everywhere` is for the organisation."""
        organisation = team.organisation
        enterprise = organisation.id if organisation else None
        where = enterprise if everywhere else team.id
        event = {"event_ts": event.get("ts") or self.world.now_ts()} | event
        event_id = self.world.new_id("Ev")
        payload = {
            "token": "unused",
            "type": "event_callback",
            "team_id": where,
            "enterprise_id": enterprise,
            "context_team_id": where,
            "context_enterprise_id": enterprise,
            "api_app_id": self.world.app.id,
            "event": event,
            "event_id": event_id,
            "event_time": int(self.world.clock()),
            "authorizations": [
                {
                    "enterprise_id": enterprise,
                    "team_id": None if organisation else team.id,
                    "user_id": team.bot.id,
                    "is_bot": True,
                    "is_enterprise_install": organisation is not None,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": self.world.new_id("4-"),
        }
        return self.deliveries.hand_over(
            Envelope(
                self.deliveries.new_envelope_id(), "events_api", event["type"], payload, event_id
            )
        )


def _needs(event: Json, channel: Channel | None) -> tuple[str, str | None]:
    if event["type"] == "message" and channel is not None:
        return _OF_KIND[channel.kind]
    return event["type"], _SCOPES.get(event["type"])
