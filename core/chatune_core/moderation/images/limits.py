"""How much a picture may ask of us, and why one was not looked at."""

import enum
from dataclasses import dataclass
from datetime import timedelta

from chatune_core.errors import ConfigurationError

_PILLOW_WARNS = 89_478_485  # pixels; Pillow's own guard against decompression bombs


class Refusal(enum.Enum):
    """Why a picture was not looked at, or not to its end."""

    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    UNKNOWN_KIND = "unknown_kind"
    """Neither PNG, JPEG, GIF, WebP nor BMP by its first bytes, whatever its name says."""
    BROKEN = "broken"
    """Cut off, damaged, or not what its header says."""
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    TOO_MANY_PASSES = "too_many_passes"
    """A progressive JPEG that wants to be painted over more often than any camera asks for."""
    TOO_SLOW = "too_slow"


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is refused before, or while, a picture is decoded.

    `pixels` holds for a still picture, `composed_pixels` for an animation, of which two or three
    frames are in memory at once, and for WebP, which is decoded as if it were one. `frames` is how many an animation may have, `sampled` how
    many of them are looked at. `time` is checked between frames and between reads of 64 KiB, so
    that it may be overrun by what one of those takes.

    Raises:
        ConfigurationError: if a limit could let nothing through, or is beyond what can be guarded.
    """

    bytes: int = 25_000_000
    pixels: int = 40_000_000
    composed_pixels: int = 16_000_000
    frames: int = 10_000
    sampled: int = 16
    time: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        sizes = (self.bytes, self.pixels, self.composed_pixels, self.frames, self.sampled)
        if min(sizes) < 1 or self.time <= timedelta(0):
            raise ConfigurationError(
                f"A limit of {self!r} would refuse every picture.", "Set each of them above zero."
            )
        if max(self.pixels, self.composed_pixels) > _PILLOW_WARNS:
            most = max(self.pixels, self.composed_pixels)
            raise ConfigurationError(
                f"Pictures of {most} pixels would take more than a gigabyte to look at.",
                f"Set the limit on pixels no higher than {_PILLOW_WARNS}.",
            )
