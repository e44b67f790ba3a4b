"""Which pictures are judged, of all that a file may show."""

import itertools

import numpy as np
import pytest
from PIL import Image

from chatune_core.moderation.images.frames import frames_to_look_at, views_of
from chatune_core.moderation.images.limits import ImageLimits, Refusal
from fakes.pictures import animation, encoded, gif, scene


def views(data: bytes, limits: ImageLimits | None = None) -> list[Image.Image]:
    seen = list(views_of(data, limits or ImageLimits(), lambda: 0.0))
    pictures = [view for view in seen if not isinstance(view, Refusal)]
    assert len(pictures) == len(seen)
    return pictures


def middle(picture: Image.Image) -> tuple[int, int, int]:
    red, green, blue = np.asarray(picture)[128, 128]
    return int(red), int(green), int(blue)


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).mean())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_every_kind_is_seen_as_it_looks(kind: str) -> None:
    picture = scene(1)

    [view] = views(encoded(picture, kind))

    assert (view.size, view.mode) == ((256, 256), "RGB")
    assert difference(view, picture.resize((256, 256))) < 12


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_every_way_to_write_colours_is_understood(mode: str) -> None:
    picture = Image.new("RGB", (90, 60), "white")
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"

    [view] = views(encoded(picture.convert(mode), kind))

    assert min(middle(view)) >= 250


def test_grey_of_16_bits_is_not_all_white() -> None:
    grey = np.linspace(0, 65_535, 256 * 256).reshape(256, 256).astype(np.uint16)

    [view] = views(encoded(Image.fromarray(grey), "PNG"))

    seen = np.asarray(view)[:, :, 0]
    assert np.abs(seen.astype(int) - (grey >> 8)).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_seen_the_way_up_that_viewers_show_it(orientation: int) -> None:
    upright = scene(2, 256, 256).resize((16, 16)).resize((256, 256))
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = upright if stored is None else upright.transpose(stored)

    [view] = views(encoded(picture, "JPEG", exif=exif, quality=95))

    assert difference(view, upright) < 3
    for turn in Image.Transpose:
        assert difference(view.transpose(turn), upright) > 10


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_data_do_not_keep_a_picture_from_being_seen() -> None:
    data = encoded(scene(3), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40)

    assert len(views(data)) == 1


def test_what_only_shows_on_a_dark_or_a_light_ground_is_seen() -> None:
    picture = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    picture.putalpha(scene(4, 64, 64).convert("L"))

    on_white, on_black = views(encoded(picture, "PNG"))

    assert middle(on_white) == (255, 255, 255)
    assert difference(on_black, scene(4, 64, 64).convert("L").convert("RGB").resize((256, 256))) < 5


def test_an_alpha_channel_that_hides_nothing_makes_no_second_picture() -> None:
    assert len(views(encoded(scene(5).convert("RGBA"), "PNG"))) == 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_short_animation_is_seen_frame_by_frame(kind: str) -> None:
    colours = ["red", "lime", "blue", "white", "black"]

    seen = [middle(view) for view in views(animation(kind, colours))]

    assert seen == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)]


def test_of_5000_frames_a_few_are_seen() -> None:
    assert 10 <= len(views(gif(frames=5000))) <= 16


@pytest.mark.parametrize("frames", [1, 2, 16, 17, 18, 33, 1000, 10_000])
@pytest.mark.parametrize("most", [1, 2, 3, 16])
def test_samples_are_few_in_order_and_spread(frames: int, most: int) -> None:
    chosen = frames_to_look_at([40] * frames, most)

    assert chosen == sorted(set(chosen))
    assert 1 <= len(chosen) <= most
    assert set(chosen) <= set(range(frames))
    if most == 16:
        assert {0, frames - 1} <= set(chosen)
        assert max((b - a for a, b in itertools.pairwise(chosen)), default=1) <= frames / 7 + 2


def test_a_frame_that_stays_on_the_screen_is_seen_wherever_it_hides() -> None:
    for hidden in range(1000):
        shown = [10] * 1000
        shown[hidden] = 60_000

        assert hidden in frames_to_look_at(shown, 16)


def test_appended_data_of_another_kind_change_nothing() -> None:
    data = encoded(scene(6), "PNG")

    [plain], [polyglot] = views(data), views(data + b"PK\3\4<html><script>alert(1)</script>" * 99)

    assert difference(plain, polyglot) == 0
