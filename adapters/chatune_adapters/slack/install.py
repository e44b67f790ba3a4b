"""What `chatune init slack` writes and `chatune doctor` asks: the manifest, and how things stand."""

from collections.abc import Awaitable
from dataclasses import dataclass

import aiohttp

from chatune_adapters.slack.errors import ApiRefused, not_startable
from chatune_adapters.slack.installations import Installations
from chatune_adapters.slack.limits import Limits
from chatune_adapters.slack.manifest import NEEDED, USES, manifest, manifest_text, scopes_of
from chatune_adapters.slack.moderator import moderator, presence
from chatune_adapters.slack.settings import APPS_PAGE, SlackSettings, check
from chatune_adapters.slack.web import Web, granted
from chatune_adapters.slack.workspaces import Workspace, Workspaces
from chatune_core.errors import ConfigurationError, RetryLater
from chatune_core.ports import KeyValues

__all__ = ["Checked", "checks", "identified", "manifest", "manifest_text"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at. `problem` says what was found; `remedy` is "" if all is well."""

    problem: str
    remedy: str
    ok: bool


async def checks(settings: SlackSettings, store: KeyValues) -> list[Checked]:
    """Ask Slack about the tokens; nothing is changed there."""
    try:
        check(settings)
    except ConfigurationError as error:
        return [_failed(error)]
    timeout = aiohttp.ClientTimeout(settings.call_timeout_s)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        web = Web(settings, session, Workspaces(Installations(store)), Limits(lambda: 0.0))
        found = [await _bot_token(settings, web)] if settings.bot_token else []
        found += await _scopes(settings, web) if found and found[0].ok else []
        found += [await _app_token(settings, web)] if settings.socket_mode else []
        if settings.bot_token:
            found += [await _asked(presence(settings, web, one)) for one in settings.channels]
        if settings.removes or settings.moderator_token:
            found.append(await _asked(moderator(settings, web)))
    return found


async def identified(settings: SlackSettings, web: Web) -> tuple[Workspace, str, frozenset[str]]:
    """Return the workspace of the bot token, who the bot is there, and its scopes.

    Raises:
        ConfigurationError: the token is refused, or lacks what nothing works without.
        RetryLater: Slack cannot be reached.
    """
    try:
        answer = await web.call_with(settings.bot_token, "auth.test")
    except ApiRefused as error:
        raise not_startable(error) from error
    scopes = granted(answer)
    if scopes and (missing := sorted(NEEDED - scopes)):
        raise not_startable(ApiRefused("auth.test", "missing_scope", missing[0]))
    # A token of a whole organisation is good in each of its workspaces.
    team = "" if answer.get("is_enterprise_install") else str(answer["team_id"])
    who = f"{answer.get('user', 'the bot')} in {answer.get('team', team)}"
    return Workspace(team, settings.bot_token, str(answer["user_id"])), who, scopes


async def _bot_token(settings: SlackSettings, web: Web) -> Checked:
    try:
        _, who, _ = await identified(settings, web)
    except ConfigurationError as error:
        return _failed(error)
    except RetryLater as error:
        return _unreachable(error)
    return Checked(f"Slack knows the bot token: {who}.", "", ok=True)


async def _scopes(settings: SlackSettings, web: Web) -> list[Checked]:
    try:
        _, _, has = await identified(settings, web)
    except RetryLater as error:
        return [_unreachable(error)]
    missing = [scope for scope in scopes_of(settings) if has and scope not in has]
    remedy = (
        f"Open {APPS_PAGE}, choose the app, OAuth & Permissions, Scopes, Add an OAuth Scope, "
        "then Reinstall to Workspace."
    )
    return [
        Checked(f"The scope {scope} is missing: {USES[scope]}.", remedy, ok=False)
        for scope in missing
    ] or [Checked("The bot has every scope that it uses.", "", ok=True)]


async def _app_token(settings: SlackSettings, web: Web) -> Checked:
    try:
        await web.call_with(settings.app_token, "apps.connections.open")
    except ApiRefused as error:
        return _failed(not_startable(error))
    except RetryLater as error:
        return _unreachable(error)
    return Checked("Slack offers a socket for the app-level token.", "", ok=True)


async def _asked(asking: Awaitable[str]) -> Checked:
    try:
        return Checked(await asking, "", ok=True)
    except ConfigurationError as error:
        return _failed(error)
    except RetryLater as error:
        return _unreachable(error)


def _failed(error: ConfigurationError) -> Checked:
    return Checked(error.problem, error.remedy, ok=False)


def _unreachable(error: RetryLater) -> Checked:
    return Checked(
        f"Slack cannot be reached: {error}.", "Check the network and slack.api_base.", ok=False
    )
