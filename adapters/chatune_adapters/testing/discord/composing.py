"""From the body of a request to a message: limits, replies, files, edits."""

from chatune_adapters.testing.discord.entities import (
    Attachment,
    Channel,
    Json,
    Message,
    MessageFlag,
)
from chatune_adapters.testing.discord.errors import invalid_form, refusal
from chatune_adapters.testing.discord.forms import Form
from chatune_adapters.testing.discord.validation import check_message
from chatune_adapters.testing.discord.world import World

MAY_ASK = (
    MessageFlag.SUPPRESS_EMBEDS
    | MessageFlag.EPHEMERAL
    | MessageFlag.SUPPRESS_NOTIFICATIONS
    | MessageFlag.COMPONENTS_V2
)
"""The flags that a bot may set; others are for Discord to set."""


def compose(world: World, cdn: str, channel: Channel, form: Form) -> Message:
    """Return the bot's message that `form` asks for, not yet posted."""
    body = form.fields
    flags = _flags(body)
    check_message(body, v2=MessageFlag.COMPONENTS_V2 in flags)
    message = world.draft(channel, world.bot, body.get("content") or "")
    message.nonce = None if body.get("nonce") is None else str(body["nonce"])
    message.flags = flags
    message.embeds = _rich(body.get("embeds") or [])
    message.components = _numbered(body.get("components") or [])
    message.reply_to = _replied(world, channel, body)
    message.attachments = _attachments(world, cdn, channel, form, [])
    if not (message.content or message.embeds or message.attachments or message.components):
        raise refusal(50006)
    return message


def revise(world: World, cdn: str, message: Message, form: Form) -> None:
    """Change the message as `form` asks; fields that it lacks stay."""
    body = form.fields
    flags = message.flags | (_flags(body) & ~MessageFlag.EPHEMERAL)
    check_message(body, v2=MessageFlag.COMPONENTS_V2 in flags)
    given = {name: body[name] or [] for name in ("embeds", "components") if name in body}
    attachments = None
    if form.files or "attachments" in body:
        kept = message.attachments
        attachments = _attachments(world, cdn, message.channel, form, kept)
    content = (body["content"] or "") if "content" in body else None
    after = (
        message.content if content is None else content,
        given.get("embeds", message.embeds),
        given.get("components", message.components),
        message.attachments if attachments is None else attachments,
    )
    if not any(after):
        raise refusal(50006)
    message.flags = flags
    world.change(
        message,
        content=content,
        embeds=_rich(given["embeds"]) if "embeds" in given else None,
        components=_numbered(given["components"]) if "components" in given else None,
        attachments=attachments,
    )


def _flags(body: Json) -> MessageFlag:
    flags = body.get("flags") or 0
    return MessageFlag(flags) & MAY_ASK if isinstance(flags, int) else MessageFlag(0)


def _rich(embeds: list[Json]) -> list[Json]:
    return [{"type": "rich", **embed} for embed in embeds]


def _numbered(components: list[Json]) -> list[Json]:
    """Discord numbers the components of a message in order, as far as they bring no id."""
    counter = 0

    def number(component: Json) -> Json:
        nonlocal counter
        counter += 1
        numbered = {"id": counter, **component}
        if numbered.get("components"):
            numbered["components"] = [number(child) for child in numbered["components"]]
        return numbered

    return [number(component) for component in components]


def _replied(world: World, channel: Channel, body: Json) -> Message | None:
    reference = body.get("message_reference")
    if not reference:
        return None
    original = channel.messages.get(int(reference["message_id"]))
    if original is not None and original.deleted_at is None:
        return original
    if reference.get("fail_if_not_exists", True):
        raise invalid_form(
            "message_reference", code="REPLIES_UNKNOWN_MESSAGE", message="Unknown message"
        )
    return None


def _attachments(
    world: World, cdn: str, channel: Channel, form: Form, before: list[Attachment]
) -> list[Attachment]:
    listed = form.fields.get("attachments")
    notes = {int(entry["id"]): entry for entry in listed or []}
    kept = [a for a in before if listed is None or a.id in notes]
    new = []
    for index, file in form.files.items():
        note = notes.get(index, {})
        name = note.get("filename") or file.name
        new.append((name, file.media_type, file.content, note.get("description")))
    return kept + world.attach(channel, new, cdn)
