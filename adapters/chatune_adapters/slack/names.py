"""Names of people who are mentioned, asked once and kept."""

from collections.abc import Mapping, Sequence

import anyio

from chatune_adapters.slack.errors import ApiRefused
from chatune_adapters.slack.memory import Recent
from chatune_adapters.slack.web import Web
from chatune_core.errors import RetryLater

_KEPT = 10_000
_WITHIN_S = 1.0  # Slack counts three seconds to the ack


class Names:
    """Display names by user id. A name that cannot be had in time is left out."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._kept: Recent[str, str] = Recent(_KEPT)

    async def of(self, team: str, users: Sequence[str]) -> Mapping[str, str]:
        """Return the names that are known or can be had within a second."""
        with anyio.move_on_after(_WITHIN_S):
            for user in dict.fromkeys(users):
                if user not in self._kept:
                    await self._ask(team, user)
        found = {user: self._kept.get(user) for user in users}
        return {user: name for user, name in found.items() if name}

    async def _ask(self, team: str, user: str) -> None:
        try:
            answer = await self._web.call(team, "users.info", user=user)
        except (RetryLater, ApiRefused):
            return
        person = answer.get("user") or {}
        profile = person.get("profile") or {}
        name = profile.get("display_name") or person.get("real_name") or person.get("name")
        if name:
            self._kept.put(user, str(name))
