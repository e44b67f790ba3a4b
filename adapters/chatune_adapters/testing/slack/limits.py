"""Rate limits: token buckets per method and workspace, and per channel for posts."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many seconds; as many may come at once."""

    calls: float
    seconds: float = 60.0


@dataclass(slots=True)
class Limits:
    """What the workspace allows. Everything is allowed unless told otherwise.

    Attributes:
        each_method: for methods not named in `methods`.
        methods: by method name.
        posts_per_channel: for chat.postMessage, per channel.
    """

    each_method: Rate | None = None
    methods: Mapping[str, Rate] = field(default_factory=dict)
    posts_per_channel: Rate | None = None

    @classmethod
    def like_slack(cls) -> "Limits":
        """Return Slack's tiers: the per-channel post limit and the usual methods."""
        tier_2, tier_3, tier_4 = Rate(20), Rate(50), Rate(100)
        return cls(
            each_method=tier_3,
            methods={
                "apps.connections.open": Rate(1),
                "chat.postMessage": Rate(600),
                "chat.startStream": tier_2,
                "chat.appendStream": tier_4,
                "chat.stopStream": tier_2,
                "reactions.remove": tier_2,
                "views.open": tier_4,
                "views.push": tier_4,
                "views.update": tier_4,
                "users.info": tier_4,
                "auth.test": Rate(600),
            },
            posts_per_channel=Rate(1, 1.0),
        )


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Limiter:
    """Counts calls against the limits."""

    clock: Callable[[], float]
    limits: Limits
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def refuse(self, method: str, workspace: str, channel: str | None) -> int | None:
        """Take one call from the buckets, or return after how many seconds to come again."""
        rate = self.limits.methods.get(method, self.limits.each_method)
        per_channel = self.limits.posts_per_channel if method == "chat.postMessage" else None
        buckets = [(rate, (method, workspace)), (per_channel, ("channel", channel or ""))]
        wanted = [(rate, self._filled(rate, key)) for rate, key in buckets if rate is not None]
        short = [
            (1 - bucket.tokens) * rate.seconds / rate.calls
            for rate, bucket in wanted
            if bucket.tokens < 1
        ]
        if short:
            return max(1, math.ceil(max(short)))
        for _, bucket in wanted:
            bucket.tokens -= 1
        return None

    def _filled(self, rate: Rate, key: tuple[str, str]) -> _Bucket:
        now = self.clock()
        bucket = self._buckets.setdefault(key, _Bucket(max(1.0, rate.calls), now))
        grown = bucket.tokens + (now - bucket.at) * rate.calls / rate.seconds
        bucket.tokens = min(max(1.0, rate.calls), grown)
        bucket.at = now
        return bucket
