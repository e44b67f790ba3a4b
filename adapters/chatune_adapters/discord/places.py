"""Which channels let adults alone in, and to which channel each thread belongs."""

from collections.abc import Mapping
from typing import Any

_THREADS = frozenset({10, 11, 12})


class Places:
    """Follows the events about channels and threads; pure bookkeeping."""

    def __init__(self) -> None:
        self._gated: set[str] = set()
        self._parents: dict[str, str] = {}

    def parent(self, channel: str) -> str | None:
        """Return the channel of a thread; None of what is no thread, or not known as one."""
        return self._parents.get(channel)

    def age_gated(self, channel: str) -> bool:
        """Return whether adults alone get in; a thread is as its channel is."""
        return self._parents.get(channel, channel) in self._gated

    def take(self, name: str, payload: Mapping[str, Any]) -> None:
        """Take in the gateway event `name`."""
        match name:
            case "GUILD_CREATE":
                for place in (*payload.get("channels", ()), *payload.get("threads", ())):
                    self._see(place)
            case "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE":
                self._see(payload)
            case "THREAD_LIST_SYNC":
                for thread in payload.get("threads", ()):
                    self._see(thread)
            case "CHANNEL_DELETE" | "THREAD_DELETE":
                self._gated.discard(payload["id"])
                self._parents.pop(payload["id"], None)

    def _see(self, place: Mapping[str, Any]) -> None:
        if place.get("type") in _THREADS:
            self._parents[place["id"]] = place["parent_id"]
        elif place.get("nsfw"):
            self._gated.add(place["id"])
        else:
            self._gated.discard(place["id"])
