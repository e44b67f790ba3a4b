"""The door of the Web API: tokens, scopes, limits and faults, then the method."""

import base64
import json
import math
from typing import Any

import anyio
from aiohttp import web

from chatune_adapters.testing.slack import (
    api_assistant,
    api_auth,
    api_chat,
    api_conversations,
    api_files,
    api_reactions,
    api_streams,
    api_views,
)
from chatune_adapters.testing.slack.calls import ApiError, Call, Method, Methods, Site
from chatune_adapters.testing.slack.faults import (
    AnswerLost,
    CallFault,
    ConnectionDropped,
    Fault,
    RateLimited,
    Refused,
    ServerError,
    SlowAnswer,
    StreamDies,
)
from chatune_adapters.testing.slack.record import ApiCall
from chatune_adapters.testing.slack.world import Json, Team

METHODS: Methods = {
    **api_assistant.METHODS,
    **api_auth.METHODS,
    **api_chat.METHODS,
    **api_conversations.METHODS,
    **api_files.METHODS,
    **api_reactions.METHODS,
    **api_streams.METHODS,
    **api_views.METHODS,
}
_OVERLOADED = "<html><body>upstream is overloaded</body></html>"


async def answer_call(site: Site, request: web.Request) -> web.StreamResponse:
    """Answer one Web API request."""
    name = request.match_info["method"]
    try:
        arguments = await _arguments(request)
    except ApiError as error:
        return web.json_response({"ok": False, "error": error.code})
    token = _token(request, arguments)
    struck = site.faults.strike(name, arguments, CallFault)
    visit = _Visit(site, request, name, arguments, token, struck)
    return await visit.answer()


class _Visit:
    """One call on its way through the door."""

    def __init__(
        self,
        site: Site,
        request: web.Request,
        name: str,
        arguments: Json,
        token: str,
        struck: list[Fault],
    ) -> None:
        self.site = site
        self.request = request
        self.name = name
        self.arguments = arguments
        self.struck = struck
        self.token = token
        self.person = site.world.user_tokens.get(token)
        self.team = _team(site, token, arguments)

    async def answer(self) -> web.StreamResponse:
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        body = await self._body()
        try:
            await anyio.sleep(
                sum(one.seconds for one in self.struck if isinstance(one, SlowAnswer))
            )
        except anyio.get_cancelled_exc_class():
            self._note(0, body)
            raise
        lost = [one for one in self.struck if isinstance(one, AnswerLost)]
        if lost:
            return self._lose(lost[0], body)
        return self._send(200, body)

    def _refusal(self) -> web.Response | None:
        for fault in self.struck:
            match fault:
                case RateLimited(after):
                    return self._too_many(after)
                case ServerError(status):
                    self._note(status, {})
                    return web.Response(status=status, text=_OVERLOADED, content_type="text/html")
                case Refused(error):
                    return self._send(200, {"ok": False, "error": error})
                case ConnectionDropped():
                    self._note(0, {})
                    return self._drop()
                case StreamDies():
                    self._end_stream()
        workspace = self.team.id if self.team else self.token
        wait = self.site.limiter.refuse(self.name, workspace, self.arguments.get("channel"))
        return None if wait is None else self._too_many(wait)

    async def _body(self) -> Json:
        try:
            method = METHODS.get(self.name)
            if method is None:
                raise ApiError("unknown_method", req_method=self.name)
            self._admit(method)
            call = Call(self.site, self.name, dict(self.arguments), self.team, self.person)
            return {"ok": True} | await method.handler(call)
        except ApiError as error:
            return {"ok": False, "error": error.code} | error.more

    def _admit(self, method: Method) -> None:
        if method.token == "none":
            return
        self._check_that_it_is_alive()
        is_app = self.token == self.site.world.app.app_token
        if self.team is None and not is_app:
            raise ApiError("invalid_auth")
        if is_app != (method.token == "app"):
            raise ApiError("not_allowed_token_type")
        if self.person is not None and method.token != "bot or person":
            raise ApiError("not_allowed_token_type")
        granted = self._granted()
        if granted is not None and method.scopes and not granted.intersection(method.scopes):
            needed = ",".join(method.scopes)
            raise ApiError("missing_scope", needed=needed, provided=",".join(sorted(granted)))

    def _check_that_it_is_alive(self) -> None:
        world = self.site.world
        if not self.token:
            raise ApiError("not_authed")
        if self.token in world.dead_tokens:
            raise ApiError(world.dead_tokens[self.token])
        if world.clock() > world.expiries.get(self.token, math.inf):
            raise ApiError("token_expired")

    def _granted(self) -> set[str] | None:
        """Return the scopes of the token; None where it has none, as that of the app."""
        if self.person is not None:
            return self.person.scopes
        return self.team.scopes if self.team is not None else None

    def _end_stream(self) -> None:
        channel = self.site.world.channels.get(str(self.arguments.get("channel")))
        message = channel and channel.messages.get(str(self.arguments.get("ts")))
        if message:
            api_streams.expire(message)

    def _lose(self, fault: AnswerLost, body: Json) -> web.Response:
        self._note(fault.status or 0, body)
        if fault.status is None:
            return self._drop()
        return web.Response(status=fault.status, text=_OVERLOADED, content_type="text/html")

    def _drop(self) -> web.Response:
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response(status=500)

    def _too_many(self, after: int) -> web.Response:
        return self._send(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(after)})

    def _send(self, status: int, body: Json, headers: dict[str, str] | None = None) -> web.Response:
        self._note(status, body)
        headers = dict(headers or {})
        granted = self._granted()
        if granted is not None:
            headers["X-OAuth-Scopes"] = ",".join(sorted(granted))
        if self.name in METHODS:
            headers["X-Accepted-OAuth-Scopes"] = ",".join(METHODS[self.name].scopes)
        return web.json_response(body, status=status, headers=headers)

    def _note(self, status: int, body: Json) -> None:
        team = self.team.id if self.team else None
        faults = tuple(type(one).__name__ for one in self.struck)
        self.site.log.add(
            ApiCall(self.site.world.clock(), self.name, team, self.arguments, status, body, faults)
        )


