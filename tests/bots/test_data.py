"""`chatune data`: a person's right to see and to erase."""

import json
import stat

import anyio

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_core.outcomes import AuditEntry
from fakes.shell import Shell


def _newest_entry(shell: Shell) -> AuditEntry:
    async def newest() -> AuditEntry:
        async with open_stores(Settings(), Home(shell.home)) as stores:
            return (await stores.audit.entries(1))[0]

    return anyio.run(newest)


def test_what_a_person_said_is_exported_then_erased_with_a_receipt(served: Shell) -> None:
    served.run("serve", typed="my dog is called Rex\n")
    (served.home / "terminal_history").write_text("\n# then\n+typed here\n")

    exported = json.loads(served.run("data", "export", "terminal:ann").out)

    texts = {(record["store"], record.get("text")) for record in exported["records"]}
    assert ("turns", "my dog is called Rex") in texts
    assert ("turns", "You said: my dog is called Rex") in texts
    assert ("terminal_history", "typed here") in texts

    erased = served.run("data", "erase", "terminal:ann", typed="y\n")

    assert erased.code == 0
    receipt = dict(line.split() for line in erased.out.splitlines()[1:])
    assert (receipt["turns"], receipt["terminal_history"], receipt["keys"]) == ("2", "1", "1")
    assert not (served.home / "terminal_history").exists()
    assert _newest_entry(served).action == "data.erase"

    left = json.loads(served.run("data", "export", "terminal:ann").out)["records"]
    assert "Rex" not in json.dumps(left)


def test_nothing_goes_without_a_yes(served: Shell) -> None:
    for typed in ("n\n", ""):
        ran = served.run("data", "erase", "terminal:ann", typed=typed)

        assert ran.code == 2
        assert ran.errors.endswith("chatune: Nothing was erased.\n")


def test_an_export_goes_to_a_new_private_file_only(served: Shell) -> None:
    file = served.folder / "mine.json"

    assert served.run("data", "export", "terminal:ann", "--out", file).code == 0
    again = served.run("data", "export", "terminal:ann", "--out", file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (again.code, again.errors) == (2, f"chatune: {file} exists; choose another name.\n")


def test_what_is_no_id_is_refused(served: Shell) -> None:
    ran = served.run("data", "erase", "--yes", "ann")

    assert (ran.code, ran.out) == (2, "")
    assert ran.errors == ("chatune: 'ann' is no person's id; it looks like 'terminal:ann'.\n")
