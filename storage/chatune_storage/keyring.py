"""Everyone's own key, found by user or by row; the most recently used are remembered."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Row, Select, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from chatune_core.errors import ConfigurationError
from chatune_core.messages import UserId
from chatune_storage.keys import MasterKey, PersonKey
from chatune_storage.tables import people, settings

_CHECK = "master key"
_ALL = select(people.c.id, people.c.user_id, people.c.wrapped_key)


class Keyring:
    """Keys of persons. Rows that hold text point at the key's row, so a key that was erased
    elsewhere is noticed: the write fails, `forget` is called, and a fresh key is made. Any thread
    may call.
    """

    def __init__(self, master: MasterKey, remembered: int) -> None:
        self._master, self._remembered = master, remembered
        self._by_user: OrderedDict[UserId, PersonKey] = OrderedDict()
        self._by_id: dict[int, PersonKey] = {}
        self._lock = Lock()

    def hashed(self, key: str) -> bytes:
        """See MasterKey.hashed."""
        return self._master.hashed(key)

    def of_users(
        self, connection: Connection, users: Iterable[UserId]
    ) -> Mapping[UserId, PersonKey]:
        """Return the key of each user, made if there is none."""
        wanted = set(users)
        with self._lock:
            found = {user: self._by_user[user] for user in wanted if user in self._by_user}
            for user in found:
                self._by_user.move_to_end(user)
        missing = sorted(wanted - found.keys())
        if not missing:
            return found
        loaded = self._load(connection, _ALL.where(people.c.user_id.in_(missing)))
        fresh = [user for user in missing if user not in loaded]
        if fresh:
            # In one order everywhere, or two processes that greet the same people deadlock.
            self._make(connection, fresh)
            loaded |= self._load(connection, _ALL.where(people.c.user_id.in_(fresh)))
        for key in loaded.values():
            self._remember(key)
        return found | loaded

    def known(self, connection: Connection, user: UserId) -> PersonKey | None:
        """Return the key of `user` as the database has it now, or None."""
        return self._load(connection, _ALL.where(people.c.user_id == user)).get(user)

    def of_rows(self, connection: Connection, ids: Iterable[int]) -> Mapping[int, PersonKey]:
        """Return the keys kept in these rows; those that are gone are left out."""
        wanted = set(ids)
        with self._lock:
            found = {id: self._by_id[id] for id in wanted if id in self._by_id}
        missing = wanted - found.keys()
        if missing:
            loaded = self._load(connection, _ALL.where(people.c.id.in_(missing)))
            found |= {key.id: key for key in loaded.values()}
            for key in loaded.values():
                self._remember(key)
        return found

    def renewed(self, connection: Connection, id: int) -> tuple[bytes, PersonKey, PersonKey]:
        """Make a fresh key for the person of the row `id`, in a row of its own.

        The old row loses its name and is for the caller to delete; `forget` is to be called after
        the transaction.

        Returns:
            The old key as it was stored, and both keys.
        """
        row = connection.execute(_ALL.where(people.c.id == id)).one()
        old = self._unwrapped(row)
        nameless = update(people).where(people.c.id == id).values(user_id=f"renewed {id}")
        connection.execute(nameless)
        self._make(connection, [old.user])
        [new] = self._load(connection, _ALL.where(people.c.user_id == old.user)).values()
        return bytes(row[2]), old, new

    def forget(self, users: Iterable[UserId]) -> None:
        """Look these up again next time."""
        with self._lock:
            for user in users:
                self._forget(user)

    def _forget(self, user: UserId) -> None:
        key = self._by_user.pop(user, None)
        if key is not None:
            self._by_id.pop(key.id, None)

    def check(self, connection: Connection) -> None:
        """Make sure that the master key is the one that the database was made with.

        Raises:
            ConfigurationError: it is another one.
        """
        value = select(settings.c.value).where(settings.c.name == _CHECK)
        if connection.execute(value).first() is None:
            row = {"name": _CHECK, "value": self._master.check_value()}
            connection.execute(insert(settings), row)
        # Written at every start, so that a database that can only be read is found out now.
        connection.execute(update(settings).where(settings.c.name == _CHECK), {"name": _CHECK})
        if not self._master.recognises(connection.execute(value).scalar_one()):
            raise ConfigurationError(
                "The master key is not the one that this database was encrypted with.",
                "Set CHATUNE_MASTER_KEY to the old key, or put the old master.key file back.",
            )

    def _load(
        self, connection: Connection, query: "Select[int, str, bytes]"
    ) -> dict[UserId, PersonKey]:
        keys = [self._unwrapped(row) for row in connection.execute(query)]
        return {key.user: key for key in keys}

    def _unwrapped(self, row: "Row[int, str, bytes]") -> PersonKey:
        try:
            return self._master.person_key(row[0], UserId(row[1]), row[2])
        except InvalidTag as error:
            raise ConfigurationError(
                "The key of a person does not open: the database was changed by other hands.",
                "Restore the database from a backup.",
            ) from error

    def _make(self, connection: Connection, users: list[UserId]) -> None:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        rows = [
            {"user_id": user, "wrapped_key": self._master.new_wrapped_key(user)} for user in users
        ]
        connection.execute(dialect.insert(people).on_conflict_do_nothing(), rows)

    def _remember(self, key: PersonKey) -> None:
        with self._lock:
            self._forget(key.user)
            self._by_user[key.user] = key
            self._by_id[key.id] = key
            if len(self._by_user) > self._remembered:
                _, oldest = self._by_user.popitem(last=False)
                self._by_id.pop(oldest.id, None)
