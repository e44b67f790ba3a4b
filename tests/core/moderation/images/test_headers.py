"""What a picture says of itself before anything is decoded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chatune_core.moderation.images.headers import Kind, header_of, kind_of
from fakes.pictures import animation, encoded, gif, png, scene, webp_header, zeros

MOST = 10_000
STARTS = [
    b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0", b"GIF89a",
    b"RIFF\x10\0\0\0WEBPVP8X", b"RIFF\x10\0\0\0WEBPVP8L", b"RIFF\x10\0\0\0WEBPVP8 ",
    b"BM" + bytes(12) + b"\x28\0\0\0", b"BM" + bytes(12) + b"\x0c\0\0\0",
]  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"lossless": True}])
@pytest.mark.parametrize("kind", Kind)
def test_the_size_is_read_without_decoding(kind: Kind, options: dict[str, bool]) -> None:
    data = encoded(scene(1, 301, 77), kind.value, **options)

    header = header_of(data[: max(200, len(data) // 4)], kind, MOST)

    assert kind_of(data) is kind
    assert header is not None or kind is Kind.GIF
    whole = header_of(data, kind, MOST)
    assert whole is not None
    assert (whole.width, whole.height, len(whole.shown)) == (301, 77, 1)


@pytest.mark.parametrize("kind", [Kind.GIF, Kind.WEBP, Kind.PNG])
def test_frames_and_how_long_they_stay_are_counted(kind: Kind) -> None:
    data = animation(kind.value, ["red", "green", "blue", "white"], [40, 500, 60, 2000])

    header = header_of(data, kind, MOST)

    assert header is not None
    assert header.shown == (40, 500, 60, 2000)


def test_a_png_whose_first_picture_is_not_a_frame_has_one_more_to_look_at() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)

    header = header_of(data, Kind.PNG, MOST)

    assert header is not None
    assert len(header.shown) == 3


def test_a_png_that_promises_other_frames_than_it_has_makes_no_sense() -> None:
    data = animation("PNG", ["red", "green", "blue"])
    promise = data.index(b"acTL") + 4
    fewer = data[:promise] + b"\0\0\0\2" + data[promise + 4 :]

    assert header_of(fewer, Kind.PNG, MOST) is None


def test_counting_stops_where_there_are_too_many_frames() -> None:
    header = header_of(gif(frames=50_000), Kind.GIF, most_frames=100)

    assert header is not None
    assert len(header.shown) == 101


def test_a_frame_that_is_larger_than_its_gif_counts_as_the_size() -> None:
    header = header_of(gif(frames=2, side=8, frame_side=60_000), Kind.GIF, MOST)

    assert header is not None
    assert header.pixels == 60_000**2


def test_huge_claims_are_read_as_they_are() -> None:
    for data, kind in [
        (png(60_000, 60_000, zeros(9)), Kind.PNG),
        (webp_header(16_000, 60_000), Kind.WEBP),
    ]:
        header = header_of(data, kind, MOST)

        assert header is not None
        assert header.pixels >= 16_000 * 60_000


@pytest.mark.parametrize(
    "data", [b"<svg xmlns=''/>", b"%PDF-1.7", b"8BPS\0\1", b"\0\0\1\0", b"II*\0", b"<html>", b"PK\3\4"]
)  # fmt: skip
def test_what_is_no_picture_of_ours_has_no_kind(data: bytes) -> None:
    assert kind_of(data) is None


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300))
def test_any_bytes_have_a_header_or_none(start: bytes, rest: bytes) -> None:
    kind = kind_of(start + rest)

    assert kind is not None
    header = header_of(start + rest, kind, 50)
    assert header is None or (header.pixels > 0 and 1 <= len(header.shown) <= 51)
