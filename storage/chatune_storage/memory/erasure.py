"""Taking people and workspaces out of the memory."""

from collections.abc import Callable
from dataclasses import replace

from chatune_core.messages import ConversationId, Inbound, Reply, WorkspaceId
from chatune_storage.memory.claims import ClaimQueue
from chatune_storage.memory.links import MemoryLinks
from chatune_storage.memory.logs import MemoryAuditLog, MemoryConsents
from chatune_storage.memory.loras import LoraRecords
from chatune_storage.memory.queues import MemoryOutbox, Shown
from chatune_storage.memory.records import Records, drop
from chatune_storage.memory.remembered import Remembered
from chatune_storage.memory.values import MemoryKeyValues
from chatune_storage.personal import STORES

Named = Callable[[str], bool]
Item = Inbound | Reply | Shown


class Erasure:
    """Knows every place where something about a person or a workspace lies."""

    def __init__(
        self,
        inbox: ClaimQueue[Inbound],
        replies: ClaimQueue[Reply],
        outbox: MemoryOutbox,
        records: Records,
        consents: MemoryConsents,
        audit: MemoryAuditLog,
        values: MemoryKeyValues,
        remembered: Remembered,
        links: MemoryLinks,
        loras: LoraRecords,
    ) -> None:
        self._remembered, self._links, self._loras = remembered, links, loras
        self._inbox, self._replies, self._outbox, self._records = inbox, replies, outbox, records
        self._consents, self._audit, self._values = consents, audit, values

    def erase_people(self, named: Named) -> dict[str, int]:
        """Forget everyone whose id is `named`; return rows per store."""
        removed = dict.fromkeys(STORES, 0)
        removed |= self._empty_queues(lambda item: named(item.user))
        removed |= self._erase_records(named)
        because = "a person was erased"
        removed["models"] = self._loras.forget_people(named, because)
        removed["models"] += self._loras.forget_answers(self._records.has_text, because)
        decisions = self._consents.decisions
        removed["consents"] = sum(len(decisions.pop(u)) for u in list(decisions) if named(u))
        removed |= self._erase_memories(named)
        removed["audit"] = self._audit.unname(named)
        return removed

    def _erase_memories(self, named: Named) -> dict[str, int]:
        remembered = self._remembered
        return {
            "memories": remembered.keep(lambda memory: None if named(memory.user) else memory),
            "memory_notes": drop(remembered.notes, lambda _, note: named(note.user)),
            "memory_preferences": drop(remembered.preferences, lambda user, _: named(user)),
            "links": self._links.forget(named),
        }

    def erase_workspace(self, workspace: WorkspaceId) -> None:
        """Forget the conversations of `workspace`, its values, and people known by it alone."""
        prefix = f"{workspace}:"
        self._empty_queues(lambda item: item.conversation.startswith(prefix))
        records = self._records
        gone = {
            k for k, made in records.generations.items() if made.conversation.startswith(prefix)
        }
        drop(records.generations, lambda key, _: key in gone)
        drop(records.missed, lambda _, item: item.conversation.startswith(prefix))
        drop(records.ratings, lambda key, _: key[0] in gone)
        drop(records.corrections, lambda key, _: key[0] in gone)
        drop(
            records.preferred_answers,
            lambda _, item: not gone.isdisjoint((item.chosen, item.rejected)),
        )
        drop(records.turns, lambda place, _: place.startswith(prefix))
        drop(records.answers, lambda place, _: place.startswith(prefix))
        drop(records.models, lambda place, _: place.startswith(prefix))
        drop(records.cases.cases, lambda _, case: case.conversation.startswith(prefix))
        self._loras.forget_answers(records.has_text, "a workspace was left")
        self._remembered.unlearn(lambda memory: memory.place.startswith(prefix))
        drop(self._remembered.notes, lambda _, note: note.place.startswith(prefix))
        drop(self._values.values, lambda name, _: name.startswith(prefix))
        self.erase_people(lambda name: name.startswith(prefix))

    def _empty_queues(self, unwanted: Callable[[Item], bool]) -> dict[str, int]:
        outbox = self._outbox
        events = self._inbox.drop(unwanted)
        replies = len(self._replies.drop(unwanted))
        replies += drop(outbox.parked, lambda _, item: unwanted(item.reply))
        replies += drop(outbox.shown, lambda _, shown: unwanted(shown))
        return {"inbox": len(events), "outbox": replies}

    def _erase_records(self, named: Named) -> dict[str, int]:
        records = self._records
        gone = {key for key, made in records.generations.items() if named(made.user)}
        places = {records.generations[key].conversation for key in gone}
        turns = (turn for line in records.turns.values() for turn in line)
        places |= {turn.conversation for turn in turns if named(turn.user)}
        removed = {
            "heard": self._count_heard(named),
            "turns": records.drop_turns(lambda turn: named(turn.user)),
            "generations": drop(records.generations, lambda key, _: key in gone),
            "missed_answers": drop(records.missed, lambda _, item: named(item.user)),
            "ratings": drop(records.ratings, lambda key, _: named(key[1]) or key[0] in gone),
            "corrections": drop(
                records.corrections, lambda key, _: named(key[1]) or key[0] in gone
            ),
            "preferred_answers": drop(
                records.preferred_answers,
                lambda _, item: (
                    named(item.user) or not gone.isdisjoint((item.chosen, item.rejected))
                ),
            ),
        }
        for place in places & records.answers.keys():
            records.answers[place] = [key for key in records.answers[place] if key not in gone]
        removed["cases"] = drop(records.cases.cases, lambda _, case: named(case.user))
        removed["cases"] += records.cases.unname(named)
        removed["quotes"] = self._drop_heard(named) + self._drop_quotes(places)
        return removed

    def _count_heard(self, named: Named) -> int:
        made = self._records.generations.values()
        return sum(named(user) and user != item.user for item in made for user in item.heard)

    def _drop_heard(self, named: Named) -> int:
        """Drop the prompts in which they were heard, and that they were."""
        made, dropped = self._records.generations, 0
        for key, item in made.items():
            others = tuple(user for user in item.heard if not named(user))
            if others != item.heard:
                dropped += bool(item.prompt)
                made[key] = replace(item, prompt=(), heard=others)
        return dropped

    def _drop_quotes(self, places: set[ConversationId]) -> int:
        made = self._records.generations
        quoting = [key for key, item in made.items() if item.conversation in places and item.prompt]
        for key in quoting:
            made[key] = replace(made[key], prompt=())
        left = {item.conversation for item in made.values()} | self._records.turns.keys()
        for alone in places - left:
            self._records.models.pop(alone, None)
        return len(quoting)
