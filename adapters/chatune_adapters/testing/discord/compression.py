"""Transport compression of the gateway: one stream for the life of a connection."""

import zlib
from typing import Protocol

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_WINDOW_8_MIB = b"\x00\x68"
ZSTD_BLOCK_BYTES = 128 * 1024


class Compression(Protocol):
    """Turns the text of payloads into frames, in order."""

    def __call__(self, text: str) -> bytes | str:
        """Return the frame that carries `text`."""
        ...


def plain(text: str) -> str:
    """Send the text as it is."""
    return text


class ZlibStream:
    """One zlib stream, flushed after every payload, so that each ends in 00 00 FF FF."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj()

    def __call__(self, text: str) -> bytes:
        """Return the next part of the stream."""
        return self._stream.compress(text.encode()) + self._stream.flush(zlib.Z_SYNC_FLUSH)


class ZstdStream:
    """One Zstandard frame (RFC 8878) of raw blocks: valid for any decoder, needs no library."""

    def __init__(self) -> None:
        self._head = ZSTD_MAGIC + ZSTD_WINDOW_8_MIB

    def __call__(self, text: str) -> bytes:
        """Return the next part of the frame."""
        raw, frame, self._head = text.encode(), self._head, b""
        for start in range(0, len(raw), ZSTD_BLOCK_BYTES):
            block = raw[start : start + ZSTD_BLOCK_BYTES]
            # RFC 8878 3.1.1.2: bit 0 last block, bits 1-2 type (0 is raw), the rest its size.
            frame += (len(block) << 3).to_bytes(3, "little") + block
        return frame


def compression(name: str | None) -> Compression | None:
    """Return the compression that a connection asks for by `name`, or None if it is unknown."""
    if name is None:
        return plain
    streams: dict[str, type[ZlibStream | ZstdStream]] = {
        "zlib-stream": ZlibStream,
        "zstd-stream": ZstdStream,
    }
    stream = streams.get(name)
    return stream() if stream is not None else None
