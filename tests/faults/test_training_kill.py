"""Trainers and leaders are killed: the run is made once, by whoever is left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).parent / "training_driver.py"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chatune.db"
    return str(request.getfixturevalue("postgres_url"))


def test_a_run_survives_a_killed_trainer_and_a_killed_leader_and_is_not_doubled(
    url: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "CHATUNE_STORAGE__URL": url}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(DRIVER.parents[1]), os.environ.get("PYTHONPATH", "")]
    )

    done = subprocess.run(
        [sys.executable, DRIVER, tmp_path], env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == {
        "runs": [["made", 2, True]],
        "audit": ["training.begun", "training.resumed", "training.resumed", "training.made"],
        "whole": True,
        "registered": 1,
        # Who ended because its leader was gone had been told to end, which is not counted.
        "attempts": ["1", "2", "2"],
    }
