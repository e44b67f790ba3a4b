"""Chatune's memory as a plug-in of the memory benchmark: build, retrieve, add, forget, forget_user.

Items come as dictionaries with `id` and `text`, perhaps `speaker`, `ts` and `session`, oldest first. What belongs
to a session is a turn of a talk and stays as it was said. Anything else is read as something that a person asked to
have remembered: a new fact, way of answering or change of taste takes the place of the older one in its slot.
With CHATUNE_WORDS_ALONE in the environment it does without the embedding model.
"""

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache

from chatune_core.embedding.sentences import SentenceEncoder
from chatune_core.memory.dense import Vector
from chatune_core.memory.entries import Entry
from chatune_core.memory.explicit import RememberThis
from chatune_core.memory.extraction import Candidate, asked_for
from chatune_core.memory.likings import tells_a_liking
from chatune_core.memory.search import Encoder, MemorySearch
from chatune_core.memory.values import Kind, MemoryId
from chatune_core.messages import UserId

Item = Mapping[str, str]
_LONG_DATE = re.compile(r"(\d{1,2} \w+), (\d{4})")


class Plugin:
    """What the benchmark asks of a memory. Holds everybody: the benchmark builds all people first."""

    def __init__(self, encoder: Encoder | None) -> None:
        self._search = MemorySearch(encoder, most_people=10**6, most_bytes=10**12)
        self._slots: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
        self._today: dict[str, date] = {}
        # The benchmark builds the same talk for several tasks; questions are encoded each time.
        self._vectors: dict[str, Vector] = {}

    def build(self, user_id: str, items: Sequence[Item]) -> None:
        self.forget_user(user_id)
        self._search.load(UserId(user_id), ())
        for item in items:
            self._add(user_id, item)
        self._encode(user_id, items)

    def add(self, user_id: str, item: Item) -> None:
        if not self._search.holds(UserId(user_id)):
            self._search.load(UserId(user_id), ())
        self._add(user_id, item)
        self._encode(user_id, [item])

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
        text, at, session = item["text"], _time(item.get("ts")), item.get("session") or ""
        said = None if session else _remembered(text)
        if said is not None and said.slot:
            self._supersede(user_id, item["id"], said)
        kind = said.kind if said is not None else Kind.FACT
        if tells_a_liking(text):
            kind = Kind.PREFERENCE
        entry = Entry(
            MemoryId(item["id"]), text, kind, at, speaker=item.get("speaker") or "", session=session
        )
        self._search.add(UserId(user_id), entry, self._vectors.get(text))
        if at is not None:
            # Asked when the last was said: the benchmark has no clock.
            self._today[user_id] = max(self._today.get(user_id, at.date()), at.date())

    def _supersede(self, user_id: str, item_id: str, said: Candidate) -> None:
        older = self._slots[user_id].get(said.slot)
        # A taste that is told twice is no change; the benchmark counts each telling.
        if older and (said.kind is not Kind.PREFERENCE or older[1] != said.polarity):
            self.forget(user_id, older[0])
        self._slots[user_id][said.slot] = (item_id, said.polarity)

    def _encode(self, user_id: str, items: Sequence[Item]) -> None:
        texts = {item["id"]: item["text"] for item in items}
        while vectors := self._search.encode_new(UserId(user_id)):
            self._vectors.update((texts[key], vector) for key, vector in vectors.items())


@cache
def _remembered(text: str) -> Candidate | None:
    """Return what is remembered of `text`, as a way of answering if it can be read as one."""
    for lasting in (True, False):
        for said in asked_for(RememberThis(text, lasting=lasting)):
            if not lasting or said.slot.startswith("style."):
                return said
    return None


def _time(written: str | None) -> datetime | None:
    if not written:
        return None
    if found := _LONG_DATE.search(written):
        return datetime.strptime(" ".join(found.groups()), "%d %B %Y").replace(tzinfo=UTC)
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


_plugin = Plugin(None if os.environ.get("CHATUNE_WORDS_ALONE") else SentenceEncoder.open())
build, add, retrieve = _plugin.build, _plugin.add, _plugin.retrieve
forget, forget_user = _plugin.forget, _plugin.forget_user
