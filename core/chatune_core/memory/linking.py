"""`/link`: one person's identities on several platforms, joined by a code typed in both."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command, command_from
from chatune_core.errors import InvalidInput
from chatune_core.forms import Form
from chatune_core.memory.ports import Links
from chatune_core.messages import Button, UserId
from chatune_core.outcomes import Audited, AuditEntry

LINK = "link"
VALID_FOR = timedelta(minutes=10)
MOST_TRIES = 5
"""Wrong codes that a person may show within `VALID_FOR`."""
_PEOPLE_WATCHED = 10_000
_WRONG = "That code is not valid: it may be older than ten minutes, or used. /link gives a new one."


class LinkCommand:
    """Gives codes, and links who shows one; answered to the person alone."""

    def __init__(
        self, links: Links, new_code: Callable[[], str], now: Callable[[], datetime]
    ) -> None:
        """Take what makes codes that nobody guesses."""
        self._links, self._new_code, self._now = links, new_code, now
        self._tries: OrderedDict[UserId, list[datetime]] = OrderedDict()

    def commands(self) -> Sequence[Command]:
        """See Part.commands."""
        return [
            command_from(
                "link", "Link your identities on several platforms, so that they share memory.",
                self._link, private=True,
            )
        ]  # fmt: skip

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {LINK: self._accepted}

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {}

    async def _link(self, context: Context, code: str = "") -> Answer:
        if code.lower() == "off":
            return await self._part(context)
        if code:
            shown = code.strip().upper()[:64]
            text = (
                "Whoever was given this code will share what I remember of you, and you what I "
                "remember of them. Go on only if you got it from me yourself, just now."
            )
            return Answer(text, buttons=(Button(LINK, "Yes, both are me", shown),))
        linked = await self._links.linked(context.user)
        offered = self._new_code()
        await self._links.offer(context.user, offered, VALID_FOR)
        known = f"You are linked with {', '.join(linked)}; /link off ends that.\n" if linked else ""
        return Answer(
            f"{known}Within ten minutes write this to me where you are known by another name:\n"
            f"/link {offered}"
        )

    async def _accepted(self, context: Context, value: str) -> Answer:
        tries = self._recent_tries(context.user)
        if len(tries) >= MOST_TRIES:
            raise InvalidInput("Too many wrong codes. Try again in ten minutes.")
        other = await self._links.accept(context.user, value)
        if other is None:
            tries.append(self._now())
            return Answer(_WRONG, private=True)
        text = f"You are linked with {other}: you share memories, and a consent given or withdrawn by one counts for both. /link off ends that."
        return Answer(text, private=True, effects=(self._noted(context, "linked"),))

    async def _part(self, context: Context) -> Answer:
        if not await self._links.linked(context.user):
            return Answer("You are linked with nobody.")
        await self._links.part(context.user)
        text = "You are linked with nobody any more. What I learned under each name stays with it."
        return Answer(text, effects=(self._noted(context, "unlinked"),))

    def _recent_tries(self, user: UserId) -> list[datetime]:
        since = self._now() - VALID_FOR
        tries = [at for at in self._tries.pop(user, []) if at > since]
        self._tries[user] = tries
        if len(self._tries) > _PEOPLE_WATCHED:
            self._tries.popitem(last=False)
        return tries

    def _noted(self, context: Context, action: str) -> Audited:
        return Audited(AuditEntry(self._now(), context.user, action, context.user, {}))
