"""The real command with the bundled model, against a platform on loopback."""

import os
from pathlib import Path

import pytest

from fakes.shell import Shell


@pytest.fixture
def bundled(tmp_path: Path, models_cache: Path) -> Shell:
    """A shell whose bot answers with the bundled model, the same every time."""
    folder = tmp_path / "folder"
    folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LOGNAME": "ann"}
    environment |= {"HOME": str(tmp_path), "CHATUNE_HOME": str(tmp_path / "home")}
    environment |= {
        "CHATUNE_GENERATION__MAX_TOKENS": "48",
        "CHATUNE_GENERATION__TEMPERATURE": "0",
        "OMP_NUM_THREADS": "1",
    }
    shell = Shell(tmp_path / "home", folder, environment)
    shell.home.mkdir(mode=0o700)
    (shell.home / "models").symlink_to(models_cache, target_is_directory=True)
    return shell
