"""An operator's list of pictures that are not wanted, known again after resizing and recompression."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from chatune_core.errors import ConfigurationError
from chatune_core.moderation.verdicts import Category

_SIDE, _KEPT = 32, 8
_FLAT = 0.25  # grey levels; smaller waves than this are noise of the compression
_BITS_OF_BYTE = np.array([byte.bit_count() for byte in range(256)], np.uint8)
_LINE = re.compile(r"(?P<hash>[0-9a-fA-F]{16})(?:\s+(?P<category>[a-z_]+))?")
NEAR = 8
"""Bits; pictures that have nothing to do with each other differ in about 32 of 64."""


def hash_of(picture: Image.Image) -> int:
    """Return 64 bits that change little when the picture is resized, recompressed or made lighter.

    Each bit says whether one of the 64 lowest waves in the grey picture, none of them constant
    along an axis, is above the median of them. Where fewer than half of the waves are there at
    all, as in a blank picture or a plain sign, the bits would say nothing, and the hash is 0.

    Source: Zauner 2010, "Implementation and benchmarking of perceptual image hash functions",
    section 3.2.1 (DCT). Here the transform is scaled so that its values are grey levels.
    """
    grey = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
    steps = np.arange(_SIDE, dtype=np.float64)
    waves = np.cos(np.pi * np.outer(np.arange(1, _KEPT + 1), steps + 0.5) / _SIDE)
    strength = waves @ np.asarray(grey, np.float64) @ waves.T * (2 / _SIDE) ** 2
    strength[np.abs(strength) < _FLAT] = 0.0
    if np.count_nonzero(strength) < strength.size // 2:
        return 0
    bits = (strength > np.median(strength)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


class DenyList:
    """Hashes of pictures that are not wanted, each under the category that it counts as."""

    def __init__(self, hashes: Mapping[int, Category], near: int = NEAR) -> None:
        """Match pictures whose hash differs in at most `near` of 64 bits.

        Raises:
            ConfigurationError: if a hash says nothing, or nearly every picture would be denied.
        """
        if 0 in hashes:
            raise ConfigurationError(
                "The deny-list has the hash 0000000000000000, which all blank pictures have.",
                "Remove that line.",
            )
        if not 0 <= near <= 16:
            raise ConfigurationError(
                f"A deny-list that matches within {near} bits is not of use.",
                "Set a distance from 0 to 16; 8 is usual.",
            )
        self._hashes, self._near = np.array(list(hashes), np.uint64), near
        self._categories = list(hashes.values())

    @classmethod
    def read(cls, path: Path, near: int = NEAR) -> "DenyList":
        """Return the list in a text file: a line has 16 hex digits and, if it likes, a category.

        A line without a category counts as sexual. What follows a # is a comment.

        Raises:
            ConfigurationError: if the file cannot be read or a line is something else.
        """
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The deny-list {path} cannot be read: {error}.", "Check the path."
            ) from error
        hashes = {}
        for number, line in enumerate(text.splitlines(), 1):
            entry = line.partition("#")[0].strip()
            if entry:
                value, category = _entry(entry, f"{path}, line {number}")
                hashes[value] = category
        return cls(hashes, near)

    def __len__(self) -> int:
        return len(self._categories)

    def match(self, picture: Image.Image) -> Category | None:
        """Return what the nearest listed picture counts as, or nothing if none is near.

        A mirrored copy matches as well; one that was turned or cut to another part does not.
        """
        seen = np.array([[hash_of(picture)], [hash_of(ImageOps.mirror(picture))]], np.uint64)
        if not self._categories or 0 in seen:
            return None
        bytes_apart = (self._hashes ^ seen).view(np.uint8).reshape(2, -1, 8)
        distances = _BITS_OF_BYTE[bytes_apart].sum(axis=2).min(axis=0)
        nearest = int(distances.argmin())
        return self._categories[nearest] if distances[nearest] <= self._near else None


def _entry(line: str, where: str) -> tuple[int, Category]:
    parts = _LINE.fullmatch(line)
    names = [category.value for category in Category]
    if parts is None or (parts["category"] or "sexual") not in names:
        raise ConfigurationError(
            f"{where}: {line!r} is not an entry of a deny-list.",
            f"Write 16 hex digits and, if it is not 'sexual', one of {', '.join(names)}.",
        )
    return int(parts["hash"], 16), Category(parts["category"] or "sexual")
