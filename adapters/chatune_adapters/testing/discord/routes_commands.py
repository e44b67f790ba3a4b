"""Routes of application commands, interactions and the webhooks that belong to them."""

from chatune_adapters.testing.discord.commands import Commands
from chatune_adapters.testing.discord.entities import Json
from chatune_adapters.testing.discord.errors import refusal
from chatune_adapters.testing.discord.interactions import Interactions
from chatune_adapters.testing.discord.rest import Call, Route
from chatune_adapters.testing.discord.world import World


def command_routes(world: World, commands: Commands) -> list[Route]:
    """Return the routes that register commands, globally and in a guild."""
    routes = _CommandRoutes(world, commands)
    here = "/applications/{application_id}"
    return [
        route
        for place in (here + "/commands", here + "/guilds/{guild_id}/commands")
        for route in (
            Route("GET", place, routes.listed),
            Route("PUT", place, routes.overwrite),
            Route("POST", place, routes.upsert),
            Route("GET", place + "/{command_id}", routes.one),
            Route("PATCH", place + "/{command_id}", routes.change),
            Route("DELETE", place + "/{command_id}", routes.remove),
        )
    ]


class _CommandRoutes:
    def __init__(self, world: World, commands: Commands) -> None:
        self._world = world
        self._commands = commands

    def _place(self, call: Call) -> int | None:
        if call.id("application_id") != self._world.bot.id:
            raise refusal(10002)
        if "guild_id" not in call.params:
            return None
        if call.id("guild_id") not in self._world.guilds:
            raise refusal(50001)
        return call.id("guild_id")

    def listed(self, call: Call) -> list[Json]:
        return self._commands.of(self._place(call))

    def overwrite(self, call: Call) -> list[Json]:
        if not isinstance(call.form.body, list):
            raise refusal(50109)
        return self._commands.overwrite(self._place(call), call.form.body)

    def upsert(self, call: Call) -> Json:
        return self._commands.upsert(self._place(call), call.form.fields)

    def one(self, call: Call) -> Json:
        return self._commands.one(self._place(call), call.id("command_id"))

    def change(self, call: Call) -> Json:
        return self._commands.upsert(self._place(call), self.one(call) | call.form.fields)

    def remove(self, call: Call) -> None:
        self._commands.remove(self._place(call), call.id("command_id"))


def interaction_routes(world: World, interactions: Interactions) -> list[Route]:
    """Return the routes that answer interactions; the token is in the path."""
    routes = _InteractionRoutes(world, interactions)
    hook = "/webhooks/{webhook_id}/{webhook_token}"
    callback = "/interactions/{webhook_id}/{webhook_token}/callback"
    return [
        Route(method, path, handler, authorized=False)
        for method, path, handler in (
            ("POST", callback, routes.respond),
            ("POST", hook, routes.follow_up),
            ("GET", hook + "/messages/{message_id}", routes.read),
            ("PATCH", hook + "/messages/{message_id}", routes.edit),
            ("DELETE", hook + "/messages/{message_id}", routes.delete),
        )
    ]


class _InteractionRoutes:
    def __init__(self, world: World, interactions: Interactions) -> None:
        self._world = world
        self._interactions = interactions

    def respond(self, call: Call) -> Json | None:
        described = self._interactions.respond(
            call.id("webhook_id"), call.params["webhook_token"], call.form, call.cdn
        )
        wanted = call.query.get("with_response", "").lower() in ("1", "true")
        return described if wanted else None

    def _token(self, call: Call) -> str:
        if call.id("webhook_id") != self._world.bot.id:
            raise refusal(10015)
        return call.params["webhook_token"]

    def follow_up(self, call: Call) -> Json:
        return self._interactions.follow_up(self._token(call), call.form, call.cdn)

    def read(self, call: Call) -> Json:
        return self._interactions.read(self._token(call), call.params["message_id"])

    def edit(self, call: Call) -> Json:
        return self._interactions.edit(
            self._token(call), call.params["message_id"], call.form, call.cdn
        )

    def delete(self, call: Call) -> None:
        self._interactions.delete(self._token(call), call.params["message_id"])
