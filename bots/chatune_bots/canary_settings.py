"""What a canary is held to, as it is configured."""

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chatune_core.learning.canary import CanaryRules


class CanarySection(BaseModel):
    """How a new LoRA proves itself in some conversations before it answers in all.

    share: of conversations. error_rate: how many in a hundred are promoted or rolled back by chance, as
    a share, however often one looks. per_person: conversations of one person that count.
    more_lost, more_withheld: how much larger a share of its answers may fail or be withheld.
    shortest, longest: how long its answers may be, as multiples of the usual length.
    days: how long it may take; `undecided` is what becomes of it then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(default=0.2, gt=0, lt=1)
    error_rate: float = Field(default=0.05, gt=0, lt=0.5)
    per_person: int = Field(default=3, ge=1)
    more_lost: float = Field(default=0.02, ge=0, le=1)
    more_withheld: float = Field(default=0.01, ge=0, le=1)
    shortest: float = Field(default=0.5, ge=0, le=1)
    longest: float = Field(default=2.0, ge=1)
    days: int = Field(default=14, ge=1)
    undecided: Literal["roll back", "promote"] = "roll back"

    @property
    def rules(self) -> CanaryRules:
        """Return the part that the core takes."""
        return CanaryRules(
            false_promotions=self.error_rate,
            false_rollbacks=self.error_rate,
            per_person=self.per_person,
            more_lost=self.more_lost,
            more_withheld=self.more_withheld,
            shortest=self.shortest,
            longest=self.longest,
            oldest=timedelta(days=self.days),
            undecided_is_promoted=self.undecided == "promote",
        )
