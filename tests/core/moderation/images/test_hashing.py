"""Pictures that an operator does not want, known again in other clothes."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from chatune_core.errors import ConfigurationError
from chatune_core.moderation.images.hashing import NEAR, DenyList, hash_of
from chatune_core.moderation.images.rule import entries_for
from chatune_core.moderation.verdicts import Category
from fakes.pictures import encoded, scene

SCENES = [scene(seed, 480, 360) for seed in range(10)]


def again(picture: Image.Image, kind: str, **options: object) -> Image.Image:
    return Image.open(io.BytesIO(encoded(picture, kind, **options))).convert("RGB")


CHANGES = {
    "half as large": lambda p: p.resize((240, 180)),
    "a thumbnail": lambda p: p.resize((80, 60), Image.Resampling.LANCZOS),
    "three times as large": lambda p: p.resize((1440, 1080), Image.Resampling.NEAREST),
    "another shape": lambda p: p.resize((500, 500)),
    "a poor JPEG": lambda p: again(p, "JPEG", quality=15),
    "a poor WebP": lambda p: again(p, "WEBP", quality=10),
    "256 colours": lambda p: again(p, "GIF"),
    "lighter": lambda p: ImageEnhance.Brightness(p).enhance(1.2),
    "more contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.3),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "trimmed by a hundredth": lambda p: p.crop((3, 2, p.width - 3, p.height - 2)),
    "mirrored": ImageOps.mirror,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_listed_picture_is_known_again(change: str) -> None:
    for picture in SCENES:
        denied = DenyList({hash_of(picture): Category.HATE})

        assert denied.match(CHANGES[change](picture)) is Category.HATE


def test_other_pictures_are_not_taken_for_a_listed_one() -> None:
    denied = DenyList({hash_of(picture): Category.SEXUAL for picture in SCENES})

    assert [seed for seed in range(100, 300) if denied.match(scene(seed, 160, 120))] == []


def test_pictures_that_differ_have_hashes_far_apart() -> None:
    hashes = [hash_of(picture) for picture in SCENES]

    distances = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]

    assert min(distances) > NEAR
    assert 30 <= sum(distances) / len(distances) <= 34


@pytest.mark.parametrize("colour", ["white", "black", "red"])
def test_a_blank_picture_has_no_hash_and_is_never_denied(colour: str) -> None:
    blank = again(Image.new("RGB", (200, 100), colour), "JPEG")

    assert hash_of(blank) == 0
    assert DenyList({1: Category.SEXUAL, 2**63: Category.SEXUAL}).match(blank) is None


def test_a_list_is_read_from_a_text_file(tmp_path: Path) -> None:
    wanted, unwanted, spam = SCENES[:3]
    path = tmp_path / "denied.txt"
    lines = [
        "# asked for by the people in them",
        f"{hash_of(unwanted):016X}   # upper case, and a comment",
        "",
        f"{hash_of(spam):016x} spam",
    ]
    path.write_text("\n".join(lines), "utf-8")

    denied = DenyList.read(path)

    assert len(denied) == 2
    assert denied.match(unwanted) is Category.SEXUAL
    assert denied.match(spam) is Category.SPAM
    assert denied.match(wanted) is None


@pytest.mark.parametrize(
    "line", ["0123", "xyzxyzxyzxyzxyzx", "0123456789abcdef violets", "0123456789abcdef0", "0" * 16]
)
def test_a_line_that_is_no_entry_stops_the_start(tmp_path: Path, line: str) -> None:
    path = tmp_path / "denied.txt"
    path.write_text(line, "utf-8")

    with pytest.raises(ConfigurationError, match="deny-list"):
        DenyList.read(path)


def test_a_list_that_is_not_there_or_no_text_stops_the_start(tmp_path: Path) -> None:
    picture = tmp_path / "picture.txt"
    picture.write_bytes(b"\xff\xfe\xff")

    for path in (tmp_path / "missing.txt", picture):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            DenyList.read(path)


@pytest.mark.parametrize("near", [-1, 17])
def test_a_distance_that_is_of_no_use_stops_the_start(near: int) -> None:
    with pytest.raises(ConfigurationError, match="within"):
        DenyList({5: Category.SEXUAL}, near)


def test_the_entry_for_a_file_matches_the_picture_in_it() -> None:
    [entry] = entries_for(encoded(SCENES[0], "JPEG"))

    denied = DenyList({int(entry, 16): Category.SEXUAL})
    assert denied.match(SCENES[0]) is Category.SEXUAL
    assert entries_for(b"no picture") == []
    assert entries_for(encoded(Image.new("RGB", (9, 9)), "PNG")) == []
