"""What a candidate has to keep to before it answers people, as it is configured."""

from pydantic import BaseModel, ConfigDict, Field

from chatune_core.learning.gate import GateSettings

_USUAL = GateSettings()


class GateSection(BaseModel):
    """The limits of the gate; see `chatune_core.learning.gate.GateSettings` for each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_votes: int = Field(default=_USUAL.least_votes, ge=2)
    least_judges: int = Field(default=_USUAL.least_judges, ge=1)
    confidence: float = Field(default=_USUAL.confidence, gt=0.5, lt=1)
    least_gain: float = Field(default=_USUAL.least_gain, ge=0, le=1)
    most_perplexity: float = Field(default=_USUAL.most_perplexity, ge=1)
    most_refusals: float = Field(default=_USUAL.most_refusals, ge=0, le=1)
    most_empty: float = Field(default=_USUAL.most_empty, ge=0, le=1)
    most_looping: float = Field(default=_USUAL.most_looping, ge=0, le=1)
    shortest: float = Field(default=_USUAL.shortest, ge=0, le=1)
    longest: float = Field(default=_USUAL.longest, ge=1)
    most_moderated: float = Field(default=_USUAL.most_moderated, ge=0, le=1)
    most_sycophancy: float = Field(default=_USUAL.most_sycophancy, ge=0, le=1)
    most_exposure: float = Field(default=_USUAL.most_exposure, ge=0)

    def settings(self, *, require_approval: bool) -> GateSettings:
        """Return the part that the core takes."""
        return GateSettings(**self.model_dump(), require_approval=require_approval)
