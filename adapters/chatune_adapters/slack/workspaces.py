"""Which workspaces the bot may act in, and with which token: from the settings or from the store."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from chatune_adapters.slack.installations import Installations


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace that the bot may act in; `team` is "" for one token that is good everywhere.

    `installation` is what its token is kept under, "" if it is from the settings; `expires_at` is
    in seconds since the epoch.
    """

    team: str
    token: str = field(repr=False)
    bot_user: str
    installation: str = ""
    expires_at: float = math.inf


class Workspaces:
    """The workspaces by id, read once from the store and then kept."""

    def __init__(self, installations: Installations, alone: Workspace | None = None) -> None:
        self._installations, self.alone = installations, alone
        self._known: dict[str, Workspace] = {}
        self._within: dict[str, str] = {}

    async def note(self, team: str, enterprise: str) -> None:
        """Be told that a workspace belongs to an organisation that has the app."""
        if self.alone is None and self._within.get(team) != enterprise:
            await self._installations.note(team, enterprise)
            self._within[team] = enterprise

    async def teams_of(self, enterprise: str) -> Sequence[str]:
        """Return the workspaces that are known to belong to an organisation."""
        return await self._installations.teams_of(enterprise)

    async def of(self, team: str) -> Workspace | None:
        """Return the workspace, or None where the app is not installed."""
        if self.alone is not None:
            return self.alone if self.alone.team in ("", team) else None
        if (known := self._known.get(team)) is not None:
            return known
        name = await self._installations.name_for(team)
        found = await self._installations.named(name) if name else None
        if name is None or found is None or not found.bot_token:
            return None
        expires_at = found.bot_token_expires_at or math.inf
        self._known[team] = Workspace(
            team, found.bot_token, found.bot_user_id or "", name, expires_at
        )
        return self._known[team]

    async def refresh_token(self, workspace: Workspace) -> str | None:
        """Return what the token of the workspace is renewed with, None where it cannot be."""
        found = await self._installations.named(workspace.installation)
        return found.bot_refresh_token if found is not None else None

    async def renew(
        self, workspace: Workspace, token: str, refresh_token: str, expires_at: int
    ) -> None:
        """Keep a new token of the workspace over the old one."""
        found = await self._installations.named(workspace.installation)
        if found is None:  # uninstalled meanwhile
            return
        found.bot_token, found.bot_refresh_token = token, refresh_token
        found.bot_token_expires_at = expires_at
        await self._installations.async_save(found)
        self.forget(workspace.team)

    def forget(self, team: str) -> None:
        """Read the workspace, and all that share its token, from the store the next time."""
        name = known.installation if (known := self._known.get(team)) else ""
        for each in [one for one, kept in self._known.items() if kept.installation == name]:
            del self._known[each]

    async def remove(self, team: str) -> None:
        """Delete what the installation left: its token."""
        self.forget(team)
        await self._installations.remove_team(team)
        self._within.pop(team, None)
