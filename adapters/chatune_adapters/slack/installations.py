"""Installations of the app as slack-bolt keeps them, in the core's `KeyValues`."""

import json
import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from chatune_core.ports import KeyValues

_PREFIX = "slack/installation/"
_WITHIN = "slack/organisation/"
_STATE = "slack/oauth/"
_STATE_LIVES = timedelta(minutes=10)
logger = logging.getLogger(__name__)


class Installations(AsyncInstallationStore):
    """slack_sdk's installation store over the core's `KeyValues`: one value per workspace.

    Only the bot's installation is kept, so the person who installed makes no difference.
    """

    def __init__(self, store: KeyValues) -> None:
        self._store = store

    @property
    def logger(self) -> logging.Logger:
        """Where slack_sdk may log to."""
        return logger

    async def async_save(self, installation: Installation) -> None:
        """Keep an installation over an earlier one of the workspace."""
        kept = {key: _plain(value) for key, value in vars(installation).items()}
        name = _name(installation.enterprise_id, installation.team_id)
        await self._store.put(name, json.dumps(kept))

    async def async_save_bot(self, bot: Bot) -> None:
        """Do nothing: `async_save` keeps what belongs to the bot."""

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        """Return the installation of a workspace, or of its whole organisation."""
        team = None if is_enterprise_install else team_id
        for name in dict.fromkeys((_name(enterprise_id, team), _name(enterprise_id, None))):
            if (found := await self._store.get(name)) is not None:
                return Installation(**json.loads(found))
        return None

    async def async_find_bot(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        is_enterprise_install: bool | None = False,
    ) -> Bot | None:
        """Return the bot's part of the installation."""
        found = await self.async_find_installation(
            enterprise_id=enterprise_id,
            team_id=team_id,
            is_enterprise_install=is_enterprise_install,
        )
        return found.to_bot() if found is not None else None

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Remove the installation of a workspace."""
        await self._store.delete(_name(enterprise_id, team_id))

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """Remove the installation of a workspace, whoever installed it."""
        await self._store.delete(_name(enterprise_id, team_id))

    async def name_for(self, team: str) -> str | None:
        """Return the name of the installation that covers a workspace, its own or a wider one.

        For the id of an organisation that is the organisation's.
        """
        for name in await self._store.names(_PREFIX):
            if name.endswith(f"/{team}"):
                return name
        enterprise = team if team.startswith("E") else await self._store.get(_WITHIN + team)
        return _name(enterprise, None) if enterprise else None

    async def note(self, team: str, enterprise: str) -> None:
        """Keep in mind that a workspace belongs to an organisation that has the app."""
        await self._store.put(_WITHIN + team, enterprise)

    async def teams_of(self, enterprise: str) -> list[str]:
        """Return the workspaces that are known to belong to an organisation."""
        names = await self._store.names(_WITHIN)
        return [
            name.removeprefix(_WITHIN)
            for name in names
            if await self._store.get(name) == enterprise
        ]

    async def named(self, name: str) -> Installation | None:
        """Return the installation that is kept under a name."""
        found = await self._store.get(name)
        return Installation(**json.loads(found)) if found is not None else None

    async def remove_team(self, team: str) -> None:
        """Remove every installation of a workspace, or of an organisation by its id."""
        ends = f"{team}/all" if team.startswith("E") else f"/{team}"
        for name in await self._store.names(_PREFIX):
            if name.endswith(ends):
                await self._store.delete(name)
        await self._store.delete(_WITHIN + team)


class States(AsyncOAuthStateStore):
    """The states of installations under way: each is good once, for ten minutes."""

    def __init__(self, store: KeyValues, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    @property
    def logger(self) -> logging.Logger:
        """Where slack_sdk may log to."""
        return logger

    async def async_issue(self, *args: object, **kwargs: object) -> str:
        """Return a new state, and forget those that nobody came back with."""
        for name in await self._store.names(_STATE):
            await self._consume(name)
        state = secrets.token_urlsafe(24)
        await self._store.put(_STATE + state, (self._now() + _STATE_LIVES).isoformat())
        return state

    async def async_consume(self, state: str) -> bool:
        """Return whether the state was given out and is still good; it is not a second time."""
        return await self._consume(_STATE + state, used=True)

    async def _consume(self, name: str, *, used: bool = False) -> bool:
        until = await self._store.get(name)
        good = until is not None and self._now() <= datetime.fromisoformat(until)
        if used or not good:
            await self._store.delete(name)
        return good


def _name(enterprise: str | None, team: str | None) -> str:
    return f"{_PREFIX}{enterprise or 'none'}/{team or 'all'}"


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
