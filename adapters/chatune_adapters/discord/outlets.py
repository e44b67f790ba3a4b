"""The two ways to show a message: in a channel, or through the token of an interaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from chatune_adapters.discord.components import rows
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.via import Via
from chatune_core.messages import Button, File

_SUPPRESS_EMBEDS, _EPHEMERAL = 4, 64
Body = Mapping[str, Any]


def message_body(
    content: str,
    buttons: Sequence[Button] = (),
    files: Sequence[File] = (),
    *,
    unfinished: bool = False,
) -> Body:
    """Return what a message says; it never pings anyone."""
    body: dict[str, Any] = {
        "content": content,
        "components": rows(buttons),
        "allowed_mentions": {"parse": [], "replied_user": False},
        "flags": _SUPPRESS_EMBEDS if unfinished else 0,
    }
    if files:
        body["attachments"] = [
            {"id": index, "filename": file.name} for index, file in enumerate(files)
        ]
    return body


class Outlet(Protocol):
    """One way to show the parts of one answer."""

    @property
    def hidden(self) -> bool:
        """Whether one person alone sees it."""
        ...

    async def post(
        self,
        nonce: str,
        body: Body,
        files: Sequence[File] = (),
        *,
        first: bool,
        spare: bool = False,
    ) -> str:
        """Show a new message; return its snowflake."""
        ...

    async def edit(
        self, message: str, body: Body, files: Sequence[File] = (), *, spare: bool = False
    ) -> None:
        """Change what `message` says."""
        ...

    async def remove(self, message: str) -> None:
        """Delete `message`."""
        ...


class ChannelOutlet:
    """Messages in a channel, thread or direct message; posting twice shows one."""

    hidden = False

    def __init__(self, rest: Rest, channel: str, reference: str = "") -> None:
        """Let each message refer to the message `reference`."""
        self._rest = rest
        self.channel, self.reference = channel, reference

    async def post(
        self,
        nonce: str,
        body: Body,
        files: Sequence[File] = (),
        *,
        first: bool,
        spare: bool = False,
    ) -> str:
        """See Outlet.post. With the same nonce Discord returns the earlier message."""
        sent = {**body, "nonce": nonce, "enforce_nonce": True}
        if self.reference:
            sent["message_reference"] = {
                "message_id": self.reference,
                "channel_id": self.channel,
                "fail_if_not_exists": False,
            }
        shown = await self._rest.call(
            "POST",
            "/channels/{channel}/messages",
            sent,
            files=files,
            spare=spare,
            channel=self.channel,
        )
        message: str = shown["id"]
        if not says(shown, body):
            await self.edit(message, body, files)
        return message

    async def edit(
        self, message: str, body: Body, files: Sequence[File] = (), *, spare: bool = False
    ) -> None:
        """See Outlet.edit."""
        await self._rest.call(
            "PATCH",
            "/channels/{channel}/messages/{message}",
            body,
            files=files,
            spare=spare,
            channel=self.channel,
            message=message,
        )

    async def remove(self, message: str) -> None:
        """See Outlet.remove."""
        await self._rest.call(
            "DELETE",
            "/channels/{channel}/messages/{message}",
            channel=self.channel,
            message=message,
        )


class TokenOutlet:
    """What an interaction's token shows: its deferred answer first, then follow-ups.

    Filling in the deferred answer may be repeated; a follow-up whose outcome is unknown is posted
    once more, for Discord enforces no nonce there: look for it in the channel first.
    """

    def __init__(self, rest: Rest, via: Via, *, hidden: bool, source: str = "") -> None:
        """Let `source` be the message under which a button was pressed."""
        self._rest, self._via, self._source = rest, via, source
        self.hidden = hidden

    async def post(
        self,
        nonce: str,
        body: Body,
        files: Sequence[File] = (),
        *,
        first: bool,
        spare: bool = False,
    ) -> str:
        """See Outlet.post."""
        if first and self._via.original:
            shown = await self._edit("@original", body, files, spare)
        else:
            flags = int(body["flags"]) | (_EPHEMERAL if self.hidden else 0)
            shown = await self._rest.call(
                "POST",
                "/webhooks/{application}/{token}",
                {**body, "flags": flags},
                files=files,
                query={"wait": "true"},
                authorized=False,
                spare=spare,
                application=self._via.application,
                token=self._via.token,
            )
        return str(shown["id"])

    async def edit(
        self, message: str, body: Body, files: Sequence[File] = (), *, spare: bool = False
    ) -> None:
        """See Outlet.edit."""
        original = bool(message) and message == self._source
        await self._edit("@original" if original else message, body, files, spare)

    async def _edit(
        self, message: str, body: Body, files: Sequence[File], spare: bool
    ) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = await self._rest.call(
            "PATCH",
            "/webhooks/{application}/{token}/messages/{message}",
            body,
            files=files,
            authorized=False,
            spare=spare,
            application=self._via.application,
            token=self._via.token,
            message=message,
        )
        return shown

    async def remove(self, message: str) -> None:
        """See Outlet.remove."""
        await self._rest.call(
            "DELETE",
            "/webhooks/{application}/{token}/messages/{message}",
            authorized=False,
            application=self._via.application,
            token=self._via.token,
            message=message,
        )


def says(shown: Mapping[str, Any], body: Body) -> bool:
    """Return whether `shown` is what `body` asked for, and not an earlier message."""
    if shown.get("content", "").strip() != body["content"].strip():
        return False
    return _custom_ids(shown.get("components") or ()) == _custom_ids(body["components"])


def _custom_ids(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [each.get("custom_id", "") for row in rows for each in row.get("components", ())]
