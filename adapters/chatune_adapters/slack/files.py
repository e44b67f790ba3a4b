"""Files in and out: what people attached is streamed, what the bot sends goes into the thread."""

from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp

from chatune_adapters.slack.errors import ApiRefused, Limited, unreachable
from chatune_adapters.slack.ids import Place
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.slack.web import Web
from chatune_core.errors import InvalidInput, RetryLater
from chatune_core.messages import Attachment, File

_TRANSFER_S = 120.0
_CHUNK = 64 * 1024


class SlackFiles:
    """Fulfils `Files`: downloads with the token of the workspace that the file belongs to."""

    def __init__(self, settings: SlackSettings, web: Web) -> None:
        self._web = web
        self._api = urlsplit(settings.api_base)

    async def read(self, attachment: Attachment, limit_bytes: int) -> bytes:
        """See Files.read. Never holds more than `limit_bytes` and one chunk."""
        if attachment.size_bytes > limit_bytes:
            raise InvalidInput(_too_large(attachment, limit_bytes))
        try:
            workspace = await self._web.workspace(self._team_of(attachment))
        except ApiRefused:
            raise InvalidInput(f"The file {attachment.name!r} cannot be read any more.") from None
        try:
            return await self._download(attachment, limit_bytes, workspace.token)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable("the download of a file", error) from None

    async def _download(self, attachment: Attachment, limit_bytes: int, token: str) -> bytes:
        async with self._web.session.get(
            attachment.url,
            headers={"Authorization": f"Bearer {token}"},
            allow_redirects=False,  # the way to the sign-in page, and out of Slack
            timeout=aiohttp.ClientTimeout(_TRANSFER_S, sock_read=10.0),
        ) as answer:
            if answer.status == 429 or answer.status >= 500:
                wait = timedelta(seconds=float(answer.headers.get("Retry-After", 2)))
                raise Limited(f"a download answered {answer.status}", wait)
            sign_in = answer.content_type == "text/html" != attachment.media_type
            if answer.status != 200 or sign_in:
                raise InvalidInput(
                    f"The file {attachment.name!r} is gone or I may not read it "
                    "(the app needs the scope files:read)."
                )
            content = bytearray()
            async for chunk in answer.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) > limit_bytes:
                    raise InvalidInput(_too_large(attachment, limit_bytes))
            return bytes(content)

    def _team_of(self, attachment: Attachment) -> str:
        """Return whose file it is. The token goes to Slack and nowhere else.

        Raises:
            InvalidInput: the address is not one of Slack's files.
        """
        if self._web.workspaces.alone is not None:
            team = self._web.workspaces.alone.team
        else:  # /files-pri/TEAM-FILE/...
            team = urlsplit(attachment.url).path.lstrip("/").partition("/")[2].partition("-")[0]
        url = urlsplit(attachment.url)
        slack = url.scheme == "https" and (url.hostname or "").endswith(".slack.com")
        if not slack and (url.scheme, url.netloc) != (self._api.scheme, self._api.netloc):
            raise InvalidInput(f"The file {attachment.name!r} is kept outside Slack.")
        return team


async def share(web: Web, place: Place, files: Sequence[File]) -> None:
    """Upload files and show them in one message at `place`.

    Nothing is visible before the last call, so an upload that fails leaves nothing behind.
    """
    shared = []
    for file in files:
        content = file.content or b"\n"  # Slack takes no empty file
        answer = await web.call(
            place.team, "files.getUploadURLExternal", filename=file.name, length=len(content)
        )
        await _upload(web, str(answer["upload_url"]), content)
        shared.append({"id": answer["file_id"], "title": file.name})
    await web.call(
        place.team,
        "files.completeUploadExternal",
        files=shared,
        channel_id=place.channel,
        thread_ts=place.thread or None,
    )


async def _upload(web: Web, url: str, content: bytes) -> None:
    timeout = aiohttp.ClientTimeout(_TRANSFER_S, sock_read=30.0)
    try:
        async with web.session.post(url, data=BytesIO(content), timeout=timeout) as answer:
            if answer.status == 429 or answer.status >= 500:
                raise RetryLater(f"an upload answered {answer.status}", timedelta(seconds=2))
            if answer.status != 200:
                raise ApiRefused("the upload of a file", str(answer.status))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unreachable("the upload of a file", error) from None


def _too_large(attachment: Attachment, limit_bytes: int) -> str:
    return f"The file {attachment.name!r} is too large: I read up to {limit_bytes:,} bytes."
