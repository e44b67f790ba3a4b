"""The pictures among what people attach to a post, looked at within bounds."""

import hashlib
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio
from anyio import CapacityLimiter

from chatune_core.attachments import fetched
from chatune_core.errors import ConfigurationError, InvalidInput, RetryLater
from chatune_core.messages import Attachment, MessagePosted
from chatune_core.moderation.images.headers import kind_of
from chatune_core.moderation.images.limits import ImageLimits
from chatune_core.moderation.moderator import Moderator
from chatune_core.moderation.verdicts import Category, Finding, Role
from chatune_core.ports import Files

logger = logging.getLogger(__name__)
MOST = 10
"""Attachments of one post that are looked at; Discord takes no more."""
PATIENCE = timedelta(seconds=20)
"""For all pictures of one post, since the next post waits."""
UNREAD = "image:unread"
"""The rule of a picture that could not be looked at; it scores nothing."""
_AT_ONCE = 4  # pictures in memory
_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in the picture that is the `number`th attachment, and a hash of its bytes."""

    number: int
    sha256: str
    findings: tuple[Finding, ...]


class Pictures:
    """Fetches pictures from the platforms, and has them looked at."""

    def __init__(
        self, moderator: Moderator, files: Mapping[str, Files], patience: timedelta = PATIENCE
    ) -> None:
        """Use `files` by platform."""
        self._moderator, self._files, self._patience = moderator, files, patience
        self._limit, self._places = ImageLimits().bytes, CapacityLimiter(_AT_ONCE)

    async def of(self, posted: MessagePosted) -> Sequence[Looked]:
        """Return what was found, picture by picture; a file that is no picture is left out.

        One that cannot be had, or not in time, is noted.

        Raises:
            RetryLater: moderation fails closed.
        """
        files = self._files.get(posted.conversation.partition(":")[0])
        if files is None or not self._moderator.sees_pictures:
            return ()
        pending = deque(
            (number, attachment)
            for number, attachment in enumerate(posted.attachments[:MOST], 1)
            if _may_be_picture(attachment)
        )
        looked: list[Looked | None] = []
        with anyio.move_on_after(self._patience.total_seconds()):
            while pending:
                async with self._places:
                    looked.append(await self._look(*pending[0], files))
                pending.popleft()
        looked += [_unread(number, TimeoutError("no time left")) for number, _ in pending]
        return [one for one in looked if one is not None]

    async def _look(self, number: int, attachment: Attachment, files: Files) -> Looked | None:
        try:
            if attachment.size_bytes > self._limit:
                raise InvalidInput("it is too large")
            data = await fetched(attachment, files, self._limit)
        except (InvalidInput, RetryLater) as error:
            return _unread(number, error)
        if kind_of(data) is None:
            return None
        try:
            findings = await self._moderator.find_in_picture(data, Role.COMMUNITY)
        except ConfigurationError as error:
            return _unread(number, error)
        return Looked(number, hashlib.sha256(data).hexdigest(), findings)


def _unread(number: int, error: Exception) -> Looked:
    logger.warning("a picture was not looked at: %s", error)
    return Looked(number, "", (Finding(Category.SEXUAL, 0.0, UNREAD),))


def _may_be_picture(attachment: Attachment) -> bool:
    kind = attachment.media_type.lower()
    return kind.startswith("image/") or attachment.name.lower().endswith(_ENDINGS)
