"""Linked identities, in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from chatune_core.messages import UserId


class MemoryLinks:
    """See Links. Nothing outlives the process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._circles: dict[UserId, set[UserId]] = {}
        self._offers: dict[UserId, tuple[str, datetime]] = {}

    def circle_of(self, user: UserId) -> set[UserId]:
        """Return everyone who is the same person, `user` included."""
        return self._circles.get(user, {user})

    async def offer(self, user: UserId, code: str, valid_for: timedelta) -> None:
        """See Links.offer."""
        self._offers[user] = (code, self._now() + valid_for)

    async def accept(self, user: UserId, code: str) -> UserId | None:
        """See Links.accept."""
        for other, (offered, until) in self._offers.items():
            if offered == code and until > self._now() and other != user:
                del self._offers[other]
                circle = self.circle_of(user) | self.circle_of(other)
                self._circles |= dict.fromkeys(circle, circle)
                return other
        return None

    async def linked(self, user: UserId) -> Sequence[UserId]:
        """See Links.linked."""
        return sorted(self.circle_of(user) - {user})

    async def part(self, user: UserId) -> None:
        """See Links.part."""
        self.forget(user.__eq__)

    def forget(self, named: Callable[[str], bool]) -> int:
        """Take everyone who is `named` out; return how many links and codes that ends."""
        gone = [user for user in self._circles if named(user)]
        for user in gone:
            self._circles.pop(user).discard(user)
        offers = [user for user in self._offers if named(user)]
        for user in offers:
            del self._offers[user]
        return len(gone) + len(offers)
