"""The JSON shapes of users, channels, messages, files and views on the wire."""

from chatune_adapters.testing.slack.world import (
    MENTION,
    Channel,
    File,
    Json,
    Message,
    Team,
    User,
    View,
    World,
)


def user_json(user: User) -> Json:
    """Return a user object."""
    return {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_admin": user.is_admin or user.is_owner,
        "is_owner": user.is_owner,
        "is_primary_owner": False,
        "is_app_user": False,
        "tz": user.tz,
        "locale": user.locale,
        "profile": {
            "display_name": user.name,
            "real_name": user.real_name,
            "email": f"{user.name}@example.com",
        },
    }


def team_json(team: Team) -> Json:
    """Return a workspace object."""
    return {"id": team.id, "name": team.name, "domain": team.name.lower(), "icon": {}}


def channel_json(channel: Channel) -> Json:
    """Return a conversation object."""
    body: Json = {
        "id": channel.id,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "channel",
        "is_archived": channel.archived,
        "context_team_id": channel.team.id,
    }
    bot = channel.team.bot.id
    if channel.kind == "im":
        return body | {"user": next(one for one in channel.members if one != bot), "is_open": True}
    return body | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_member": bot in channel.members,
        "num_members": len(channel.members),
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def file_json(file: File, origin: str) -> Json:
    """Return a file object; `origin` is where this server answers."""
    path = f"{origin}/files-pri/{file.kept_by or file.team_id}-{file.id}"
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2],
        "size": len(file.content),
        "user": file.user,
        "mode": "hosted",
        "is_external": False,
        "url_private": f"{path}/{file.name}",
        "url_private_download": f"{path}/download/{file.name}",
        "channels": list(file.shared_in),
    }


def message_json(
    world: World, channel: Channel, message: Message, origin: str, *, metadata: bool = False
) -> Json:
    """Return a message object as events and history carry it."""
    team = channel.team
    body: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": team.id,
    }
    optional: Json = {
        "subtype": message.subtype,
        "thread_ts": message.thread_ts,
        "bot_id": message.bot_id,
        "blocks": message.blocks or _rich_text(message),
        "attachments": message.attachments,
        "files": [file_json(one, origin) for one in message.files],
        "reactions": [
            {"name": name, "users": list(users), "count": len(users)}
            for name, users in message.reactions.items()
            if users
        ],
        "edited": message.edited_at and {"user": message.user, "ts": message.edited_at},
        "metadata": message.metadata if metadata else None,
    }
    body |= {key: value for key, value in optional.items() if value}
    if message.bot_id is None:
        body["client_msg_id"] = f"{message.ts}-{message.user}"
    else:
        body |= {"app_id": world.app.id, "bot_profile": _bot_profile(world, team)}
    if message.is_reply:
        parent = channel.messages.get(message.thread_ts or "")
        body["parent_user_id"] = parent.user if parent else ""
    return body | _thread_summary(channel, message)


def view_json(world: World, view: View) -> Json:
    """Return a view object."""
    team = world.teams[view.team_id]
    defaults: Json = {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        "close": None,
        "submit": None,
    }
    return (
        defaults
        | view.body
        | {
            "id": view.id,
            "team_id": view.team_id,
            "hash": view.hash,
            "root_view_id": view.root,
            "previous_view_id": view.previous,
            "app_id": world.app.id,
            "app_installed_team_id": view.team_id,
            "bot_id": team.bot_id,
            "state": view.body.get("state", {"values": {}}),
        }
    )


def _rich_text(message: Message) -> list[Json]:
    """Return the block that Slack makes of a text that came without blocks."""
    if not message.text:
        return []
    pieces = MENTION.split(message.text)
    elements: list[Json] = []
    for place, piece in enumerate(pieces):
        if place % 2:
            elements.append({"type": "user", "user_id": piece})
        elif piece:
            elements.append({"type": "text", "text": piece})
    section = {"type": "rich_text_section", "elements": elements}
    return [{"type": "rich_text", "block_id": f"b{message.ts}", "elements": [section]}]


def _bot_profile(world: World, team: Team) -> Json:
    return {
        "id": team.bot_id,
        "app_id": world.app.id,
        "name": team.bot.name,
        "deleted": False,
        "team_id": team.id,
    }


def _thread_summary(channel: Channel, message: Message) -> Json:
    if message.thread_ts != message.ts:
        return {}
    replies = channel.replies_to(message.ts)
    if not replies:
        return {}
    return {
        "reply_count": len(replies),
        "reply_users": sorted({one.user for one in replies}),
        "reply_users_count": len({one.user for one in replies}),
        "latest_reply": replies[-1].ts,
    }
