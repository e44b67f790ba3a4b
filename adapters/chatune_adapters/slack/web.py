"""Calls of the Web API through slack_sdk: one session, no hidden waits, errors as the core's."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anyio
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from chatune_adapters.slack.errors import (
    DEAD_TOKEN,
    ApiRefused,
    Limited,
    Unclear,
    translated,
    unreachable,
)
from chatune_adapters.slack.limits import Limits
from chatune_adapters.slack.quiet import QuietLogger
from chatune_adapters.slack.rotation import Rotation
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.slack.workspaces import Workspace, Workspaces

Answer = Mapping[str, Any]
_AS_FORM = ("conversations.", "users.", "auth.", "files.getUploadURLExternal")
"""Methods that do not read their arguments from JSON."""


class Web:
    """The Web API of all workspaces.

    slack_sdk's retry handlers are off: they would sleep while a reply waits behind them.
    """

    def __init__(
        self,
        settings: SlackSettings,
        session: aiohttp.ClientSession,
        workspaces: Workspaces,
        limits: Limits,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self.session = settings, session
        self.workspaces, self.limits = workspaces, limits
        self._rotation = Rotation(workspaces, self._exchange, now)
        self._clients: dict[str, AsyncWebClient] = {}

    def client(self, token: str) -> AsyncWebClient:
        """Return slack_sdk's client for a token; "" for calls without one."""
        client = self._clients.get(token)
        if client is None:
            client = AsyncWebClient(
                token=token or None,
                base_url=self._settings.api_base,
                timeout=int(self._settings.call_timeout_s) or 1,
                session=self.session,
                logger=QuietLogger(),
                retry_handlers=[],
            )
            self._clients[token] = client
        return client

    async def workspace(self, team: str) -> Workspace:
        """Return the workspace.

        Raises:
            ApiRefused: the app is not installed there.
        """
        found = await self.workspaces.of(team)
        if found is None:
            raise ApiRefused("the call", "account_inactive")
        fresh = await self._rotation.fresh(found)
        if fresh.token != found.token:
            self._clients.pop(found.token, None)
        return fresh

    async def call(
        self, team: str, method: str, claimant: str = "", /, **arguments: object
    ) -> Answer:
        """Call a method for a workspace and return its answer.

        Args:
            team: whose token is used.
            method: of the Web API.
            claimant: keeps its place where posts are paced.
            arguments: those that are None are left out.

        Raises:
            Limited: nothing has happened; come again after the time it says.
            Unclear: it may have happened.
            ApiRefused: nothing has happened, and nothing will.
        """
        async with self._limited(team, method, claimant, arguments):
            workspace = await self.workspace(team)
            try:
                return await self.call_with(workspace.token, method, **arguments)
            except ApiRefused as error:
                if error.code not in DEAD_TOKEN:
                    raise
                again = await self._replaced(team, workspace, error)
                return await self.call_with(again.token, method, **arguments)

    async def _replaced(self, team: str, used: Workspace, error: ApiRefused) -> Workspace:
        """Return the workspace with another token than the dead one; raise `error` for none."""
        self._clients.pop(used.token, None)
        self.workspaces.forget(team)
        again = await self.workspace(team)  # the app may have been installed anew
        if again.token == used.token and error.code == "token_expired":
            again = await self._rotation.renewed(used)
        if again.token == used.token:
            raise error
        return again

    async def _exchange(self, refresh_token: str) -> Answer:
        return await self.call_with(
            "",
            "oauth.v2.access",
            client_id=self._settings.client_id,
            client_secret=self._settings.client_secret,
            grant_type="refresh_token",
            refresh_token=refresh_token,
        )

    async def call_as(self, token: str, team: str, method: str, /, **arguments: object) -> Answer:
        """Call a method for a workspace with the token of a person there. Raises as `call`."""
        async with self._limited(team, method, "", arguments):
            return await self.call_with(token, method, **arguments)

    @asynccontextmanager
    async def _limited(
        self, team: str, method: str, claimant: str, arguments: Mapping[str, object]
    ) -> AsyncIterator[None]:
        channel = str(arguments.get("channel", ""))
        wait = self.limits.wait_for(team, method, channel, claimant)
        if wait:
            await anyio.sleep(wait)
        try:
            yield
        except Limited as error:
            self.limits.rest(team, method, channel, error.after)
            raise

    async def call_with(self, token: str, method: str, /, **arguments: object) -> Answer:
        """Call a method with a token, outside the limits. Raises as `call`."""
        given = {name: value for name, value in arguments.items() if value is not None}
        client = self.client(token)
        try:
            if method.startswith("oauth."):  # secrets do not go into an address
                answer = await client.api_call(method, data=given)
            elif method.startswith(_AS_FORM):
                answer = await client.api_call(method, params=given)
            else:
                answer = await client.api_call(method, json=given)
        except SlackApiError as error:
            raise translated(method, error) from None  # its text holds what was sent
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(method, error) from None
        data = answer.data
        if not isinstance(data, dict):
            raise Unclear(f"{method} answered no JSON", unreachable(method, OSError()).after)
        return data | {"_headers": answer.headers} if method == "auth.test" else data


def granted(answer: Answer) -> frozenset[str]:
    """Return the scopes that the answer's header names; none where there is no such header."""
    headers = answer.get("_headers") or {}
    given = headers.get("x-oauth-scopes") or headers.get("X-OAuth-Scopes") or ""
    return frozenset(scope.strip() for scope in str(given).split(",") if scope.strip())
