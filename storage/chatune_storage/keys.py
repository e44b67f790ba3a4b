"""The master key, and what is done with it: wrapping each person's key, hashing event keys."""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chatune_core.errors import ConfigurationError
from chatune_core.messages import UserId

VARIABLE = "CHATUNE_MASTER_KEY"
FILE_NAME = "master.key"
KEY_BYTES = 32
_NONCE_BYTES = 12
_HASH_BYTES = 16
_CHECK = b"chatune"


def load_master_key(home: Path, environ: Mapping[str, str]) -> bytes:
    """Return the 32 bytes of `CHATUNE_MASTER_KEY`, or of `master.key` in the folder `home`.

    The file is made at the first start, readable by its owner alone; of several processes that
    start at once, all get the key that one of them made.

    Raises:
        ConfigurationError: the variable or the file holds no key, or others may read the file.
    """
    if VARIABLE in environ:
        return _decoded(environ[VARIABLE], f"The environment variable {VARIABLE}")
    path = home / FILE_NAME
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(
                f"Others may read the master key file {str(path)!r}.", f"Run: chmod 600 {path}"
            )
        return _decoded(path.read_text("ascii"), f"The file {str(path)!r}")
    except OSError as error:
        raise ConfigurationError(
            f"The master key file {str(path)!r} cannot be used: {error.strerror}.",
            f"Make the folder writable, or set {VARIABLE}.",
        ) from error


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"{where} does not hold a master key.",
            "Put there 32 random bytes in base64, as `openssl rand -base64 32` prints them; "
            "if there was a key before, only that one opens the database.",
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(descriptor)
        # A link, unlike a rename, does not replace the key of a process that was faster.
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


class PersonKey:
    """Seals and opens the texts of one person.

    AES-256-GCM with a random nonce of 96 bits in front. What is sealed is bound to its column,
    its row and the person: moved anywhere else it does not open.
    """

    __slots__ = ("_cipher", "id", "user")

    def __init__(self, id: int, user: UserId, key: bytes) -> None:
        self.id, self.user = id, user
        self._cipher = AESGCM(key)

    def seal(self, column: str, row: str, text: str) -> bytes:
        """Return `text` encrypted for `column` (`table.column`) of the row named `row`."""
        nonce = os.urandom(_NONCE_BYTES)
        place = _encoded(f"{column}|{self.id}|{row}")
        return nonce + self._cipher.encrypt(nonce, _encoded(text), place)

    def open(self, column: str, row: str, sealed: bytes) -> str:
        """Return the text that `seal` was given for the same place.

        Raises:
            ConfigurationError: the bytes were changed or belong elsewhere.
        """
        place = _encoded(f"{column}|{self.id}|{row}")
        return _opened(self._cipher, sealed, place, f"A text in {column}")


class MasterKey:
    """Wraps the keys of persons, hashes event keys, seals values; `key` is 32 bytes.

    `audit_key` is made from it and ties the audit log together.
    """

    __slots__ = ("_cipher", "_hash_key", "_values", "audit_key")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigurationError(
                f"A master key has {KEY_BYTES} bytes, this one has {len(key)}.",
                "Make one with `openssl rand -base64 32`.",
            )
        self._cipher = AESGCM(key)
        self._hash_key = hashlib.blake2b(key=key, person=b"chatune events").digest()
        values = hashlib.blake2b(key=key, person=b"chatune values", digest_size=KEY_BYTES)
        self._values = AESGCM(values.digest())
        audit = hashlib.blake2b(key=key, person=b"chatune audit", digest_size=KEY_BYTES)
        self.audit_key = audit.digest()

    def new_wrapped_key(self, user: UserId) -> bytes:
        """Return a fresh key for `user`, wrapped."""
        return self._wrap(secrets.token_bytes(KEY_BYTES), user)

    def person_key(self, id: int, user: UserId, wrapped: bytes) -> PersonKey:
        """Unwrap the key of `user`, kept in the row `id`."""
        return PersonKey(id, user, self._unwrap(wrapped, user))

    def check_value(self) -> bytes:
        """Return a value that only this key recognises."""
        return self._wrap(_CHECK, "check")

    def recognises(self, check_value: bytes) -> bool:
        """Return whether `check_value` was made with this key."""
        try:
            return self._unwrap(check_value, "check") == _CHECK
        except InvalidTag:
            return False

    def hashed(self, key: str) -> bytes:
        """Return 16 bytes that stand for `key`; nobody finds the key without the master key."""
        return hashlib.blake2b(_encoded(key), digest_size=_HASH_BYTES, key=self._hash_key).digest()

    def seal(self, name: str, text: str) -> bytes:
        """Return `text` encrypted as the value called `name`, with a key made from this one."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._values.encrypt(nonce, _encoded(text), _encoded(name))

    def open(self, name: str, sealed: bytes) -> str:
        """Return the text that `seal` was given for the same name.

        Raises:
            ConfigurationError: the bytes were changed or belong elsewhere.
        """
        return _opened(self._values, sealed, _encoded(name), f"The value {name!r}")

    def _wrap(self, key: bytes, owner: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, _encoded(owner))

    def _unwrap(self, wrapped: bytes, owner: str) -> bytes:
        nonce, cipher = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        return self._cipher.decrypt(nonce, cipher, _encoded(owner))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _opened(cipher: AESGCM, sealed: bytes, place: bytes, what: str) -> str:
    try:
        text = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
    except InvalidTag as error:
        raise ConfigurationError(
            f"{what} does not decrypt: the database was changed by other hands.",
            "Restore the database from a backup.",
        ) from error
    return text.decode("utf-8", "surrogatepass")
