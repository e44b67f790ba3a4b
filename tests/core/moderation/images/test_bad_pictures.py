"""Broken and hostile pictures: a clear answer, in bounded time and memory."""

import itertools
import random
import struct
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from chatune_core.errors import ConfigurationError
from chatune_core.moderation.images.limits import ImageLimits
from chatune_core.moderation.images.rule import REFUSED_SCORE, ImageRule
from fakes.pictures import (
    RedIsExplicit,
    animation,
    chunk,
    encoded,
    gif,
    png,
    scene,
    webp_header,
    zeros,
)

SMALL = encoded(Image.new("RGB", (32, 32), "blue"), "PNG")
PHOTO = encoded(scene(1, 320, 240), "JPEG")


def refusals(data: bytes, limits: ImageLimits | None = None) -> list[str]:
    found = ImageRule(RedIsExplicit(), limits=limits).find(data)
    return [f.rule for f in found if f.rule.startswith("image:refused:")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\0", "unknown_kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "unknown_kind"),
        (b"%PDF-1.7\n" + SMALL, "unknown_kind"),
        (b"<html><!--" + SMALL + b"-->", "unknown_kind"),
        (encoded(scene(1), "TIFF"), "unknown_kind"),
        (b"GIF89a/*" + b"*/=1;alert(1)" * 20, "broken"),
        (b"BM is how this text begins", "unknown_kind"),
        (SMALL[:20], "broken"),
        (SMALL[:-30], "broken"),
        (PHOTO[:100], "broken"),
        (PHOTO[: len(PHOTO) // 2], "broken"),
        (encoded(scene(1), "WEBP")[:500], "broken"),
        (encoded(scene(1), "BMP")[:5000], "broken"),
        (encoded(scene(1, 64, 48), "GIF")[:900], "broken"),
        (png(10, 10, b"no zlib stream"), "broken"),
        (png(0, 10, zeros(10)), "broken"),
        (png(60_000, 60_000, zeros(1000)), "too_many_pixels"),
        (gif(frames=1, side=65_535), "too_many_pixels"),
        (gif(frames=9, side=8, frame_side=60_000), "too_many_pixels"),
        (webp_header(16_384, 16_384), "too_many_pixels"),
        (gif(frames=10_001), "too_many_frames"),
    ],
)
def test_a_picture_that_cannot_be_looked_at_is_refused_with_the_reason(
    data: bytes, reason: str
) -> None:
    assert refusals(data) == [f"image:refused:{reason}"]


def test_a_refusal_goes_to_a_person_by_the_advised_thresholds_and_is_not_acted_on() -> None:
    [finding] = ImageRule(None).find(b"?")

    assert finding.score == REFUSED_SCORE
    assert 0.2 <= REFUSED_SCORE < 0.8


def test_what_was_seen_before_an_animation_broke_off_still_counts() -> None:
    data = animation("GIF", ["red"] * 40)[:-200]

    rules = {finding.rule: finding.score for finding in ImageRule(RedIsExplicit()).find(data)}

    assert rules["image:explicit"] > 0.8
    assert "image:refused:broken" in rules


def test_limits_are_the_operators() -> None:
    limits = ImageLimits(bytes=10_000, pixels=5000, composed_pixels=300, frames=3)

    assert refusals(PHOTO, limits) == ["image:refused:too_many_bytes"]
    assert refusals(encoded(Image.new("L", (90, 90)), "PNG"), limits) == [
        "image:refused:too_many_pixels"
    ]
    assert refusals(encoded(Image.new("L", (60, 60)), "PNG"), limits) == []
    assert refusals(encoded(Image.new("RGB", (60, 60)), "WEBP"), limits) == [
        "image:refused:too_many_pixels"
    ]
    assert refusals(gif(frames=4), limits) == ["image:refused:too_many_frames"]
    assert refusals(gif(frames=3), limits) == []


