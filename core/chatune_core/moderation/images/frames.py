"""From the bytes of a picture to the few small pictures that are judged, whatever the bytes are."""

import io
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import numpy as np
from PIL import Image

from chatune_core.moderation.images.headers import Header, Kind, header_of, kind_of
from chatune_core.moderation.images.limits import ImageLimits, Refusal

SIDE = 256
"""Pixels, both ways: what open_nsfw was trained on, whatever the shape of a picture."""
_MOST_PASSES = 100  # cameras and optimisers make about ten
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What a decoder of hostile bytes may raise. Warnings are among them where they are made errors.
_UNREADABLE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError, Warning, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip

Clock = Callable[[], float]


class _TimeIsUp(Exception):
    pass


class _TimedBytes(io.BytesIO):
    """Stops a decoder in the middle of a frame, since decoders ask for 64 KiB at a time."""

    def __init__(self, data: bytes, in_time: Callable[[], None]) -> None:
        super().__init__(data)
        self._in_time = in_time

    def read(self, size: int | None = -1, /) -> bytes:
        self._in_time()
        return super().read(size)


def views_of(data: bytes, limits: ImageLimits, clock: Clock) -> Iterator[Image.Image | Refusal]:
    """Yield RGB pictures of 256 x 256 pixels; a refusal comes last and ends it.

    Of an animation come the frames that `frames_to_look_at` names. A picture that is transparent
    somewhere comes twice, on white and on black, since one of the two may hide it.
    """
    end = clock() + limits.time.total_seconds()

    def in_time() -> None:
        if clock() > end:
            raise _TimeIsUp

    header = _admitted(data, limits)
    if isinstance(header, Refusal):
        yield header
        return
    try:
        yield from _decoded(_TimedBytes(data, in_time), header, limits.sampled, in_time)
    except _TimeIsUp:
        yield Refusal.TOO_SLOW
    except _UNREADABLE:
        yield Refusal.BROKEN


def frames_to_look_at(shown: Sequence[int], most: int) -> list[int]:
    """Return which frames are looked at, in order, given how long each of them is shown.

    Half of them are spread evenly over the frames, the first and the last among them, the other
    half over the time, so that nothing stays on the screen for long between two samples.
    """
    if len(shown) <= most:
        return list(range(len(shown)))
    # Browsers take 100 ms where a picture says 10 or less.
    ends = list(accumulate(100 if milliseconds <= 10 else milliseconds for milliseconds in shown))
    by_order, by_time = (most + 1) // 2, most // 2
    step = (len(shown) - 1) / max(1, by_order - 1)
    chosen = {round(step * i) for i in range(by_order)}
    chosen |= {bisect_right(ends, ends[-1] * (i + 0.5) / by_time) for i in range(by_time)}
    return sorted(chosen)


def _admitted(data: bytes, limits: ImageLimits) -> Header | Refusal:
    if not data:
        return Refusal.EMPTY
    if len(data) > limits.bytes:
        return Refusal.TOO_MANY_BYTES
    kind = kind_of(data)
    if kind is None:
        return Refusal.UNKNOWN_KIND
    header = header_of(data, kind, limits.frames)
    return _within(header, limits) if header is not None else Refusal.BROKEN


def _within(header: Header, limits: ImageLimits) -> Header | Refusal:
    composed = len(header.shown) > 1 or header.kind is Kind.WEBP
    if header.pixels > (limits.composed_pixels if composed else limits.pixels):
        return Refusal.TOO_MANY_PIXELS
    if len(header.shown) > limits.frames:
        return Refusal.TOO_MANY_FRAMES
    return Refusal.TOO_MANY_PASSES if header.passes > _MOST_PASSES else header


def _decoded(
    data: io.BytesIO, header: Header, most: int, in_time: Callable[[], None]
) -> Iterator[Image.Image]:
    with Image.open(data, formats=[header.kind.value]) as picture:
        if picture.width * picture.height > header.pixels:
            raise ValueError("the picture is larger than its header says")
        # A JPEG is decoded at an eighth where that will do.
        picture.draft(None, (2 * SIDE, 2 * SIDE))
        picture.load()  # before EXIF data are read, which would hide that a PNG is broken
        turn = _UPRIGHT.get(_orientation(picture))
        wanted = set(frames_to_look_at(header.shown, most))
        for frame in range(max(wanted) + 1):
            in_time()
            if frame:
                picture.seek(frame)
            picture.load()  # now, or WebP decodes what was skipped in one go later
            if frame in wanted:
                for view in _views(picture):
                    yield view if turn is None else view.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    try:
        value = picture.getexif().get(_ORIENTATION)
    except _UNREADABLE:  # viewers show a picture with damaged EXIF data all the same
        return 1
    return value if isinstance(value, int) else 1


def _views(picture: Image.Image) -> Iterator[Image.Image]:
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        picture = Image.fromarray((np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8))
    if not picture.has_transparency_data:
        yield _small(picture, "RGB")
        return
    layer = _small(picture, "RGBA")
    if layer.getchannel("A").getextrema() == (255, 255):
        yield layer.convert("RGB")
        return
    for ground in ("white", "black"):
        paper = Image.new("RGBA", layer.size, ground)
        yield Image.alpha_composite(paper, layer).convert("RGB")


def _small(picture: Image.Image, mode: str) -> Image.Image:
    if picture.mode != mode:
        picture = picture.convert(mode)
    return picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
