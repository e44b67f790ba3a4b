"""What a picture says of itself, read without decoding any of it, in time linear in its bytes.

Sources: PNG 3rd edition (W3C, 2025) 11.2 and 11.3.6; ITU-T T.81 annex B; GIF89a; the WebP container
specification (RFC 9649); the BITMAPCOREHEADER and BITMAPINFOHEADER structures of Windows.
"""

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_BMP_HEADERS = [struct.pack("<I", size) for size in (12, 40, 52, 56, 64, 108, 124)]


class Kind(enum.Enum):
    """The kinds of pictures that are looked at, by Pillow's names for them."""

    PNG = "PNG"
    JPEG = "JPEG"
    GIF = "GIF"
    WEBP = "WEBP"
    BMP = "BMP"


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture claims to be.

    `shown` has one entry for each frame: for how many milliseconds it stays; a still picture has
    one frame. `passes` is how often a JPEG is painted over.
    """

    kind: Kind
    width: int
    height: int
    shown: tuple[int, ...] = (0,)
    passes: int = 1

    @property
    def pixels(self) -> int:
        """Return the pixels of one frame."""
        return self.width * self.height


def kind_of(data: bytes) -> Kind | None:
    """Return what the first bytes say that `data` is; names and media types are not believed."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if data.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Kind.GIF
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Kind.WEBP
    # Two letters are little; the size of the second header has to be one that exists.
    return Kind.BMP if data.startswith(b"BM") and data[14:18] in _BMP_HEADERS else None


def header_of(data: bytes, kind: Kind, most_frames: int) -> Header | None:
    """Return the header of a picture of this `kind`, or nothing if there is no sense in it.

    Frames are counted no further than one beyond `most_frames`.
    """
    try:
        match kind:
            case Kind.PNG:
                header = _png(data, most_frames)
            case Kind.JPEG:
                header = _jpeg(data)
            case Kind.GIF:
                header = _gif(data, most_frames)
            case Kind.WEBP:
                header = _webp(data, most_frames)
            case Kind.BMP:
                header = _bmp(data)
    except (struct.error, IndexError):  # it ends in the middle of a field
        return None
    return header if header is not None and header.pixels > 0 and header.shown else None


def _png(data: bytes, most_frames: int) -> Header | None:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    before = [(name, at) for name, at in _png_chunks(data, until=b"IDAT") if name == b"acTL"]
    if not before:
        return Header(Kind.PNG, width, height)
    (promised,) = struct.unpack_from(">I", data, before[0][1])
    if promised > most_frames:
        return Header(Kind.PNG, width, height, (0,) * (most_frames + 1))
    shown = tuple(_delay(data, at) for name, at in _png_chunks(data) if name == b"fcTL")
    if len(shown) != promised:
        return None
    # A picture for viewers that show no animations may come before the first frame.
    apart = all(name != b"fcTL" for name, _ in _png_chunks(data, until=b"IDAT"))
    return Header(Kind.PNG, width, height, (0, *shown) if apart else shown)


def _delay(data: bytes, at: int) -> int:
    ticks, per_second = struct.unpack_from(">HH", data, at + 20)
    return int(1000 * ticks // (per_second or 100))


def _png_chunks(data: bytes, until: bytes = b"IEND") -> Iterator[tuple[bytes, int]]:
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name in (until, b"IEND"):
            return
        yield name, at + 8
        at += 12 + length


def _jpeg(data: bytes) -> Header | None:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers that stand alone
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            # No other FF DA stands in coded data, where FF is followed by 00 or a restart.
            return Header(Kind.JPEG, width, height, passes=data.count(b"\xff\xda"))
        elif marker in (0xD9, 0xDA):
            return None
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def _gif(data: bytes, most_frames: int) -> Header | None:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    shown: list[int] = []
    at, delay = 13 + _palette(flags), 0
    while at < len(data) and len(shown) <= most_frames:
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                delay = 10 * struct.unpack_from("<H", data, at + 4)[0]
            at = _after_blocks(data, at + 2)
        elif data[at] == 0x2C:
            left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
            # Decoders enlarge the canvas for a frame that does not fit it.
            width, height = max(width, left + wide), max(height, top + high)
            shown.append(delay)
            at, delay = _after_blocks(data, at + 11 + _palette(flags)), 0
        else:
            break
    return Header(Kind.GIF, width, height, tuple(shown))


def _palette(flags: int) -> int:
    return int(3 * 2 ** ((flags & 7) + 1)) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _webp(data: bytes, most_frames: int) -> Header | None:
    name = data[12:16]
    if name == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header(Kind.WEBP, width & 0x3FFF, height & 0x3FFF)
    if name == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header(Kind.WEBP, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if name != b"VP8X" or len(data) < 30:
        return None
    width, height = _three_bytes(data, 24) + 1, _three_bytes(data, 27) + 1
    shown: list[int] = []
    at = 12
    while at + 8 <= len(data) and len(shown) <= most_frames:
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"ANMF":
            shown.append(_three_bytes(data, at + 20))
        at += 8 + length + length % 2
    return Header(Kind.WEBP, width, height, tuple(shown) or (0,))


def _three_bytes(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _bmp(data: bytes) -> Header | None:
    (size,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", data, 18)
    # A negative height says that the rows come from the top.
    return Header(Kind.BMP, max(width, 0), abs(height))
