"""What ties the entries of the audit log together, so that no other hand changes them unseen.

Entry n is kept with a random `salt`, `digest` = SHA-256(salt, what it says), `previous` = the hash
of entry n - 1 and `hash` = HMAC(previous, digest). The head (the newest number and its hash, under
an HMAC of its own) shows when the end is cut off. To take a name out, the salt is destroyed, so
that the digest tells nobody what was said, and what is said instead gets a `seal`: an HMAC over
it and the hash.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chatune_core.outcomes import AuditEntry
from chatune_storage.personal import without_name
from chatune_storage.tables import microseconds, moment

START = bytes(32)
"""The hash before the first entry."""
SPOKEN = ("at", "actor", "action", "subject", "details")
"""The columns that say what happened; the others tie the entries together."""
_SALT_BYTES = 16
_NUMBER_BYTES = 8
Row = dict[str, Any]


class Columns(Protocol):
    """A row, of whatever kind, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401 - columns have many types
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends: how many entries it has, and the hash of the newest."""

    number: int
    hash: bytes


class AuditChain:
    """Makes and recognises the links of one log; `key` is 32 secret bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def linked(self, entries: Sequence[AuditEntry], after: Head) -> tuple[list[Row], Head]:
        """Return rows for `entries`, which follow `after`, and the head of the log with them."""
        rows = []
        for entry in entries:
            said, salt = entry_row(entry), secrets.token_bytes(_SALT_BYTES)
            digest = hashlib.sha256(salt + _canonical(said)).digest()
            linked = Head(after.number + 1, self._link(after.hash, digest))
            link = {"salt": salt, "digest": digest, "previous": after.hash, "hash": linked.hash}
            rows.append({"id": linked.number, **said, **link, "seal": None})
            after = linked
        return rows, after

    def unnamed(self, row: Columns, named: Callable[[str], bool]) -> Row:
        """Return the columns of `row` that change when every name that is `named` goes."""
        said = entry_row(without_name(entry_from(row), named))
        if not self.says_what_was_written(row):
            # What somebody has changed stays unsealed, or the change would pass from now on.
            return {**said, "salt": None}
        return {**said, "salt": None, "seal": self._seal(row["hash"], said)}

    def is_genuine(self, row: Columns) -> bool:
        """Return whether the links of `row` were made with this key, wherever it stands now."""
        return hmac.compare_digest(row["hash"], self._link(row["previous"], row["digest"]))

    def says_what_was_written(self, row: Columns) -> bool:
        """Return whether the text of `row` is that of its digest, or what an erasure left."""
        salt, seal = row["salt"], row["seal"]
        if salt is not None:
            digest = hashlib.sha256(salt + _canonical(row)).digest()
            return seal is None and hmac.compare_digest(row["digest"], digest)
        return seal is not None and hmac.compare_digest(seal, self._seal(row["hash"], row))

    def closed(self, head: Head) -> bytes:
        """Return `head` as it is stored: number, hash, HMAC."""
        plain = head.number.to_bytes(_NUMBER_BYTES) + head.hash
        return plain + self._mac(b"head", plain)

    def opened(self, stored: bytes | None) -> Head | None:
        """Return the head that `closed` was given, or None if anything else is stored."""
        plain = (stored or b"")[: _NUMBER_BYTES + len(START)]
        if not hmac.compare_digest(plain + self._mac(b"head", plain), stored or b""):
            return None
        return Head(int.from_bytes(plain[:_NUMBER_BYTES]), plain[_NUMBER_BYTES:])

    def _link(self, previous: bytes, digest: bytes) -> bytes:
        return self._mac(b"link", previous + digest)

    def _seal(self, hash: bytes, said: Columns) -> bytes:
        return self._mac(b"seal", hash + _canonical(said))

    def _mac(self, purpose: bytes, content: bytes) -> bytes:
        return hmac.digest(self._key, purpose + content, "sha256")


def entry_row(entry: AuditEntry) -> Row:
    """Return what the entry says as columns."""
    return {
        "at": microseconds(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": json.dumps(dict(entry.details)),
    }


def entry_from(row: Columns) -> AuditEntry:
    """Return the entry of one row; details that other hands made unreadable stay as they are."""
    try:
        details = json.loads(row["details"])
    except ValueError:
        details = None
    if not isinstance(details, dict):
        details = {"unreadable": row["details"]}
    return AuditEntry(moment(row["at"]), row["actor"], row["action"], row["subject"], details)


def _canonical(row: Columns) -> bytes:
    said = [row[column] for column in SPOKEN]
    return json.dumps(said, default=repr).encode()
