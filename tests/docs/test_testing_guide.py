"""The tests of docs/testing.md pass, in a folder of their own, as the guide says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(
    r"```python\n# (\w+\.py)\n(.*?)```", (DOCS / "testing.md").read_text(), flags=re.DOTALL
)


def test_every_test_of_the_guide_passes(tmp_path: Path) -> None:
    shutil.copy(DOCS / "examples" / "lunch.py", tmp_path)
    for name, text in BLOCKS:
        (tmp_path / name).write_text(text)

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    tests = sum(text.count("async def test_") for _, text in BLOCKS)
    assert f"{tests} passed" in ran.stdout, ran.stdout
    assert ran.returncode == 0


def test_no_example_is_left_out() -> None:
    names = [name for name, _ in BLOCKS]

    assert len(names) == (DOCS / "testing.md").read_text().count("```python")
    assert len(set(names)) == len(names)
