"""The promise on the first page, with the real model."""

from pathlib import Path

import pytest

from fakes.shell import Shell


@pytest.mark.timeout(180)
def test_the_bundled_model_knows_the_capital_of_france(shell: Shell, models_cache: Path) -> None:
    shell.home.mkdir(mode=0o700)
    (shell.home / "models").symlink_to(models_cache, target_is_directory=True)
    shell.environment["CHATUNE_GENERATION__MAX_TOKENS"] = "16"

    ran = shell.run("chat", "--plain", typed="What is the capital of France?")

    assert ran.code == 0, ran.errors
    assert "Paris" in ran.out
    assert ran.errors == ""
