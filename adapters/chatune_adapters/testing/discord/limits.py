"""Rate limits: a bucket for each route and place, one over all, and the ban for bad requests."""

import hashlib
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

INVALID_STATUSES = (401, 403, 429)
INVALID_WINDOW_S = 600
_PLACEHOLDER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `requests` in each window of `per`, which begins with its first request."""

    requests: int
    per: timedelta


@dataclass(slots=True)
class _Window:
    ends: float
    used: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limits say to one request: headers to send, and how long to wait if refused."""

    headers: dict[str, str]
    retry_after: float | None = None
    is_global: bool = False


class Limits:
    """Counts requests; generous unless set, so that tests are quick.

    Discord's own numbers, for a test that wants them: 50 requests a second over all routes,
    and near 5 posts in 5 seconds in each channel.
    """

    def __init__(self, clock: Callable[[], float], invalid_allowed: int) -> None:
        self._clock = clock
        self._default = Limit(10_000, timedelta(seconds=1))
        self._global: Limit | None = None
        self._routes: dict[str, Limit] = {}
        self._windows: dict[tuple[str, str], _Window] = {}
        self._invalid: deque[float] = deque(maxlen=invalid_allowed)
        self._invalid_allowed = invalid_allowed

    def set(self, route: str, limit: Limit) -> None:
        """Limit `route`, written as `POST /channels/{channel_id}/messages`, in each place."""
        self._routes[shape(route)] = limit

    def set_global(self, limit: Limit | None) -> None:
        """Limit all routes together, but for those of interactions."""
        self._global = limit

    def ask(self, route: str, place: str, *, counts_globally: bool) -> Verdict:
        """Count a request for `route` in `place` and say whether it may pass."""
        now = self._clock()
        if self._global is not None and counts_globally:
            window = self._window(("", ""), self._global, now)
            if window.used >= self._global.requests:
                return Verdict({}, window.ends - now, is_global=True)
            window.used += 1
        limit = self._routes.get(shape(route), self._default)
        window = self._window((shape(route), place), limit, now)
        refused = window.used >= limit.requests
        window.used += not refused
        wait = window.ends - now
        headers = {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(limit.requests - window.used),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{wait:.3f}",
            "X-RateLimit-Bucket": hashlib.sha1(shape(route).encode()).hexdigest()[:16],
        }
        return Verdict(headers, wait if refused else None)

    def _window(self, key: tuple[str, str], limit: Limit, now: float) -> _Window:
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            window = self._windows[key] = _Window(now + limit.per.total_seconds())
        return window

    def note(self, status: int, *, shared: bool) -> None:
        """Count an answer towards the ban; one limited in the shared scope does not count."""
        if status in INVALID_STATUSES and not shared:
            self._invalid.append(self._clock())

    @property
    def banned(self) -> bool:
        """Whether too many of the last ten minutes' requests were 401, 403 or 429."""
        full = len(self._invalid) == self._invalid_allowed
        return full and self._clock() - self._invalid[0] < INVALID_WINDOW_S


def shape(route: str) -> str:
    """Return the route with the names of its parameters left out."""
    return _PLACEHOLDER.sub("{}", route)
