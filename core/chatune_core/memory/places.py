"""Where a person lets their memories be used, and whether one may be used here. Pure."""

from dataclasses import dataclass

from chatune_core.memory.values import Memory
from chatune_core.messages import ConversationId


@dataclass(frozen=True, slots=True)
class MemoryPreferences:
    """What a person has said about the use of their memories, besides yes or no.

    paused: nothing is learned or used until they say otherwise.
    everywhere: what was learned in private, or in one workspace, may be used in any other place.
    only_in: nothing is learned or used but in these conversations and their threads; empty for
    anywhere.
    """

    paused: bool = False
    everywhere: bool = False
    only_in: tuple[ConversationId, ...] = ()

    def allow(self, here: ConversationId) -> bool:
        """Return whether anything may be learned and used in this conversation."""
        if self.paused:
            return False
        return not self.only_in or any(_within(here, place) for place in self.only_in)


def may_be_used(
    memory: Memory, here: ConversationId, preferences: MemoryPreferences, *, private: bool
) -> bool:
    """Return whether `memory` may have a part in an answer in `here`.

    What was learned where others do not read is used in private, and what was learned in a
    workspace in private and in that workspace; anywhere else only if the person said so.

    Args:
        private: nobody but the person reads what is answered there.
    """
    if not preferences.allow(here):
        return False
    if private or preferences.everywhere:
        return True
    return not memory.private and _workspace_of(memory.place) == _workspace_of(here)


def _workspace_of(conversation: ConversationId) -> str:
    """Return the workspace that the conversation is in, or itself if it is in none."""
    platform, _, rest = conversation.partition(":")
    workspace, inside, _ = rest.partition(":")
    return f"{platform}:{workspace}" if inside else conversation


def _within(here: ConversationId, place: ConversationId) -> bool:
    return here == place or here.startswith(f"{place}:")
