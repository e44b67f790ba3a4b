"""kill -9 at random points: nothing is lost, nothing is answered twice, order is kept."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

DRIVER = Path(__file__).parent / "kill_driver.py"
CONVERSATIONS = 20


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chatune.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.mark.timeout(120)
def test_a_few_kills(url: str, tmp_path: Path) -> None:
    judge(run(url, tmp_path, turns=100, kills=10), turns=100, kills=10)


@pytest.mark.soak
def test_two_hundred_kills_in_a_thousand_turns(url: str, tmp_path: Path) -> None:
    judge(run(url, tmp_path, turns=1000, kills=200), turns=1000, kills=200)


def run(url: str, folder: Path, *, turns: int, kills: int) -> dict[str, object]:
    command = [sys.executable, str(DRIVER), "--url", url, "--folder", str(folder)]
    command += ["--turns", str(turns), "--kills", str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def judge(result: dict[str, object], *, turns: int, kills: int) -> None:
    record, history = result["record"], result["history"]
    assert isinstance(record, Sequence)
    assert isinstance(history, dict)
    assert result["finished"]
    assert result["kills"] == kills
    assert result["kills_in_work"] == kills, "the work ended before the kills did"
    assert sorted(record) == sorted(f"e{number}" for number in range(turns))
    for line in range(CONVERSATIONS):
        numbers = range(line, turns, CONVERSATIONS)
        assert [key for key in record if int(key[1:]) % CONVERSATIONS == line] == [
            f"e{number}" for number in numbers
        ]
        said = [f"word {number}" for number in numbers for _ in ("person", "bot")]
        assert history[f"fault:{line}"] == said
