"""Messages come, change and go, and the app hears of it; used by people and by the Web API."""

from dataclasses import dataclass

from chatune_adapters.testing.slack.events import Events
from chatune_adapters.testing.slack.payloads import message_json
from chatune_adapters.testing.slack.world import Channel, File, Json, Message, User, World


@dataclass(slots=True, eq=False)
class Messaging:
    """Writes to conversations."""

    world: World
    events: Events
    origin: str = ""

    def post(self, channel: Channel, message: Message) -> Message:
        """Put a new message into a conversation. Its ts must be from `World.now_ts`."""
        channel.messages[message.ts] = message
        self._join_thread(channel, message)
        for file in message.files:
            file.shared_in.append(channel.id)
        if message.is_ephemeral:
            return message
        self._announce(channel, message)
        return message

    def change(
        self, channel: Channel, message: Message, *, edited: bool = True, **now: object
    ) -> None:
        """Give a message new content, and tell: `text`, `blocks`, `attachments`, `metadata`..."""
        before = self._json(channel, message)
        if "text" in now and now["text"] != message.text:
            message.earlier.append(message.text)
        for name, value in now.items():
            setattr(message, name, value)
        if edited:
            message.edited_at = self.world.now_ts()
        if not message.is_ephemeral:
            self._tell_changed(channel, message, before)

    def delete(self, channel: Channel, message: Message) -> None:
        """Take a message away, and tell."""
        before = self._json(channel, message)
        message.deleted = True
        if message.is_ephemeral:
            return
        event = {
            "type": "message",
            "subtype": "message_deleted",
            "channel": channel.id,
            "channel_type": channel.kind,
            "hidden": True,
            "ts": self.world.now_ts(),
            "deleted_ts": message.ts,
            "previous_message": before,
        }
        self.events.publish(channel.team, event, channel)

    def react(self, channel: Channel, message: Message, user: User, name: str, add: bool) -> bool:
        """Add or take away a reaction, and tell; False if there was nothing to do."""
        users = message.reactions.setdefault(name, [])
        if (user.id in users) == add:
            return False
        if add:
            users.append(user.id)
        else:
            users.remove(user.id)
        event = {
            "type": "reaction_added" if add else "reaction_removed",
            "user": user.id,
            "reaction": name,
            "item": {"type": "message", "channel": channel.id, "ts": message.ts},
            "item_user": message.user,
        }
        self.events.publish(channel.team, event, channel)
        return True

    def json(self, channel: Channel, message: Message, *, metadata: bool = False) -> Json:
        """Return the message as the API returns it."""
        return message_json(self.world, channel, message, self.origin, metadata=metadata)

    def _join_thread(self, channel: Channel, message: Message) -> None:
        parent = channel.visible(message.thread_ts)
        if parent is not None and parent.thread_ts is None:
            parent.thread_ts = parent.ts

    def _announce(self, channel: Channel, message: Message) -> None:
        body = self._json(channel, message) | {"channel": channel.id}
        event = body | {"channel_type": channel.kind, "event_ts": message.ts}
        bot = channel.team.bot.id
        if (
            channel.kind != "im"
            and bot in self.world.mentions(message.text)
            and message.user != bot
        ):
            mention = {key: value for key, value in event.items() if key not in _NOT_IN_MENTIONS}
            self.events.publish(channel.team, mention | {"type": "app_mention"}, channel)
        self.events.publish(channel.team, event, channel)
        for file in message.files:
            self._tell_shared(channel, file)

    def _tell_shared(self, channel: Channel, file: File) -> None:
        event = {
            "type": "file_shared",
            "file_id": file.id,
            "user_id": file.user,
            "file": {"id": file.id},
            "channel_id": channel.id,
        }
        self.events.publish(channel.team, event, channel)

    def _tell_changed(self, channel: Channel, message: Message, before: Json) -> None:
        event = {
            "type": "message",
            "subtype": "message_changed",
            "channel": channel.id,
            "channel_type": channel.kind,
            "hidden": True,
            "ts": self.world.now_ts(),
            "message": self._json(channel, message),
            "previous_message": before,
        }
        self.events.publish(channel.team, event, channel)

    def _json(self, channel: Channel, message: Message) -> Json:
        return self.json(channel, message, metadata=True)


_NOT_IN_MENTIONS = frozenset(("channel_type", "subtype"))
