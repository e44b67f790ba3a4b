"""Identities of one person: who is linked to whom, and the codes by which that comes about."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, literal, select, union
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.selectable import CompoundSelect

from chatune_core.messages import UserId
from chatune_storage.database import Database
from chatune_storage.keyring import Keyring
from chatune_storage.tables import link_codes, links, microseconds, people
from chatune_storage.writer import Transaction, Writer

Persons = Select[Any] | CompoundSelect[Any]


def persons_of(user: UserId) -> Persons:
    """Return the rows of `people` that are the person `user`: the one filter of all memory."""
    mine = select(people.c.id).where(people.c.user_id == user)
    circle = select(links.c.circle).where(links.c.person_id.in_(mine))
    return union(mine, select(links.c.person_id).where(links.c.circle.in_(circle)))


def circle_of(person: int) -> Persons:
    """Return the rows of `people` that are the same person as the row `person`."""
    circle = select(links.c.circle).where(links.c.person_id == person)
    linked = select(links.c.person_id).where(links.c.circle.in_(circle))
    return union(select(literal(person)), linked)


class SqlLinks:
    """See Links."""

    def __init__(
        self, database: Database, writer: Writer, keyring: Keyring, now: Callable[[], datetime]
    ) -> None:
        self._database, self._writer, self._keyring, self._now = database, writer, keyring, now
        chosen = sqlite if database.dialect == "sqlite" else postgresql
        offered, linked = chosen.insert(link_codes), chosen.insert(links)
        self._offer = offered.on_conflict_do_update(
            index_elements=["person_id"],
            set_={name: offered.excluded[name] for name in ("code_hash", "until")},
        )
        self._link = linked.on_conflict_do_update(
            index_elements=["person_id"], set_={"circle": linked.excluded.circle}
        )

    async def offer(self, user: UserId, code: str, valid_for: timedelta) -> None:
        """See Links.offer."""
        until = microseconds(self._now() + valid_for)
        await self._writer.change(self._offer_all, (user, self._hashed(code), until), (user,))

    def _offer_all(
        self, transaction: Transaction, offers: Sequence[tuple[UserId, bytes, int]]
    ) -> Sequence[None]:
        connection, codes = transaction.connection, link_codes.c
        connection.execute(delete(link_codes).where(codes.until <= transaction.now))
        for user, code_hash, until in offers:
            row = {"person_id": transaction.keys[user].id, "code_hash": code_hash, "until": until}
            connection.execute(self._offer, row)
        return [None] * len(offers)

    async def accept(self, user: UserId, code: str) -> UserId | None:
        """See Links.accept."""
        return await self._writer.change(self._accept_all, (user, self._hashed(code)), (user,))

    def _accept_all(
        self, transaction: Transaction, shown: Sequence[tuple[UserId, bytes]]
    ) -> Sequence[UserId | None]:
        return [self._accept(transaction, user, code_hash) for user, code_hash in shown]

    def _accept(self, transaction: Transaction, user: UserId, code_hash: bytes) -> UserId | None:
        connection, person = transaction.connection, transaction.keys[user].id
        valid = delete(link_codes).where(
            link_codes.c.code_hash == code_hash,
            link_codes.c.until > transaction.now,
            link_codes.c.person_id != person,
        )
        other = connection.execute(valid.returning(link_codes.c.person_id)).scalar()
        if other is None:
            return None
        # Everyone of both circles, so that links are the same seen from each side.
        members = {*connection.execute(circle_of(person)).scalars()}
        members |= {*connection.execute(circle_of(other)).scalars()}
        circle = secrets.token_hex(8)
        rows = [{"person_id": member, "circle": circle} for member in sorted(members)]
        connection.execute(self._link, rows)
        name = select(people.c.user_id).where(people.c.id == other)
        return UserId(connection.execute(name).scalar_one())

    async def linked(self, user: UserId) -> Sequence[UserId]:
        """See Links.linked."""
        others = select(people.c.user_id).where(people.c.id.in_(persons_of(user)))
        found = await self._database.read(lambda c: c.execute(others).scalars().all())
        return sorted(UserId(other) for other in found if other != user)

    async def part(self, user: UserId) -> None:
        """See Links.part."""
        await self._writer.change(_part_all, user, (user,))

    def _hashed(self, code: str) -> bytes:
        return self._keyring.hashed(f"link code {code}")


def _part_all(transaction: Transaction, users: Sequence[UserId]) -> Sequence[None]:
    persons = [transaction.keys[user].id for user in users]
    transaction.connection.execute(delete(links).where(links.c.person_id.in_(persons)))
    return [None] * len(users)
