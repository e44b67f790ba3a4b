"""The part of the settings that says where memory may work."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from chatune_core.messages import ConversationId

_Place = Annotated[str, StringConstraints(pattern=r"^[a-z]+(:[^:\s]+)*$")]


class MemorySection(BaseModel):
    """Whether people may have the bot remember things about them, and where; each has to say yes.

    places: yes or no by the beginning of a conversation's id: "slack", "discord:GUILD",
    "discord:GUILD:CHANNEL"; the longest that fits counts. search: "bundled" finds memories by
    meaning and words, "words" by words alone and without a model. model: one of `[models.<name>]`, which
    reads behind the answers what the rules find nothing in; left out, nothing does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    places: dict[_Place, bool] = {}
    search: Literal["bundled", "words"] = "bundled"
    model: str | None = None

    def allows(self, conversation: ConversationId) -> bool:
        """Return whether memory may have a part in `conversation`."""
        if not self.enabled:
            return False
        parts = conversation.split(":")
        for count in range(len(parts), 0, -1):
            said = self.places.get(":".join(parts[:count]))
            if said is not None:
                return said
        return True
