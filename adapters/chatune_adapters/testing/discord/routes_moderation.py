"""Routes by which a channel or a member is changed: slow mode, age gate, time-outs."""

from datetime import UTC, datetime, timedelta

from chatune_adapters.testing.discord import wire
from chatune_adapters.testing.discord.entities import Channel, Guild, Json, Member
from chatune_adapters.testing.discord.errors import WireError, invalid_form, refusal
from chatune_adapters.testing.discord.permissions import Permission
from chatune_adapters.testing.discord.rest import Call, Route
from chatune_adapters.testing.discord.shapes import channel_name
from chatune_adapters.testing.discord.world import World

SLOWEST_S = 21_600
LONGEST_TIME_OUT = timedelta(days=28)
_SILENCED = "communication_disabled_until"


def moderation_routes(world: World) -> list[Route]:
    """Return the routes that change channels and members."""
    moderation = _Moderation(world)
    return [
        Route("PATCH", "/channels/{channel_id}", moderation.channel),
        Route("PATCH", "/guilds/{guild_id}/members/{user_id}", moderation.member),
    ]


class _Moderation:
    def __init__(self, world: World) -> None:
        self._world = world

    # channels

    def channel(self, call: Call) -> Json:
        channel, body = self._world.channel(call.id("channel_id")), call.form.fields
        if channel.guild is None:
            raise refusal(50003)
        self._check_channel(channel, body)
        self._world.change_channel(
            channel,
            name=channel_name(body["name"]) if "name" in body else None,
            nsfw=_flag(body, "nsfw"),
            slow_mode_s=_slow_mode(body),
            archived=_flag(body, "archived") if channel.is_thread else None,
        )
        return wire.channel_json(channel)

    def _check_channel(self, channel: Channel, body: Json) -> None:
        if not channel.is_thread:
            self._world.check_may(channel, Permission.MANAGE_CHANNELS)
        elif channel.owner is not self._world.bot or "rate_limit_per_user" in body:
            self._world.check_may(channel, Permission.MANAGE_THREADS)

    # members

    def member(self, call: Call) -> Json:
        guild = self._world.guilds.get(call.id("guild_id"))
        if guild is None:
            raise refusal(10004)
        member, body = self._world.member(guild, call.id("user_id")), call.form.fields
        if _SILENCED in body:
            until = self._until(body[_SILENCED])
            self._check_reach(guild, member)
            member.silenced_until = until
            self._world.change_member(guild, member)
        return wire.full_member_json(member, guild)

    def _until(self, value: object) -> datetime | None:
        if value is None:
            return None
        try:
            until = datetime.fromisoformat(str(value))
        except ValueError:
            raise _bad_time("DATE_TIME_TYPE_PARSE", f"Not a well formed ISO8601: {value}") from None
        until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        if until - self._world.now() > LONGEST_TIME_OUT:
            raise _bad_time("GUILD_MEMBER_COMMUNICATION_DISABLED_TOO_LONG", "At most 28 days.")
        return until

    def _check_reach(self, guild: Guild, member: Member) -> None:
        """Refuse without the permission, and for whom nobody or not the bot can reach."""
        if not guild.bot_permissions & Permission.MODERATE_MEMBERS:
            raise refusal(50013)
        administrates = guild.permissions_of(member) & Permission.ADMINISTRATOR
        if administrates or any(role.above_bot for role in member.roles):
            raise refusal(50013)


def _bad_time(code: str, message: str) -> WireError:
    return invalid_form(_SILENCED, code=code, message=message)


def _flag(body: Json, name: str) -> bool | None:
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise invalid_form(name, code="BOOLEAN_TYPE_CONVERT", message="Must be either true or false.")


def _slow_mode(body: Json) -> int | None:
    if "rate_limit_per_user" not in body:
        return None
    value = body["rate_limit_per_user"]
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= SLOWEST_S:
        raise invalid_form(
            "rate_limit_per_user",
            code="NUMBER_TYPE_MAX",
            message=f"int value should be between 0 and {SLOWEST_S}.",
        )
    return value
