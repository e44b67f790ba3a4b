"""Chatune's memory as a plug-in of the memory benchmark: build, retrieve, add, forget, forget_user.

Items come as dictionaries with `id` and `text`, perhaps `speaker`, `ts` and `session`, oldest first. What belongs
to a session is a turn of a talk and stays as it was said; anything else is what a person said of themselves, so
a newer statement takes the place of an older in its slot. Kind and slot are read by rules, as for a new memory.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from chatune_core.embedding.sentences import SentenceEncoder
from chatune_core.memory.entries import Entry
from chatune_core.memory.search import Encoder, MemorySearch
from chatune_core.memory.statements import read_statement
from chatune_core.memory.values import MemoryId
from chatune_core.messages import UserId

Item = Mapping[str, str]
_LONG_DATE = re.compile(r"(\d{1,2} \w+), (\d{4})")


class Plugin:
    """What the benchmark asks of a memory. Holds everybody: the benchmark builds all people first."""

    def __init__(self, encoder: Encoder | None) -> None:
        self._search = MemorySearch(encoder, most_people=10**6, most_bytes=10**12)
        self._slots: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._today: dict[str, date] = {}

    def build(self, user_id: str, items: Sequence[Item]) -> None:
        self.forget_user(user_id)
        self._search.load(UserId(user_id), ())
        for item in items:
            self._add(user_id, item)
        self._encode(user_id)

    def add(self, user_id: str, item: Item) -> None:
        if not self._search.holds(UserId(user_id)):
            self._search.load(UserId(user_id), ())
        self._add(user_id, item)
        self._encode(user_id)

    def retrieve(self, user_id: str, query: str, k: int) -> list[str]:
        found = self._search.search(
            UserId(user_id), query, k, today=self._today.get(user_id), allowed=lambda _: True
        )
        return [one.entry.id for one in found]

    def forget(self, user_id: str, item_id: str) -> None:
        self._search.forget(UserId(user_id), MemoryId(item_id))

    def forget_user(self, user_id: str) -> None:
        self._search.forget_user(UserId(user_id))
        self._slots.pop(user_id, None)
        self._today.pop(user_id, None)

    def _add(self, user_id: str, item: Item) -> None:
        statement, at = read_statement(item["text"]), _time(item.get("ts"))
        session = item.get("session") or ""
        if statement.slot and not session:
            kept = self._slots[user_id][statement.slot]
            for older in kept if statement.replaces else ():
                self.forget(user_id, older)
            kept[:] = [*([] if statement.replaces else kept), item["id"]]
        entry = Entry(
            MemoryId(item["id"]), item["text"], statement.kind, at,
            speaker=item.get("speaker") or "", session=session,
        )  # fmt: skip
        self._search.add(UserId(user_id), entry)
        if at is not None:
            # Asked when the last was said: the benchmark has no clock.
            self._today[user_id] = max(self._today.get(user_id, at.date()), at.date())

    def _encode(self, user_id: str) -> None:
        while self._search.encode_new(UserId(user_id)):
            pass


def _time(written: str | None) -> datetime | None:
    if not written:
        return None
    if found := _LONG_DATE.search(written):
        return datetime.strptime(" ".join(found.groups()), "%d %B %Y").replace(tzinfo=UTC)
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


_plugin = Plugin(SentenceEncoder.open())
build, add, retrieve = _plugin.build, _plugin.add, _plugin.retrieve
forget, forget_user = _plugin.forget, _plugin.forget_user
