"""Who and what may be learned from, as conditions of the very queries that read it."""

from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, and_, exists, select, true

from chatune_core.learning.permission import OWN_PLATFORM
from chatune_core.privacy import Purpose
from chatune_storage.prefixes import begins_with
from chatune_storage.tables import consents, heard, people

Where = ColumnElement[bool]


def agreeing_to(purpose: Purpose) -> CTE:
    """Return the persons whose last decision on `purpose` is a yes."""
    decided, later = consents.alias("decided"), consents.alias("later")
    withdrawn = exists().where(
        later.c.person_id == decided.c.person_id,
        later.c.purpose == purpose.value,
        later.c.id > decided.c.id,
    )
    yes = select(decided.c.person_id).where(
        decided.c.purpose == purpose.value, decided.c.granted, ~withdrawn
    )
    return yes.cte(f"agreeing_to_{purpose.value}")


class Permitted:
    """The conditions, for one reading. `answer` is always an alias of `generations`."""

    def __init__(self, dialect: str, *, platforms_permitted: bool) -> None:
        self._dialect, self._everywhere = dialect, platforms_permitted
        self._agreeing = agreeing_to(Purpose.TRAINING)

    def agrees(self, person: ColumnElement[Any]) -> Where:
        """Return whether the person agrees to training."""
        return person.in_(select(self._agreeing.c.person_id))

    def all_agree(self, answer: FromClause) -> Where:
        """Return whether all agree whose words the answer may hold."""
        others = heard.alias()
        refuses = exists().where(others.c.event == answer.c.event, ~self.agrees(others.c.person_id))
        return and_(self.agrees(answer.c.person_id), ~refuses)

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
            self.all_agree(answer), self.all_allow(answer), has_texts(answer), is_attributed(answer)
        )

    def _own(self, name: ColumnElement[Any]) -> Where:
        return begins_with(self._dialect, name, f"{OWN_PLATFORM}:")


def has_texts(answer: FromClause) -> Where:
    """Return whether prompt and completion are still there."""
    return and_(answer.c.prompt.is_not(None), answer.c.completion.is_not(None))


def is_attributed(answer: FromClause) -> Where:
    """Return whether it is known who is heard in the answer. Of who is erased no prompt is left."""
    return answer.c.heard.is_not(None)
