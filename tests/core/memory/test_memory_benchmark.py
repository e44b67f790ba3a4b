"""The memory benchmark: Chatune's memory as a plug-in, and what is said where the benchmark is missing."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
USE = """
import memory_plugin as plugin

plugin.build("ada", [
    {"id": "1", "text": "I live in Leeds.", "ts": "2026-01-05T10:00:00", "speaker": ""},
    {"id": "2", "text": "I moved to York last week.", "ts": "2026-02-05T10:00:00", "speaker": ""},
    {"id": "3", "text": "Ben, I adopted a cat!", "speaker": "Ada", "session": "s1", "ts": "1:56 pm on 8 May, 2025"},
])
plugin.build("ben", [{"id": "4", "text": "I live in Rome."}])
print(plugin.retrieve("ada", "Where do I live?", 1), plugin.retrieve("ben", "Where do I live?", 9))
print(sorted(plugin.retrieve("ada", "Where do I live?", 9)))
plugin.add("ada", {"id": "5", "text": "My sister keeps bees."})
print(plugin.retrieve("ada", "Which insects does my sister have?", 1))
plugin.forget("ada", "5")
print("5" in plugin.retrieve("ada", "Which insects does my sister have?", 9))
plugin.forget_user("ada")
print(plugin.retrieve("ada", "Where do I live?", 9))
"""


def test_chatunes_memory_is_a_plug_in_of_the_benchmark() -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE], cwd=BENCHMARKS, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == ["['2'] ['4']", "['2', '3']", "['5']", "False", "[]"]


def test_where_the_benchmark_is_missing_the_program_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "memory.py", "--bench", "nowhere", "--data", "nowhere"],
        cwd=BENCHMARKS, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "--bench needs the folder" in done.stderr
