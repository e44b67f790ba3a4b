"""The HTTP side: each request passes the record, faults, token and limits before its handler."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

import anyio
from aiohttp import web

from chatune_adapters.testing.discord.entities import Json
from chatune_adapters.testing.discord.errors import (
    WireError,
    invalid_form,
    no_such_route,
    unauthorized,
)
from chatune_adapters.testing.discord.faults import (
    DropRequest,
    Fault,
    Faults,
    Garble,
    LimitRate,
    LoseAnswer,
    Refuse,
    Slow,
)
from chatune_adapters.testing.discord.forms import Form, read_form
from chatune_adapters.testing.discord.limits import Limits
from chatune_adapters.testing.discord.record import Request

API = "/api/v10"
REASON_CHARS = 512
MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token")
"""The parameters of a path that have limits of their own."""
VIA = {"Via": "1.1 loopback"}
"""discord.py takes a 429 without it for a ban and does not try again."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed: what its handler needs."""

    params: dict[str, str]
    query: dict[str, str]
    form: Form
    cdn: str

    def id(self, name: str) -> int:
        """Return a parameter of the path that must be a snowflake."""
        return _snowflake(name, self.params[name])

    def query_id(self, name: str) -> int | None:
        """Return a snowflake of the query, if it is there."""
        value = self.query.get(name)
        return None if value is None else _snowflake(name, value)


def _snowflake(name: str, value: str) -> int:
    if not value.isdecimal():
        raise invalid_form(
            name, code="NUMBER_TYPE_COERCE", message=f'Value "{value}" is not snowflake.'
        )
    return int(value)


Handler = Callable[[Call], Json | list[Json] | None]
"""Answers a call: a body, or None for 204. It never waits, so each request is atomic."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with the handler behind them."""

    method: str
    path: str
    handler: Handler
    authorized: bool = True
    """Whether the bot's token is needed; routes of interactions carry their own."""

    @property
    def name(self) -> str:
        """The route as limits and faults name it."""
        return f"{self.method} {self.path}"


@dataclass(eq=False, slots=True)
class Rest:
    """Answers requests by the routes that it was given."""

    clock: Callable[[], float]
    faults: Faults
    limits: Limits
    tokens: set[str]
    changed: Callable[[], None]
    cdn: str = ""
    log: list[Request] = field(default_factory=list)

    def serve(self, app: web.Application, routes: list[Route]) -> None:
        """Put the routes into `app`; everything else below the interface is 404."""
        for route in routes:
            app.router.add_route(route.method, API + route.path, self._handler(route))
        app.router.add_route("*", API + "/{rest:.*}", self._unknown)

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            entry = Request(
                self.clock(), request.method, route.path, request.path.removeprefix(API)
            )
            self.log.append(entry)
            try:
                entry.reason = _reason(request)
                form = await read_form(request)
                entry.body = form.body
                response = await self._answer(route, request, form, entry)
            except WireError as error:
                response = _json(error.status, error.body)
            if response is None:
                _abort(request)
                return web.Response()
            entry.status, entry.answered_at = response.status, self.clock()
            self.limits.note(response.status, shared=_is_shared(response))
            self.changed()
            return response

        return handle

    async def _unknown(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(API)
        self.log.append(Request(self.clock(), request.method, path, path, status=404))
        error = no_such_route()
        return _json(error.status, error.body)

    async def _answer(
        self, route: Route, request: web.Request, form: Form, entry: Request
    ) -> web.Response | None:
        """Return the response, or None to drop the connection."""
        if self.limits.banned:
            return web.Response(status=429, text="error code: 1015", content_type="text/plain")
        fault = self.faults.meet(f"{request.method} {entry.path}")
        entry.fault = type(fault).__name__ if fault else None
        match fault:
            case DropRequest():
                return None
            case Refuse(status, code, message):
                return _json(status, {"message": message, "code": code})
            case LimitRate(retry_after, scope, via):
                return _limited(retry_after, scope, {}, VIA if via else {})
            case Slow(seconds):
                await anyio.sleep(seconds)
        return _spoilt(self._perform(route, request, form), fault)

    def _perform(self, route: Route, request: web.Request, form: Form) -> web.Response:
        params = dict(request.match_info)
        place = "+".join(params[name] for name in MAJOR if name in params)
        verdict = self.limits.ask(route.name, place, counts_globally=route.authorized)
        if verdict.retry_after is not None:
            scope = "global" if verdict.is_global else "user"
            return _limited(verdict.retry_after, scope, verdict.headers, VIA)
        try:
            if route.authorized and request.headers.get("Authorization") not in self._accepted():
                raise unauthorized()
            answer = route.handler(Call(params, dict(request.query), form, self.cdn))
        except WireError as error:
            return _json(error.status, error.body, verdict.headers)
        if answer is None:
            return web.Response(status=204, headers=verdict.headers)
        return _json(200, answer, verdict.headers)

    def _accepted(self) -> set[str]:
        return {f"Bot {token}" for token in self.tokens}


def _reason(request: web.Request) -> str | None:
    """Return what goes into the audit log: percent-encoded, of at most 512 characters."""
    told = request.headers.get("X-Audit-Log-Reason")
    if told is None:
        return None
    reason = unquote(told)
    if not reason.strip() or len(reason) > REASON_CHARS:
        raise invalid_form(
            "X-Audit-Log-Reason",
            code="BASE_TYPE_BAD_LENGTH",
            message=f"Must be between 1 and {REASON_CHARS} in length.",
        )
    return reason


def _spoilt(response: web.Response, fault: Fault | None) -> web.Response | None:
    match fault:
        case LoseAnswer(None):
            return None
        case LoseAnswer(int(status)):
            return _json(status, {"message": f"{status}: the answer was lost", "code": 0})
        case Garble():
            return web.Response(text="<!doctype html>", content_type="text/html")
    return response


def _limited(
    retry_after: float, scope: str, headers: dict[str, str], via: dict[str, str]
) -> web.Response:
    is_global = scope == "global"
    body: Json = {
        "message": "You are being rate limited.",
        "retry_after": round(retry_after, 3),
        "global": is_global,
    }
    extra = {"X-RateLimit-Scope": scope, "Retry-After": str(int(retry_after) + 1)}
    if is_global:
        extra["X-RateLimit-Global"] = "true"
    return _json(429, body, headers | extra | via)


def _is_shared(response: web.Response) -> bool:
    return response.headers.get("X-RateLimit-Scope") == "shared"


def _json(
    status: int, body: Json | list[Json], headers: dict[str, str] | None = None
) -> web.Response:
    # discord.py parses a body only if the type is exactly this, without a charset.
    typed = {"Content-Type": "application/json"} | (headers or {})
    return web.Response(status=status, body=json.dumps(body).encode(), headers=typed)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