def _team(site: Site, token: str, arguments: Json) -> Team | None:
    """Return the workspace of a token; that of an organisation acts where the arguments say."""
    world = site.world
    if (person := world.user_tokens.get(token)) is not None:
        return world.teams[person.user.team_id]
    if (organisation := world.organisation_tokens.get(token)) is None:
        return world.tokens.get(token)
    named = [str(arguments.get(name)) for name in ("channel", "channel_id", "user", "users")]
    channels = [world.channels[one].team for one in named if one in world.channels]
    users = [world.teams[world.users[one].team_id] for one in named if one in world.users]
    triggers = site.interactions.triggers
    pressed = triggers.get(str(arguments.get("trigger_id")))
    where = [world.teams[pressed.user.team_id]] if pressed is not None else []
    inside = [one for one in channels + users + where if one in organisation.teams]
    return next(iter(inside), organisation.teams[0])


async def _arguments(request: web.Request) -> Json:
    arguments: Json = dict(request.query)
    if request.method == "POST" and request.can_read_body:
        arguments |= await _posted(request)
    return {key: value for key, value in arguments.items() if value is not None}


async def _posted(request: web.Request) -> Json:
    match request.content_type:
        case "application/json":
            return _json_object(await request.read())
        case "application/x-www-form-urlencoded" | "multipart/form-data":
            return dict(await request.post())
        case "application/octet-stream" | "text/plain":
            if not await request.read():
                return {}
    raise ApiError("invalid_post_type")


def _json_object(raw: bytes) -> Json:
    try:
        body: Any = json.loads(raw or b"{}")
    except ValueError as error:
        raise ApiError("invalid_json") from error
    if not isinstance(body, dict):
        raise ApiError("json_not_object")
    return body


def _token(request: web.Request, arguments: Json) -> str:
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        login = base64.b64decode(header.removeprefix("Basic ")).decode(errors="replace")
        name, _, secret = login.partition(":")
        arguments |= {"client_id": name, "client_secret": secret}
        return ""
    return str(arguments.pop("token", "")) or header.removeprefix("Bearer ")
