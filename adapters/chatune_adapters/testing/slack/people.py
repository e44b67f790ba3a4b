"""What people do in Slack: write, edit, react, press, submit, and start things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatune_adapters.testing.slack.api_auth import retire_token
from chatune_adapters.testing.slack.api_views import checked_view, new_view, stack, update_view
from chatune_adapters.testing.slack.calls import Site
from chatune_adapters.testing.slack.envelopes import Envelope, EnvelopeKind
from chatune_adapters.testing.slack.forms import filled_in, pressed
from chatune_adapters.testing.slack.payloads import team_json, view_json
from chatune_adapters.testing.slack.responses import respond
from chatune_adapters.testing.slack.world import (
    Channel,
    File,
    Json,
    Message,
    Organisation,
    Team,
    User,
    View,
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a person attaches to a message."""

    name: str
    content: bytes
    mimetype: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Answer:
    """How the app took an interaction: in time or not, and with what payload."""

    acked: bool
    payload: Json | None = None

    @property
    def errors(self) -> Json:
        """The errors that a modal shows, by block_id."""
        payload = self.payload or {}
        return payload.get("errors", {}) if payload.get("response_action") == "errors" else {}


class People:
    """Acts for the people of the workspaces.

    What only tells the app returns at once; interactions and commands return when the app has
    acknowledged them or the time for it is over.
    """

    def __init__(self, site: Site) -> None:
        self.site = site

    async def say(
        self,
        user: User,
        channel: Channel,
        text: str,
        *,
        thread: Message | str | None = None,
        files: Sequence[Upload] = (),
        broadcast: bool = False,
    ) -> Message:
        """Write a message; below another if `thread` names it."""
        world = self.site.world
        stored = [
            File(
                world.new_id("F"),
                channel.team.id,
                one.name,
                one.mimetype,
                one.content,
                user.id,
                kept_by=channel.team.organisation.id if channel.team.organisation else "",
            )
            for one in files
        ]
        world.files |= {one.id: one for one in stored}
        subtype = "file_share" if stored else "thread_broadcast" if broadcast else None
        message = Message(
            channel.id,
            world.now_ts(),
            user.id,
            text,
            thread_ts=_thread_ts(thread),
            files=stored,
            subtype=subtype,
            broadcast=broadcast,
        )
        return self.site.messaging.post(channel, message)

    async def edit(self, message: Message, text: str) -> None:
        """Let the author change a message."""
        self.site.messaging.change(self._channel(message), message, text=text)

    async def unfurl(self, message: Message, url: str, title: str, text: str = "") -> None:
        """Let Slack add the preview of a link in a message, some time after it was written.

        Raises:
            LookupError: if the message has no such link.
        """
        if url not in message.text:
            raise LookupError(f"the message has no link {url!r}")
        preview = {
            "id": len(message.attachments) + 1,
            "from_url": url,
            "original_url": url,
            "title": title,
            "title_link": url,
            "text": text,
            "fallback": title,
        }
        channel, shown = self._channel(message), [*message.attachments, preview]
        self.site.messaging.change(channel, message, edited=False, attachments=shown)

    async def delete(self, message: Message) -> None:
        """Let the author, or an administrator, delete a message."""
        self.site.messaging.delete(self._channel(message), message)

    async def react(self, user: User, message: Message, name: str) -> None:
        """Add a reaction."""
        self.site.messaging.react(self._channel(message), message, user, name, True)

    async def unreact(self, user: User, message: Message, name: str) -> None:
        """Take a reaction away."""
        self.site.messaging.react(self._channel(message), message, user, name, False)

    async def slash(self, user: User, channel: Channel, command: str, text: str = "") -> Answer:
        """Enter a slash command; what the app acknowledges with is shown, as Slack does."""
        site, team = self.site, channel.team
        path = site.interactions.response_url(channel, user)
        payload = {
            "token": "unused",
            "team_id": team.id,
            "team_domain": team.name.lower(),
            "channel_id": channel.id,
            "channel_name": "directmessage" if channel.kind == "im" else channel.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": site.world.app.id,
            **_of_organisation(team, as_text=True),
            "response_url": site.origin + path,
            "trigger_id": site.interactions.trigger(user),
        }
        answer = await self._send("slash_commands", command, payload)
        if answer.payload:
            respond(site, site.interactions.response_urls[path.rpartition("/")[2]], answer.payload)
        return answer

    async def press(
        self, user: User, where: Message | View, action_id: str, value: str | None = None
    ) -> Answer:
        """Press a button or choose an option in a message or view.

        Args:
            user: who presses.
            where: the message or view as it stands now.
            action_id: of the element.
            value: of the button or option, needed where several share the action_id.

        Raises:
            LookupError: if the user does not see it there.
        """
        if isinstance(where, View):
            return await self._press_in_view(user, where, action_id, value)
        self._must_see(user, where)
        channel = self._channel(where)
        action = pressed(_all_blocks(where), action_id, value, self.site.world.now_ts())
        payload = self._interaction("block_actions", user) | {
            "container": {
                "type": "message",
                "message_ts": where.ts,
                "channel_id": channel.id,
                "is_ephemeral": where.is_ephemeral,
                **({"thread_ts": where.thread_ts} if where.thread_ts else {}),
            },
            "channel": {"id": channel.id, "name": channel.name},
            "state": {"values": {}},
            "response_url": self._response_url(channel, user, where),
            "actions": [action],
        }
        if not where.is_ephemeral:
            payload["message"] = self.site.messaging.json(channel, where)
        return await self._send("interactive", "block_actions", payload)

    async def submit_view(
        self, user: User, view: View, values: Mapping[str, object] | None = None
    ) -> Answer:
        """Fill in a modal and submit it; the view goes on as the app's answer says.

        Raises:
            LookupError: if it is not open for the user, or a value has no input.
            ValueError: for values that Slack's own form refuses.
        """
        self._must_be_open(user, view)
        view.body["state"] = filled_in(view.body["blocks"], values or {})
        payload = self._interaction("view_submission", user, view.id)
        payload |= {"view": view_json(self.site.world, view), "response_urls": []}
        answer = await self._send("interactive", "view_submission", payload)
        if answer.acked:
            self._go_on(user, view, answer.payload or {})
        return answer

    async def close_view(self, user: User, view: View) -> Answer | None:
        """Close a modal; the app hears of it only if it asked to."""
        self._must_be_open(user, view)
        view.closed = True
        if not view.body.get("notify_on_close"):
            return None
        payload = self._interaction("view_closed", user)
        payload |= {"view": view_json(self.site.world, view), "is_cleared": False}
        return await self._send("interactive", "view_closed", payload)

    async def shortcut(self, user: User, callback_id: str) -> Answer:
        """Choose a global shortcut."""
        payload = self._interaction("shortcut", user) | {
            "callback_id": callback_id,
            "action_ts": self.site.world.now_ts(),
        }
        return await self._send("interactive", "shortcut", payload)

    async def message_shortcut(self, user: User, message: Message, callback_id: str) -> Answer:
        """Choose a shortcut in the menu of a message."""
        self._must_see(user, message)
        channel = self._channel(message)
        payload = self._interaction("message_action", user) | {
            "callback_id": callback_id,
            "action_ts": self.site.world.now_ts(),
            "message_ts": message.ts,
            "channel": {"id": channel.id, "name": channel.name},
            "message": self.site.messaging.json(channel, message),
            "response_url": self._response_url(channel, user, None),
        }
        return await self._send("interactive", "message_action", payload)

    async def start_assistant_thread(
        self, user: User, looking_at: Channel | None = None
    ) -> Message:
        """Open the assistant; returns the root of its thread, to be used with `say(thread=)`."""
        world, team = self.site.world, self.site.world.teams[user.team_id]
        dm = world.dm_between(user)
        text = "New Assistant Thread"
        subtype = "assistant_app_thread"
        root = Message(dm.id, world.now_ts(), team.bot.id, text, team.bot_id, subtype=subtype)
        root.thread_ts = root.ts
        dm.messages[root.ts] = root
        context = {} if looking_at is None else {"channel_id": looking_at.id, "team_id": team.id}
        thread = {
            "user_id": user.id,
            "context": context | {"enterprise_id": None},
            "channel_id": dm.id,
            "thread_ts": root.ts,
        }
        event = {"type": "assistant_thread_started", "assistant_thread": thread}
        self.site.events.publish(team, event, dm)
        return root

    async def look_at(self, user: User, thread: Message, channel: Channel) -> None:
        """Move to another channel while the assistant is open."""
        team = self.site.world.teams[user.team_id]
        changed = {
            "user_id": user.id,
            "context": {"channel_id": channel.id, "team_id": team.id, "enterprise_id": None},
            "channel_id": thread.channel,
            "thread_ts": thread.ts,
        }
        event = {"type": "assistant_thread_context_changed", "assistant_thread": changed}
        self.site.events.publish(team, event, self._channel(thread))

    async def open_home(self, user: User) -> None:
        """Look at the home tab of the app."""
        team = self.site.world.teams[user.team_id]
        dm = self.site.world.dm_between(user)
        event = {"type": "app_home_opened", "user": user.id, "channel": dm.id, "tab": "home"}
        self.site.events.publish(team, event, dm)

    async def uninstall(self, team: Team) -> None:
        """Remove the app from a workspace: its token dies, and two events say so."""
        retire_token(self.site.world, team, "account_inactive")
        revoked = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [team.bot.id]}}
        self.site.events.publish(team, revoked)
        self.site.events.publish(team, {"type": "app_uninstalled"})
        team.installed = False

    async def uninstall_everywhere(self, organisation: Organisation) -> None:
        """Remove the app from an organisation: one event speaks for all of its workspaces."""
        retire_token(self.site.world, organisation, "account_inactive")
        self.site.events.send(organisation.teams[0], {"type": "app_uninstalled"}, everywhere=True)
        for team in organisation.teams:
            team.installed = False

    async def revoke(self, team: Team) -> None:
        """Revoke the bot token and keep the app installed."""
        retire_token(self.site.world, team, "token_revoked")
        revoked = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [team.bot.id]}}
        self.site.events.publish(team, revoked)

    def _interaction(self, kind: str, user: User, view: str | None = None) -> Json:
        team = self.site.world.teams[user.team_id]
        return {
            "type": kind,
            "token": "unused",
            "api_app_id": self.site.world.app.id,
            "team": team_json(team) | {"icon": None},
            "user": {
                "id": user.id,
                "name": user.name,
                "username": user.name,
                "team_id": user.team_id,
            },
            **_of_organisation(team),
            "trigger_id": self.site.interactions.trigger(user, view),
        }

    async def _press_in_view(
        self, user: User, view: View, action_id: str, value: str | None
    ) -> Answer:
        self._must_be_open(user, view)
        action = pressed(view.body["blocks"], action_id, value, self.site.world.now_ts())
        payload = self._interaction("block_actions", user, view.id) | {
            "container": {"type": "view", "view_id": view.id},
            "view": view_json(self.site.world, view),
            "actions": [action],
        }
        return await self._send("interactive", "block_actions", payload)

    async def _send(self, kind: EnvelopeKind, name: str, payload: Json) -> Answer:
        deliveries = self.site.deliveries
        envelope = Envelope(deliveries.new_envelope_id(), kind, name, payload)
        deliveries.hand_over(envelope)
        await envelope.settled.wait()
        return Answer(envelope.acked, envelope.reply)

    def _go_on(self, user: User, view: View, answer: Json) -> None:
        world = self.site.world
        match answer.get("response_action"):
            case "errors":
                return
            case "update":
                update_view(world, view, checked_view(answer.get("view")))
            case "push":
                new_view(world, user.id, view.team_id, checked_view(answer.get("view")), view)
            case "clear":
                for one in stack(world, view):
                    one.closed = True
            case _:
                view.closed = True

    def _response_url(self, channel: Channel, user: User, original: Message | None) -> str:
        thread_ts = original.thread_ts if original is not None and original.is_reply else None
        path = self.site.interactions.response_url(channel, user, original, thread_ts)
        return self.site.origin + path

    def _channel(self, message: Message) -> Channel:
        return self.site.world.channels[message.channel]

    def _must_see(self, user: User, message: Message) -> None:
        if message.deleted or message.ephemeral_for not in (None, user.id):
            raise LookupError(f"{user.name!r} does not see the message {message.ts!r}")

    def _must_be_open(self, user: User, view: View) -> None:
        if view.closed or view.user != user.id:
            raise LookupError(f"the view {view.id!r} is not open for {user.name!r}")


def _of_organisation(team: Team, *, as_text: bool = False) -> Json:
    """Return what an interaction says about the organisation; a command says it in text."""
    found = team.organisation
    if as_text:
        named = {"enterprise_id": found.id, "enterprise_name": found.name} if found else {}
        return named | {"is_enterprise_install": "true" if found else "false"}
    named = {"id": found.id, "name": found.name} if found else {}
    return {"enterprise": named or None, "is_enterprise_install": found is not None}


def _thread_ts(thread: Message | str | None) -> str | None:
    if isinstance(thread, Message):
        return thread.thread_ts or thread.ts
    return thread


def _all_blocks(message: Message) -> list[Json]:
    return message.blocks + [one for each in message.attachments for one in each.get("blocks", ())]
