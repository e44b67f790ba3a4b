"""Calls to Discord's REST interface, each bounded in time.

discord.py's own client sleeps inside a call while it is limited, and a call that is cancelled in
a global limit leaves its lock shut for good. Here a call that would wait too long says so.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import anyio

from chatune_adapters.discord.errors import OutcomeUnknown, Refused
from chatune_adapters.discord.limits import Limits
from chatune_adapters.discord.settings import DiscordSettings
from chatune_core.errors import RetryLater
from chatune_core.messages import File

_AGENT = "DiscordBot (https://github.com/chatune, 0.1)"
_BYTES_PER_S = 256 * 1024
_BAN = 60.0


class Rest:
    """The bot's way to call Discord; usable while `opened`."""

    def __init__(self, settings: DiscordSettings, limits: Limits | None = None) -> None:
        self._settings = settings
        self._limits = limits or Limits()
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Hold the connections open for the block."""
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _AGENT},
            timeout=aiohttp.ClientTimeout(total=None),
        ) as session:
            self._session = session
            try:
                yield
            finally:
                self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open connections.

        Raises:
            RetryLater: there are none at present.
        """
        if self._session is None:
            raise RetryLater("Discord is not connected", timedelta(seconds=0.2))
        return self._session

    async def call(
        self,
        method: str,
        route: str,
        body: object = None,
        *,
        files: Sequence[File] = (),
        query: Mapping[str, str] | None = None,
        authorized: bool = True,
        spare: bool = False,
        reason: str = "",
        **ids: str,
    ) -> Any:  # noqa: ANN401 - what JSON is, the caller knows
        """Return the parsed answer to `method` on `route`, whose placeholders `ids` fill.

        `reason` goes into the server's audit log.

        Raises:
            Refused: Discord says no.
            OutcomeUnknown: nobody knows whether it was done.
            RetryLater: a limit; nothing was done.
        """
        path = route.format_map(ids)
        major = ids.get("channel") or ids.get("guild") or ids.get("token") or ""
        place = f"{method} {route} {major}"
        headers = {"Authorization": f"Bot {self._settings.token}"} if authorized else {}
        if reason:
            headers["X-Audit-Log-Reason"] = quote(reason)
        allowed = self._settings.call_limit.total_seconds()
        allowed += sum(len(file.content) for file in files) / _BYTES_PER_S
        until = anyio.current_time() + allowed
        while True:
            wait = self._limits.wait_for(place, spare=spare)
            if wait > 0:
                if spare or anyio.current_time() + wait >= until:
                    raise RetryLater("Discord limits these calls", timedelta(seconds=wait))
                await anyio.sleep(wait)
                continue
            with anyio.CancelScope(deadline=until):
                answer, limited = await self._once(method, path, place, body, files, query, headers)
                if not limited:
                    return answer
                continue
            raise OutcomeUnknown(f"{method} {route} took too long", timedelta(seconds=1))

    async def _once(
        self,
        method: str,
        path: str,
        place: str,
        body: object,
        files: Sequence[File],
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> tuple[Any, bool]:
        """Return the answer and whether the call was limited instead."""
        sent: dict[str, Any] = {}
        if files:
            sent["data"] = _multipart(body, files)
        elif body is not None:
            sent["json"] = body
        try:
            async with self.session.request(
                method, self._settings.api_url + path, headers=headers, params=query, **sent
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            # The text of the error may hold the address, and that a token: only its type is told.
            raise OutcomeUnknown(
                f"Discord did not answer ({type(error).__name__})", timedelta(seconds=1)
            ) from None
        self._limits.learn(place, response.headers)
        return self._read(response, raw, place)

    def _read(self, response: aiohttp.ClientResponse, raw: bytes, place: str) -> tuple[Any, bool]:
        status = response.status
        if status == 204:
            return None, False
        parsed = _parsed(raw)
        if status == 429:
            told = parsed if isinstance(parsed, dict) else {"retry_after": _BAN, "global": True}
            self._limits.block(
                place, float(told.get("retry_after", 1.0)), everything=bool(told.get("global"))
            )
            return None, True
        if status >= 500 or (status < 300 and parsed is None):
            raise OutcomeUnknown(f"Discord answered {status}", timedelta(seconds=1))
        if status >= 300:
            told = parsed if isinstance(parsed, dict) else {}
            raise Refused(status, int(told.get("code", 0)), str(told.get("message", "")))
        return parsed, False


def _parsed(raw: bytes) -> Any:  # noqa: ANN401
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _multipart(body: object, files: Sequence[File]) -> aiohttp.FormData:
    # Escaped, the brackets of `files[0]` are not understood.
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", json.dumps(body), content_type="application/json")
    for index, file in enumerate(files):
        name = file.name.replace('"', "'").replace("\r", " ").replace("\n", " ")
        form.add_field(f"files[{index}]", file.content, filename=name, content_type=file.media_type)
    return form
