"""Pictures that are made rather than found, and bombs that look like pictures."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def scene(seed: int, width: int = 640, height: int = 480) -> Image.Image:
    """Return an RGB picture with the rough statistics of a photograph: power falls with frequency."""
    random = np.random.default_rng(seed)
    planes = []
    for _ in range(3):
        waves = np.fft.rfft2(random.normal(size=(height, width)))
        rows = np.fft.fftfreq(height)[:, None] * height
        columns = np.fft.rfftfreq(width)[None, :] * width
        waves /= np.maximum(1.0, np.hypot(rows, columns)) ** 1.2
        plane = np.fft.irfft2(waves, s=(height, width))
        plane = (plane - plane.min()) / (plane.max() - plane.min())
        planes.append((255 * plane).astype(np.uint8))
    return Image.fromarray(np.dstack(planes))


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return the bytes of `picture` as a file of this kind."""
    into = io.BytesIO()
    picture.save(into, kind, **options)
    return into.getvalue()


def animation(kind: str, colours: list[str], durations: list[int] | int = 50) -> bytes:
    """Return a picture of 16 x 16 pixels that shows these colours one after the other."""
    # A pixel that differs keeps encoders from joining frames that look the same.
    frames = []
    for number, colour in enumerate(colours):
        frame = Image.new("RGB", (16, 16), colour)
        frame.putpixel((number % 16, number // 16 % 16), (number % 256, 0, 255))
        frames.append(frame)
    return encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], duration=durations, lossless=True
    )


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png(width: int, height: int, stream: bytes, extra: bytes = b"") -> bytes:
    """Return an RGB PNG that claims this size and has `stream` where its pixels should be."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            extra,
            chunk(b"IDAT", stream),
            chunk(b"IEND", b""),
        ]
    )


def zeros(length: int) -> bytes:
    """Return a small zlib stream that inflates to `length` bytes."""
    deflate = zlib.compressobj(9)
    block = bytes(1_000_000)
    parts = [deflate.compress(block) for _ in range(length // len(block))]
    return b"".join([*parts, deflate.compress(bytes(length % len(block))), deflate.flush()])


def gif(frames: int, side: int = 8, frame_side: int = 1, delay: int = 1) -> bytes:
    """Return a black GIF of `side` x `side` pixels with this many frames of `frame_side`."""
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    control = b"\x21\xf9\x04\0" + struct.pack("<HBB", delay, 0, 0)
    descriptor = b"\x2c" + struct.pack("<HHHHB", 0, 0, frame_side, frame_side, 0)
    return head + (control + descriptor + b"\x02\x02\x44\x01\0") * frames + b";"


def webp_header(width: int, height: int) -> bytes:
    """Return an extended WebP that claims this size and has nothing else."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


class RedIsExplicit:
    """Scores a picture by how much of it is red, and remembers how many it saw."""

    def __init__(self) -> None:
        self.seen: list[Image.Image] = []

    def score(self, picture: Image.Image) -> float:
        """See PictureScores.score."""
        self.seen.append(picture)
        red, green, blue = np.moveaxis(np.asarray(picture, np.int16), 2, 0)
        return float(((red > 150) & (green < 100) & (blue < 100)).mean())
