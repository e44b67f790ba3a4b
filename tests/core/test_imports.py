"""Importing the core is cheap: a bot author's file should load at once."""

import subprocess
import sys

HEAVY = [
    "torch",
    "transformers",
    "sqlalchemy",
    "openai",
    "discord",
    "slack_sdk",
    "numpy",
    "pydantic",
]


def test_the_core_loads_nothing_heavy() -> None:
    program = (
        "import sys, chatune_core, chatune_core.runtime, chatune_core.bots\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
