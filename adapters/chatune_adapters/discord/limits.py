"""Discord's rate limits as its answers tell them: a bucket for each route and place, one for all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_SWEEP_AT = 4096


@dataclass(slots=True)
class _Bucket:
    remaining: int = 1
    resets: float = 0.0
    blocked: float = 0.0


@dataclass(slots=True)
class Limits:
    """How long each call has to wait; one limited place never delays another."""

    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _global_until: float = 0.0

    def wait_for(self, place: str, *, spare: bool = False) -> float:
        """Return the seconds until a call to `place` may be made; 0 takes one of its budget.

        A `spare` call leaves the last one of the budget to those that matter.
        """
        now = self.clock()
        bucket = self._buckets.get(place)
        wait = self._global_until - now
        if bucket is not None:
            wait = max(wait, bucket.blocked - now)
            if bucket.remaining <= int(spare):
                wait = max(wait, bucket.resets - now)
        if wait > 0:
            return wait
        if bucket is not None:
            bucket.remaining -= 1
        return 0.0

    def learn(self, place: str, headers: Mapping[str, str]) -> None:
        """Take in what an answer says of its bucket."""
        left, reset_after = (
            headers.get("X-RateLimit-Remaining"),
            headers.get("X-RateLimit-Reset-After"),
        )
        if left is None or reset_after is None:
            return
        bucket = self._bucket(place)
        now = self.clock()
        resets = now + float(reset_after)
        fresh = bucket.resets <= now
        # Answers overtake each other: within a window only a smaller rest is news.
        bucket.remaining = int(left) if fresh else min(bucket.remaining, int(left))
        bucket.resets = resets

    def block(self, place: str, seconds: float, *, everything: bool) -> None:
        """Let no call to `place`, or none at all, pass for `seconds`."""
        until = self.clock() + seconds
        if everything:
            self._global_until = max(self._global_until, until)
        else:
            self._bucket(place).blocked = until

    def _bucket(self, place: str) -> _Bucket:
        if len(self._buckets) >= _SWEEP_AT:
            now = self.clock()
            self._buckets = {
                name: bucket
                for name, bucket in self._buckets.items()
                if max(bucket.resets, bucket.blocked) > now
            }
        return self._buckets.setdefault(place, _Bucket())
