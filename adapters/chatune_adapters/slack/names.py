"""Who people are, asked once an hour: what they are called and what they may do."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from chatune_adapters.slack.errors import ApiRefused
from chatune_adapters.slack.ids import workspace_id
from chatune_adapters.slack.memory import Recent
from chatune_adapters.slack.web import Web
from chatune_core.errors import RetryLater

_KEPT = 10_000
_GOOD_FOR_S = 3_600.0
_WITHIN_S = 1.0  # Slack counts three seconds to the ack


@dataclass(frozen=True, slots=True)
class Person:
    """A display name, and roles as in "slack:TEAM:admin"."""

    name: str = ""
    roles: tuple[str, ...] = ()


_UNKNOWN = Person()


class Names:
    """People by workspace and user id. Who cannot be had in time is left out."""

    def __init__(self, web: Web, now: Callable[[], float] = time.monotonic) -> None:
        self._web, self._now = web, now
        self._kept: Recent[tuple[str, str], tuple[float, Person]] = Recent(_KEPT)
        self._asking: dict[tuple[str, str], anyio.Event] = {}

    async def of(self, team: str, users: Sequence[str]) -> Mapping[str, str]:
        """Return the names that are known or can be had within a second."""
        people = await self._people(team, users)
        return {user: person.name for user, person in people.items() if person.name}

    async def person(self, team: str, user: str) -> Person:
        """Return who somebody is, nameless if that cannot be had within a second."""
        return (await self._people(team, [user])).get(user, _UNKNOWN)

    async def _people(self, team: str, users: Sequence[str]) -> Mapping[str, Person]:
        with anyio.move_on_after(_WITHIN_S):
            for user in dict.fromkeys(users):
                if not self._fresh(team, user):
                    await self._ask_once(team, user)
        found = {user: self._kept.get((team, user)) for user in users}
        return {user: known[1] for user, known in found.items() if known}

    def _fresh(self, team: str, user: str) -> bool:
        known = self._kept.get((team, user))
        return known is not None and self._now() < known[0]

    async def _ask_once(self, team: str, user: str) -> None:
        """Ask, or wait for whoever asks already."""
        if (asked := self._asking.get((team, user))) is not None:
            return await asked.wait()
        asked = self._asking[(team, user)] = anyio.Event()
        try:
            await self._ask(team, user)
        finally:
            del self._asking[(team, user)]
            asked.set()

    async def _ask(self, team: str, user: str) -> None:
        try:
            answer = await self._web.call(team, "users.info", user=user)
        except (RetryLater, ApiRefused):
            return
        person = _person(team, answer.get("user") or {})
        if person.name:
            self._kept.put((team, user), (self._now() + _GOOD_FOR_S, person))


def _person(team: str, found: Mapping[str, Any]) -> Person:
    profile = found.get("profile") or {}
    name = profile.get("display_name") or found.get("real_name") or found.get("name") or ""
    if found.get("is_stranger") or found.get("team_id") not in (None, team):
        return Person(str(name))  # an administrator of another workspace is none here
    ranks = [rank for rank in ("admin", "owner") if found.get(f"is_{rank}")]
    return Person(str(name), tuple(f"{workspace_id(team)}:{rank}" for rank in ranks))
