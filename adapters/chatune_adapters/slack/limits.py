"""Rate limits: who has to rest, and whose turn it is in a channel that Slack found too busy.

Slack lets short bursts through and says when it is too much. So nothing is held back until it
answers 429; then only that method (for posts: that channel) rests for the time it named, and the
channel is written to once a second for a while. Nobody waits here: the caller comes again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from chatune_adapters.slack.errors import Limited

POST = "chat.postMessage"
POST_EVERY_S = 1.0
PACED_FOR_S = 60.0
_SHORT_S = 0.25


@dataclass(slots=True)
class _Lane:
    until: float
    next: float
    claims: dict[str, float] = field(default_factory=dict)


class Limits:
    """The limits of all workspaces, as Slack told them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._resting: dict[tuple[str, str, str], float] = {}
        self._lanes: dict[tuple[str, str], _Lane] = {}

    def rest(self, team: str, method: str, channel: str, after: timedelta) -> None:
        """Let nothing through for `after`, and pace the channel if it was a post."""
        now = self._now()
        until = now + after.total_seconds()
        self._resting[_route(team, method, channel)] = until
        if method == POST:
            lane = self._lanes.setdefault((team, channel), _Lane(0.0, 0.0))
            lane.until, lane.next = until + PACED_FOR_S, max(lane.next, until)
            lane.claims.clear()

    def resting(self, team: str, method: str, channel: str = "") -> float:
        """Return for how many seconds more the route rests; 0 if it does not."""
        if not self._resting:
            return 0.0
        route = _route(team, method, channel)
        left = self._resting.get(route, 0.0) - self._now()
        if left <= 0:
            self._resting.pop(route, None)
        return max(left, 0.0)

    def wait_for(self, team: str, method: str, channel: str, claimant: str) -> float:
        """Return the seconds to wait before the call may be made: none, or a moment.

        Args:
            team: the workspace.
            method: of the Web API.
            channel: where to, for posts.
            claimant: keeps its turn in a paced channel until it comes again.

        Raises:
            Limited: it is not the time; its `after` says when it will be.
        """
        left = self.resting(team, method, channel)
        if not left and method == POST:
            left = self._turn(team, channel, claimant)
        if left <= _SHORT_S:
            return left
        raise Limited(f"{method} rests", timedelta(seconds=left))

    def _turn(self, team: str, channel: str, claimant: str) -> float:
        lane = self._lanes.get((team, channel))
        if lane is None:
            return 0.0
        now = self._now()
        if now > lane.until:
            del self._lanes[(team, channel)]
            return 0.0
        at = lane.claims.pop(claimant, None)
        if at is None:
            at = max(lane.next, now)
            lane.next = at + POST_EVERY_S
        if at - now > _SHORT_S:
            lane.claims[claimant] = at
        return max(at - now, 0.0)


def _route(team: str, method: str, channel: str) -> tuple[str, str, str]:
    return team, method, channel if method == POST else ""
