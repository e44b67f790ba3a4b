"""What people attach, read from Discord's file store."""

from datetime import timedelta

import aiohttp
import anyio

from chatune_adapters.discord.rest import Rest
from chatune_core.errors import InvalidInput, RetryLater
from chatune_core.messages import Attachment

_BLOCK = 64 * 1024
_LIMIT_S = 30.0


class DiscordFiles:
    """Fulfils `Files`; holds never more than the limit in memory."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def read(self, attachment: Attachment, limit_bytes: int) -> bytes:
        """See Files.read."""
        if attachment.size_bytes > limit_bytes:
            raise _too_large(attachment, limit_bytes)
        try:
            with anyio.fail_after(_LIMIT_S):
                async with self._rest.session.get(attachment.url) as response:
                    _check(response, attachment)
                    return await _whole(response, attachment, limit_bytes)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            told = f"Discord did not hand out a file ({type(error).__name__})"
            raise RetryLater(told, timedelta(seconds=2)) from error


def _check(response: aiohttp.ClientResponse, attachment: Attachment) -> None:
    if response.status == 429 or response.status >= 500:
        raise RetryLater(f"Discord's files answer {response.status}", timedelta(seconds=2))
    if response.status != 200:
        raise InvalidInput(f"The file {attachment.name[:80]!r} is gone. Attach it once more.")


async def _whole(
    response: aiohttp.ClientResponse, attachment: Attachment, limit_bytes: int
) -> bytes:
    content = bytearray()
    while block := await response.content.read(min(_BLOCK, limit_bytes + 1 - len(content))):
        content += block
        if len(content) > limit_bytes:
            raise _too_large(attachment, limit_bytes)
    return bytes(content)


def _too_large(attachment: Attachment, limit_bytes: int) -> InvalidInput:
    return InvalidInput(
        f"The file {attachment.name[:80]!r} is larger than {limit_bytes // 1024:,} kB."
    )
