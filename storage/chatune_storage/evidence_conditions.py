"""Who and what may be learned from, as conditions of the very queries that read it."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, exists, true

from chatune_core.learning.permission import OWN_PLATFORM
from chatune_core.privacy import Purpose
from chatune_storage.consent_rows import agreed
from chatune_storage.prefixes import begins_with
from chatune_storage.tables import heard, people

Where = ColumnElement[bool]


class Permitted:
    """The conditions, for one reading. `answer` is always `generations` or an alias of it."""

    def __init__(self, dialect: str, *, platforms_permitted: bool) -> None:
        self._dialect, self._everywhere = dialect, platforms_permitted

    def allows(self, person: ColumnElement[Any]) -> Where:
        """Return whether the platform of the person is no obstacle."""
        if self._everywhere:
            return true()
        who = people.alias()
        return exists().where(who.c.id == person, self._own(who.c.user_id))

    def all_allow(self, answer: FromClause) -> Where:
        """Return whether the platforms of the answer, and of all who are heard in it, are none."""
        if self._everywhere:
            return true()
        others = heard.alias()
        stranger = exists().where(
            others.c.event == answer.c.event, ~self.allows(others.c.person_id)
        )
        return and_(self._own(answer.c.conversation), self.allows(answer.c.person_id), ~stranger)

    def usable(self, answer: FromClause) -> Where:
        """Return whether the texts of the answer may be read."""
        return and_(
            all_agree(answer), self.all_allow(answer), has_texts(answer), is_attributed(answer)
        )

    def _own(self, name: ColumnElement[Any]) -> Where:
        return begins_with(self._dialect, name, f"{OWN_PLATFORM}:")


def agrees(person: ColumnElement[Any]) -> Where:
    """Return whether the person agrees to training."""
    return agreed(person, Purpose.TRAINING)


def all_agree(answer: FromClause) -> Where:
    """Return whether all agree whose words the answer may hold."""
    others = heard.alias()
    refuses = exists().where(others.c.event == answer.c.event, ~agrees(others.c.person_id))
    return and_(agrees(answer.c.person_id), ~refuses)


def has_texts(answer: FromClause) -> Where:
    """Return whether prompt and completion are still there."""
    return and_(answer.c.prompt.is_not(None), answer.c.completion.is_not(None))


def is_attributed(answer: FromClause) -> Where:
    """Return whether it is known who is heard in the answer. Of who is erased no prompt is left."""
    return answer.c.heard.is_not(None)
