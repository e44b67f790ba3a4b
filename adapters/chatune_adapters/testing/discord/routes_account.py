"""Routes of the bot itself: who it is, where the gateway is, its guilds, users."""

from collections.abc import Callable

from chatune_adapters.testing.discord import wire
from chatune_adapters.testing.discord.entities import Guild, Json, User
from chatune_adapters.testing.discord.errors import refusal
from chatune_adapters.testing.discord.gateway import application_flags
from chatune_adapters.testing.discord.rest import Call, Route
from chatune_adapters.testing.discord.shapes import snowflake
from chatune_adapters.testing.discord.world import World


def account_routes(world: World, gateway_url: Callable[[], str]) -> list[Route]:
    """Return the routes of login and of what the bot may look up."""
    account = _Account(world, gateway_url)
    return [
        Route("GET", "/users/@me", account.me),
        Route("GET", "/users/@me/guilds", account.guilds),
        Route("POST", "/users/@me/channels", account.open_dm),
        Route("GET", "/users/{user_id}", account.user),
        Route("GET", "/oauth2/applications/@me", account.application),
        Route("GET", "/applications/@me", account.application),
        Route("GET", "/gateway", account.gateway, authorized=False),
        Route("GET", "/gateway/bot", account.gateway_bot),
        Route("GET", "/guilds/{guild_id}", account.guild),
        Route("GET", "/guilds/{guild_id}/channels", account.channels),
        Route("GET", "/guilds/{guild_id}/threads/active", account.threads),
        Route("GET", "/guilds/{guild_id}/members", account.members),
        Route("GET", "/guilds/{guild_id}/members/{user_id}", account.member),
        Route("GET", "/guilds/{guild_id}/roles", account.roles),
    ]


class _Account:
    def __init__(self, world: World, gateway_url: Callable[[], str]) -> None:
        self._world = world
        self._gateway_url = gateway_url

    def me(self, call: Call) -> Json:
        return wire.user_json(self._world.bot) | {"verified": True, "mfa_enabled": True}

    def guilds(self, call: Call) -> list[Json]:
        shown = [
            wire.partial_guild_json(guild)
            | {"owner": False, "permissions": str(guild.bot_permissions)}
            for guild in sorted(self._world.guilds.values(), key=lambda guild: guild.id)
        ]
        before, after = call.query_id("before"), call.query_id("after")
        kept = [
            body
            for body in shown
            if (before is None or int(body["id"]) < before)
            and (after is None or int(body["id"]) > after)
        ]
        return kept[: call.query_id("limit") or 200]

    def open_dm(self, call: Call) -> Json:
        recipient = self._user(snowflake(call.form.fields, "recipient_id"))
        return wire.channel_json(self._world.dm_with(recipient))

    def user(self, call: Call) -> Json:
        return wire.user_json(self._user(call.id("user_id")))

    def _user(self, id: int) -> User:
        user = self._world.users.get(id)
        if user is None:
            raise refusal(10013)
        return user

    def application(self, call: Call) -> Json:
        bot = self._world.bot
        return {
            "id": str(bot.id),
            "name": bot.name,
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "owner": wire.user_json(self._world.owner),
            "team": None,
            "flags": application_flags(self._world),
            "bot": wire.user_json(bot),
            "approximate_guild_count": len(self._world.guilds),
            "interactions_endpoint_url": None,
        }

    def gateway(self, call: Call) -> Json:
        return {"url": self._gateway_url()}

    def gateway_bot(self, call: Call) -> Json:
        settings = self._world.settings
        return {
            "url": self._gateway_url(),
            "shards": settings.shards,
            "session_start_limit": {
                "total": 1000,
                "remaining": 1000,
                "reset_after": 0,
                "max_concurrency": settings.max_concurrency,
            },
        }

    def _guild(self, call: Call) -> Guild:
        guild = self._world.guilds.get(call.id("guild_id"))
        if guild is None:
            raise refusal(10004)
        return guild

    def guild(self, call: Call) -> Json:
        return wire.guild_json(self._guild(call), [])

    def channels(self, call: Call) -> list[Json]:
        return list(wire.guild_json(self._guild(call), [])["channels"])

    def threads(self, call: Call) -> Json:
        return {"threads": wire.guild_json(self._guild(call), [])["threads"], "members": []}

    def members(self, call: Call) -> list[Json]:
        guild, after = self._guild(call), call.query_id("after") or 0
        members = sorted(
            (member for member in guild.members if member.user.id > after),
            key=lambda member: member.user.id,
        )
        limit = call.query_id("limit") or 1
        return [wire.full_member_json(member, guild) for member in members[:limit]]

    def member(self, call: Call) -> Json:
        guild = self._guild(call)
        return wire.full_member_json(self._world.member(guild, call.id("user_id")), guild)

    def roles(self, call: Call) -> list[Json]:
        return wire.roles_json(self._guild(call))
