"""Importing the core is cheap: a bot author's file should load at once."""

import re
import subprocess
import sys
from pathlib import Path

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
SLOW = ["datasets", "matplotlib", "peft", "trl"]


def test_the_core_loads_nothing_heavy() -> None:
    program = (
        "import sys, chatune_core, chatune_core.runtime, chatune_core.bots\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_what_takes_seconds_to_import_is_imported_by_the_test_that_uses_it() -> None:
    tests = Path(__file__).parents[1]
    at_the_top = re.compile(rf"^(?:from|import) ({'|'.join(SLOW)})\b", re.MULTILINE)

    found = [
        f"{file.relative_to(tests)}: {name}"
        for file in sorted(tests.rglob("*.py"))
        for name in at_the_top.findall(file.read_text(encoding="utf-8"))
    ]

    assert found == [], "every worker would import it, to collect tests that another one runs"
