"""Keys: one master key, one key for each person, texts bound to their place."""

import base64
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from chatune_core.errors import ConfigurationError
from chatune_core.messages import UserId
from chatune_storage.keys import MasterKey, PersonKey, load_master_key
from chatune_storage.sql_stores import open_stores
from fakes.clock import FakeClock

KEY = bytes(range(32))
ENCODED = base64.b64encode(KEY).decode()


def test_the_environment_names_the_master_key(tmp_path: Path) -> None:
    assert load_master_key(tmp_path, {"CHATUNE_MASTER_KEY": f" {ENCODED}\n"}) == KEY
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "short", ENCODED[:-4], ENCODED + "AAAA", "é" * 44])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="openssl rand -base64 32"):
        load_master_key(tmp_path, {"CHATUNE_MASTER_KEY": text})


def test_the_first_start_makes_a_key_file_that_only_the_owner_reads(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"

    key = load_master_key(home, {})

    assert len(key) == 32
    assert load_master_key(home, {}) == key
    [file] = home.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_all_who_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    start = threading.Barrier(8)

    def load() -> None:
        start.wait()
        keys.append(load_master_key(tmp_path, {}))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_master_key(tmp_path, {})
    (tmp_path / "master.key").chmod(0o640)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_master_key(tmp_path, {})


def test_a_home_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")

    with pytest.raises(ConfigurationError, match="CHATUNE_MASTER_KEY"):
        load_master_key(tmp_path / "home", {})


@pytest.fixture
def person() -> PersonKey:
    master = MasterKey(KEY)
    return master.person_key(1, UserId("test:ann"), master.new_wrapped_key(UserId("test:ann")))


@pytest.mark.parametrize("text", ["", "hello", "hé\0\ud800\U0001f600", "x" * 1_000_000])
def test_a_text_comes_back_from_its_place(person: PersonKey, text: str) -> None:
    sealed = person.seal("turns.text", "1", text)

    assert person.open("turns.text", "1", sealed) == text
    assert len(text) < 5 or text.encode("utf-8", "surrogatepass") not in sealed


def test_the_same_text_never_looks_the_same(person: PersonKey) -> None:
    assert len({person.seal("turns.text", "1", "hello") for _ in range(100)}) == 100


@pytest.mark.parametrize(("column", "row"), [("ratings.reason", "1"), ("turns.text", "2")])
def test_a_text_does_not_open_elsewhere(person: PersonKey, column: str, row: str) -> None:
    sealed = person.seal("turns.text", "1", "hello")

    with pytest.raises(ConfigurationError, match="other hands"):
        person.open(column, row, sealed)


def test_a_changed_text_does_not_open(person: PersonKey) -> None:
    sealed = bytearray(person.seal("turns.text", "1", "hello"))
    sealed[-1] ^= 1

    with pytest.raises(ConfigurationError, match="backup"):
        person.open("turns.text", "1", bytes(sealed))


def test_a_text_opens_with_nobody_elses_key(person: PersonKey) -> None:
    master = MasterKey(KEY)
    other = master.person_key(1, UserId("test:ben"), master.new_wrapped_key(UserId("test:ben")))

    with pytest.raises(ConfigurationError):
        other.open("turns.text", "1", person.seal("turns.text", "1", "hello"))


def test_a_value_opens_under_its_own_name_alone() -> None:
    sealed = MasterKey(KEY).seal("slack:token", "secret")

    assert b"secret" not in sealed
    assert MasterKey(KEY).open("slack:token", sealed) == "secret"
    for master, name in ((MasterKey(KEY), "discord:token"), (MasterKey(b"k" * 32), "slack:token")):
        with pytest.raises(ConfigurationError, match="backup"):
            master.open(name, sealed)


def test_hashes_of_event_keys_depend_on_the_master_key() -> None:
    assert MasterKey(KEY).hashed("test:1") == MasterKey(KEY).hashed("test:1")
    assert MasterKey(KEY).hashed("test:1") != MasterKey(KEY).hashed("test:2")
    assert MasterKey(KEY).hashed("test:1") != MasterKey(b"k" * 32).hashed("test:1")


@pytest.mark.anyio
async def test_another_master_key_is_noticed_at_start(tmp_path: Path, clock: FakeClock) -> None:
    url, lease_for = f"sqlite:///{tmp_path}/chatune.db", timedelta(seconds=60)
    async with open_stores(url, KEY, clock, lease_for):
        pass

    with pytest.raises(ConfigurationError, match="master key") as refusal:
        async with open_stores(url, b"k" * 32, clock, lease_for):
            pass

    assert "CHATUNE_MASTER_KEY" in refusal.value.remedy
    async with open_stores(url, KEY, clock, lease_for):
        pass


@pytest.mark.anyio
async def test_a_master_key_of_the_wrong_size_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        async with open_stores(f"sqlite:///{tmp_path}/a.db", b"", clock, timedelta(seconds=1)):
            pass
