"""Who gets an event: intents, shards, and what is blanked without the message content intent."""

from chatune_adapters.testing.discord.entities import Channel, ChannelType, Guild, Json, User
from chatune_adapters.testing.discord.settings import Intent
from chatune_adapters.testing.discord.snowflakes import COUNTER_BITS
from chatune_adapters.testing.discord.wire import without_content

_IN_GUILDS = {
    "GUILD_MEMBER_": Intent.GUILD_MEMBERS,
    "MESSAGE_REACTION_": Intent.GUILD_MESSAGE_REACTIONS,
    "MESSAGE_": Intent.GUILD_MESSAGES,
    "TYPING_START": Intent.GUILD_MESSAGE_TYPING,
    "GUILD_": Intent.GUILDS,
    "CHANNEL_": Intent.GUILDS,
    "THREAD_": Intent.GUILDS,
}
_IN_DMS = {
    "MESSAGE_REACTION_": Intent.DIRECT_MESSAGE_REACTIONS,
    "MESSAGE_": Intent.DIRECT_MESSAGES,
    "TYPING_START": Intent.DIRECT_MESSAGE_TYPING,
}


def intent_of(name: str, where: Channel | Guild) -> Intent:
    """Return the intent that a session needs for the event; none for interactions."""
    in_dm = isinstance(where, Channel) and where.guild is None
    groups = _IN_DMS if in_dm else _IN_GUILDS
    for prefix, intent in groups.items():
        if name.startswith(prefix):
            return intent
    return Intent(0)


def shard_of(where: Channel | Guild, shards: int) -> int:
    """Return the shard that events of the place go to; direct messages go to the first."""
    guild = where.guild if isinstance(where, Channel) else where
    return (guild.id >> COUNTER_BITS) % shards if guild is not None else 0


def visible(where: Channel | Guild, bot: User) -> bool:
    """Return whether the bot can see the place at all."""
    if isinstance(where, Guild):
        return True
    if where.type is ChannelType.PRIVATE_THREAD and bot not in where.people:
        return False
    return not where.hidden and not (where.parent is not None and where.parent.hidden)


def seen_with(intents: Intent, name: str, body: Json, bot: User) -> Json:
    """Return the payload as a session with `intents` gets it."""
    if name not in ("MESSAGE_CREATE", "MESSAGE_UPDATE") or Intent.MESSAGE_CONTENT in intents:
        return body
    return body if content_is_exempt(body, bot) else without_content(body)


def content_is_exempt(body: Json, bot: User) -> bool:
    """Return whether the message is the bot's own, in a direct message, or mentions the bot."""
    mine = str(bot.id)
    mentioned = any(user["id"] == mine for user in body["mentions"])
    return "guild_id" not in body or body["author"]["id"] == mine or mentioned
