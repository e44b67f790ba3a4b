"""Tokens that expire, renewed in time: where token rotation is on they live for twelve hours.

A refresh token is good once. Two processes may try at the same time: one is refused, and reads
from the store what the other was given.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from chatune_adapters.slack.errors import ApiRefused
from chatune_adapters.slack.workspaces import Workspace, Workspaces
from chatune_core.errors import RetryLater

logger = logging.getLogger(__name__)
AHEAD_S = 7_200.0  # as slack_sdk does
_REST_S = 60.0  # between two tries while the token is still good


class Rotation:
    """Renews the token of a workspace, one at a time.

    Args:
        workspaces: where tokens are kept.
        exchange: a refresh token for Slack's answer.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        exchange: Callable[[str], Awaitable[Mapping[str, Any]]],
        now: Callable[[], float],
    ) -> None:
        self._workspaces, self._exchange, self._now = workspaces, exchange, now
        self._locks: dict[str, anyio.Lock] = {}
        self._rests_until: dict[str, float] = {}

    async def fresh(self, workspace: Workspace) -> Workspace:
        """Return the workspace with a token that is good for a while.

        Raises:
            ApiRefused: it is not good any more, and Slack gives no other.
            RetryLater: it is not good any more, and Slack cannot be reached.
        """
        now = self._now()
        due = now >= workspace.expires_at - AHEAD_S
        if not due or now < self._rests_until.get(workspace.installation, 0.0):
            return workspace
        try:
            return await self.renewed(workspace)
        except (ApiRefused, RetryLater) as error:
            if now >= workspace.expires_at:
                raise
            logger.warning("a token that expires could not be renewed yet: %s", error)
            self._rests_until[workspace.installation] = now + _REST_S
            return workspace

    async def renewed(self, workspace: Workspace) -> Workspace:
        """Return the workspace with another token than it has. Raises as `fresh`."""
        async with self._locks.setdefault(workspace.installation, anyio.Lock()):
            current = await self._read(workspace)
            if current.token != workspace.token:
                return current
            refresh_token = await self._workspaces.refresh_token(workspace)
            if not refresh_token:
                raise ApiRefused("the call", "token_expired")
            try:
                answer = await self._exchange(refresh_token)
            except ApiRefused as error:
                current = await self._read(workspace)
                if current.token != workspace.token:  # another process was faster
                    return current
                logger.error("the token of a workspace cannot be renewed: %s", error)
                raise ApiRefused("the call", "token_expired") from error
            await self._workspaces.renew(
                workspace,
                str(answer["access_token"]),
                str(answer["refresh_token"]),
                int(self._now()) + int(answer["expires_in"]),
            )
            return await self._read(workspace)

    async def _read(self, workspace: Workspace) -> Workspace:
        self._workspaces.forget(workspace.team)
        found = await self._workspaces.of(workspace.team)
        if found is None:
            raise ApiRefused("the call", "account_inactive")
        return found
