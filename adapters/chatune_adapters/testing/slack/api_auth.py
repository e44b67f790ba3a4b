"""Methods on tokens, workspaces, users and connections."""

from collections.abc import Iterable

from aiohttp import web
from yarl import URL

from chatune_adapters.testing.slack.calls import ApiError, Call, Method, Methods, Site
from chatune_adapters.testing.slack.payloads import team_json, user_json
from chatune_adapters.testing.slack.world import (
    Json,
    Organisation,
    Team,
    User,
    UserToken,
    World,
)


def install(world: World, owner: Team | Organisation) -> None:
    """Install the app into a workspace or organisation, again if need be, with a fresh token."""
    rotates = "xoxe." if world.app.rotates_tokens else ""
    owner.bot_token = world.secret(f"{rotates}xoxb-{owner.id}-")
    if isinstance(owner, Team):
        owner.installed = True
        world.tokens[owner.bot_token] = owner
        return
    world.organisation_tokens[owner.bot_token] = owner
    for team in owner.teams:
        team.installed = True


def new_code(world: World, team: Team | Organisation) -> str:
    """Return a code that oauth.v2.access exchanges once."""
    code = world.secret()
    world.install_codes[code] = team
    return code


async def authorize(site: Site, request: web.Request) -> web.Response:
    """Consent to the installation: go back to the app with a code, for `team` or the first one."""
    wanted = request.query
    team = site.world.teams.get(wanted.get("team", next(iter(site.world.teams), "")))
    if wanted.get("client_id") != site.world.app.client_id or team is None:
        return web.Response(status=400, text="unknown client_id or team")
    query = {"code": new_code(site.world, team), "state": wanted.get("state", "")}
    back = URL(wanted.get("redirect_uri", "")).update_query(query)
    return web.Response(status=302, headers={"Location": str(back)})


def grant(world: World, user: User, scopes: Iterable[str]) -> UserToken:
    """Let a person give the app a token of their own."""
    given = UserToken(world.secret(f"xoxp-{user.team_id}-"), user, set(scopes))
    world.user_tokens[given.token] = given
    return given


def withdraw(world: World, token: str) -> None:
    """Let a person's token answer `token_revoked` from now on."""
    world.user_tokens.pop(token, None)
    world.dead_tokens[token] = "token_revoked"


def retire_token(world: World, owner: Team | Organisation, error: str) -> None:
    """Let the bot token answer with this error from now on."""
    world.tokens.pop(owner.bot_token, None)
    world.organisation_tokens.pop(owner.bot_token, None)
    world.dead_tokens[owner.bot_token] = error


async def _auth_test(call: Call) -> Json:
    team, organisation = call.workspace, call.organisation
    installed = organisation or team
    return {
        "url": f"{call.site.origin}/",
        "team": installed.name,
        "user": call.actor.name,
        "team_id": installed.id,
        "user_id": call.actor.id,
        **({} if call.person else {"bot_id": team.bot_id}),
        **({"enterprise_id": organisation.id} if organisation else {}),
        "is_enterprise_install": organisation is not None,
    }


async def _auth_revoke(call: Call) -> Json:
    if not call.flag("test"):
        retire_token(call.world, call.workspace, "token_revoked")
    return {"revoked": not call.flag("test")}


async def _connections_open(call: Call) -> Json:
    if not call.site.sockets.enabled:
        raise ApiError("access_denied")
    ticket = call.site.sockets.new_ticket()
    origin = call.site.origin.replace("http", "ws", 1)
    return {"url": f"{origin}/link/?ticket={ticket}&app_id={call.world.app.id}"}


async def _oauth_access(call: Call) -> Json:
    app = call.world.app
    given = call.maybe("client_id"), call.maybe("client_secret")
    if given[0] != app.client_id:
        raise ApiError("invalid_client_id")
    if given[1] != app.client_secret:
        raise ApiError("bad_client_secret")
    if call.maybe("grant_type") == "refresh_token":
        return _refreshed(call)
    owner = call.world.install_codes.pop(call.maybe("code") or "", None)
    if owner is None:
        raise ApiError("invalid_code")
    install(call.world, owner)
    teams = [owner.id] if isinstance(owner, Team) else [one.id for one in owner.teams]
    installer = next(
        one.id for one in call.world.users.values() if one.team_id in teams and not one.is_bot
    )
    return _installation(call, owner) | {"authed_user": {"id": installer}}


def _refreshed(call: Call) -> Json:
    owner = call.world.refresh_tokens.pop(call.maybe("refresh_token") or "", None)
    if owner is None or owner.bot_token in call.world.dead_tokens:
        raise ApiError("invalid_refresh_token")
    install(call.world, owner)
    return _installation(call, owner)


def _installation(call: Call, owner: Team | Organisation) -> Json:
    wide = isinstance(owner, Organisation)
    named = {"id": owner.id, "name": owner.name}
    scopes = owner.teams[0].scopes if isinstance(owner, Organisation) else owner.scopes
    found: Json = {
        "access_token": owner.bot_token,
        "token_type": "bot",
        "scope": ",".join(sorted(scopes)),
        "bot_user_id": owner.bot.id,
        "app_id": call.world.app.id,
        "team": None if wide else named,
        "enterprise": named if wide else None,
        "is_enterprise_install": wide,
    }
    return found | _expiry(call, owner) if call.world.app.rotates_tokens else found


def _expiry(call: Call, owner: Team | Organisation) -> Json:
    lives = call.site.timing.token_lives
    call.world.expiries[owner.bot_token] = call.world.clock() + lives
    refresh_token = call.world.secret("xoxe-1-")
    call.world.refresh_tokens[refresh_token] = owner
    return {"refresh_token": refresh_token, "expires_in": int(lives)}


async def _team_info(call: Call) -> Json:
    if call.maybe("team") not in (None, call.workspace.id):
        raise ApiError("team_not_found")
    return {"team": team_json(call.workspace)}


async def _users_info(call: Call) -> Json:
    user = user_json(call.user())
    if "users:read.email" not in call.scopes:
        del user["profile"]["email"]
    return {"user": user}


async def _bots_info(call: Call) -> Json:
    team = call.workspace
    if call.maybe("bot") not in (None, team.bot_id):
        raise ApiError("bot_not_found")
    return {
        "bot": {
            "id": team.bot_id,
            "app_id": call.world.app.id,
            "user_id": team.bot.id,
            "name": team.bot.name,
            "deleted": False,
        }
    }


async def _api_test(call: Call) -> Json:
    if error := call.maybe("error"):
        raise ApiError(error, args=call.arguments)
    return {"args": call.arguments}


METHODS: Methods = {
    "api.test": Method(_api_test, token="none"),
    "auth.test": Method(_auth_test, token="bot or person"),
    "auth.revoke": Method(_auth_revoke),
    "apps.connections.open": Method(_connections_open, token="app"),
    "bots.info": Method(_bots_info, ("users:read",)),
    "oauth.v2.access": Method(_oauth_access, token="none"),
    "team.info": Method(_team_info, ("team:read",)),
    "users.info": Method(_users_info, ("users:read",), token="bot or person"),
}