@pytest.mark.parametrize(
    "limits",
    [{"bytes": 0}, {"sampled": 0}, {"time": timedelta(0)}, {"pixels": 10**9}],
)
def test_limits_that_would_refuse_or_permit_everything_are_a_mistake(
    limits: dict[str, int],
) -> None:
    with pytest.raises(ConfigurationError, match="limit"):
        ImageLimits(**limits)  # type: ignore[arg-type]


def test_a_jpeg_that_is_painted_over_without_end_is_refused() -> None:
    data = encoded(scene(1), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")

    assert refusals(data) == []
    assert refusals(data[:-2] + data[last:-2] * 200 + data[-2:]) == [
        "image:refused:too_many_passes"
    ]


def test_a_decoder_is_stopped_when_its_time_is_up() -> None:
    # A colour profile of a kilobyte that takes a megabyte, a thousand times over.
    profiles = chunk(b"iCCP", b"p\0\0" + zeros(1_000_000)) * 1000
    ticks = itertools.count()
    limits = ImageLimits(time=timedelta(seconds=100))
    rule = ImageRule(RedIsExplicit(), limits=limits, clock=lambda: float(next(ticks)))

    found = rule.find(png(10, 10, zeros(310), extra=profiles))

    assert [finding.rule for finding in found] == ["image:refused:too_slow"]
    assert next(ticks) < 110


def test_an_animation_is_stopped_between_frames_and_its_beginning_counts() -> None:
    ticks = itertools.count()
    limits = ImageLimits(time=timedelta(seconds=900), sampled=8)
    data = animation("WEBP", ["red"] + ["blue"] * 999)
    rule = ImageRule(RedIsExplicit(), limits=limits, clock=lambda: float(next(ticks)))

    explicit, refused = rule.find(data)

    assert (explicit.rule, explicit.score > 0.8) == ("image:explicit", True)
    assert refused.rule == "image:refused:too_slow"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_no_damage_to_a_picture_raises(kind: str) -> None:
    data = encoded(scene(7, 96, 64), kind)
    randomly = random.Random(kind)
    rule = ImageRule(RedIsExplicit())

    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(randomly.choice([1, 3, 30])):
            # Most of the time in the header, where it hurts.
            at = randomly.randrange(min(len(data), randomly.choice([64, len(data)])))
            damaged[at] = randomly.randrange(256)
        found = rule.find(bytes(damaged[: randomly.randrange(1, 2 * len(data))]))

        assert all(0.0 <= finding.score <= 1.0 for finding in found)
        assert found


def bombs() -> dict[str, bytes]:
    return {
        "60,000 x 60,000": png(60_000, 60_000, zeros(1_000_000)),
        "300 MB behind a hundred pixels": png(10, 10, zeros(300_000_000)),
        "9 gigabytes of text": png(10, 10, zeros(310), chunk(b"zTXt", b"a\0\0" + zeros(10**6)) * 9000),
        "a million frames": gif(frames=1_000_000),
        "a small gif with large frames": gif(frames=50, side=8, frame_side=40_000),
        "a canvas without pictures": webp_header(16_384, 16_384),
        "a bitmap of two gigabytes": b"BM" + struct.pack("<IHHI", 0, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 25_000, 25_000, 1, 24, 0, 0, 0, 0, 0, 0),
    }  # fmt: skip


_CHILD = """
import pathlib, sys
from chatune_core.moderation.images.rule import ImageRule

class Nothing:
    def score(self, picture): return 0.0

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"): return int(line.split()[1]) // 1024

data = [path.read_bytes() for path in sorted(pathlib.Path(sys.argv[1]).iterdir())]
before = peak()
for bomb in data: ImageRule(Nothing()).find(bomb)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_bombs_take_little_memory(tmp_path: Path) -> None:
    for number, bomb in enumerate(bombs().values()):
        (tmp_path / f"{number}").write_bytes(bomb)

    child = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert int(child.stdout) < 64
