"""Which threads the bot takes part in, as the gateway tells."""

from collections.abc import Mapping
from typing import Any


class JoinedThreads:
    """Follows the events about threads; pure bookkeeping."""

    def __init__(self) -> None:
        self.me = ""
        self._joined: set[str] = set()

    def __call__(self, channel: str) -> bool:
        """Return whether the bot takes part in the thread `channel`."""
        return channel in self._joined

    def take(self, name: str, payload: Mapping[str, Any]) -> None:
        """Take in the gateway event `name`."""
        match name:
            case "GUILD_CREATE":
                for thread in payload.get("threads", ()):
                    self._see(thread)
            case "THREAD_CREATE":
                self._see(payload)
            case "THREAD_MEMBER_UPDATE":
                self._joined.add(payload["id"])
            case "THREAD_DELETE":
                self._joined.discard(payload["id"])
            case "THREAD_LIST_SYNC":
                self._joined.update(each["id"] for each in payload.get("members", ()))
            case "THREAD_MEMBERS_UPDATE":
                self._change(payload)

    def _see(self, thread: Mapping[str, Any]) -> None:
        if thread.get("member") or thread.get("owner_id") == self.me:
            self._joined.add(thread["id"])

    def _change(self, payload: Mapping[str, Any]) -> None:
        if any(each.get("user_id") == self.me for each in payload.get("added_members", ())):
            self._joined.add(payload["id"])
        if self.me in payload.get("removed_member_ids", ()):
            self._joined.discard(payload["id"])
