"""The part of the settings that says what models learn from, when, and with how much of the machine."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from chatune_bots.gate_settings import GateSection
from chatune_core.learning.gate import GateSettings
from chatune_core.learning.recipe import Recipe

_RECIPE = Recipe()


class TrainingSettings(BaseModel):
    """What models may learn from, when, and how.

    platform_training_permission: where the platforms' written permission to train on what people say
        there is to be found; empty, nothing that was said on a platform is trained on.
    schedule: a cron expression by the clocks of `timezone`. after_ratings: how many more ratings,
        corrections and choices than at the last run begin one.
    choice_share: of the messages of people who agreed to training get two answers to choose from.
    model: one of `[models.<name>]`; left out, the one that answers. base: its weights, a Hugging Face
        id or a folder, where it runs on a server.
    least_rows: votes and corrections that may be learned from; with fewer nothing is trained.
    rows_per_person: the most of them that count of one person. holdout_share: is kept to judge by.
    require_approval: people decide about a version that passes the gate: with `approvals`, by a card in
        that conversation (discord:GUILD:CHANNEL, slack:TEAM:CHANNEL), else by `chatune models promote`.
    memory_mb: what a run may take; left out, four fifths of what is free when it begins.
    threads: left out, half of the cores. nice: how much others go first. rest: seconds of pause
        for each second of work. most_hours: of a run.
    The others are those of the recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    platform_training_permission: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    schedule: str | None = None
    timezone: str = "UTC"
    after_ratings: int | None = Field(default=None, ge=1)
    # Off: two answers take twice the work of the machine, and of the person who reads them.
    choice_share: float = Field(default=0.0, ge=0, le=0.5)
    model: str | None = None
    base: str | None = Field(default=None, min_length=1)
    least_rows: int = Field(default=200, ge=1)
    # Half of the least, so that no one person alone says what is learned.
    rows_per_person: int = Field(default=100, ge=1)
    holdout_share: float = Field(default=0.2, gt=0, le=0.5)
    require_approval: bool = False
    approvals: (
        Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[0-9a-f]+)?(:[^:\s]+)+$")] | None
    ) = None
    gate: GateSection = GateSection()
    memory_mb: int | None = Field(default=None, ge=64)
    threads: int | None = Field(default=None, ge=1, le=1024)
    nice: int = Field(default=19, ge=0, le=19)
    rest: float = Field(default=0.0, ge=0, le=100)
    most_hours: float = Field(default=24.0, gt=0)
    seed: int = _RECIPE.seed
    rank: int = Field(default=_RECIPE.rank, ge=1, le=256)
    alpha: int = Field(default=_RECIPE.alpha, ge=1)
    learning_rate: float = Field(default=_RECIPE.learning_rate, gt=0)
    epochs: int = Field(default=_RECIPE.epochs, ge=0)
    rows_per_step: int = Field(default=_RECIPE.rows_per_step, ge=1)
    beta: float = Field(default=_RECIPE.beta, gt=0)
    kl_limit: float = Field(default=_RECIPE.kl_limit, gt=0)
    max_tokens: int = Field(default=_RECIPE.max_tokens, ge=16)
    tokens_per_batch: int = Field(default=_RECIPE.tokens_per_batch, ge=16)
    precision: Literal["auto", "float32", "bfloat16"] = _RECIPE.precision

    # Its library is imported only here: most settings have no schedule and are read more quickly.

    @field_validator("schedule")
    @classmethod
    def _is_a_cron_expression(cls, schedule: str | None) -> str | None:
        if schedule is not None:
            from chatune_bots.triggers import cron

            cron(schedule, "UTC")
        return schedule

    @field_validator("timezone")
    @classmethod
    def _is_a_time_zone(cls, timezone: str) -> str:
        from chatune_bots.triggers import cron

        cron("0 0 * * *", timezone)
        return timezone

    @property
    def limits(self) -> GateSettings:
        """Return what a candidate has to keep to."""
        return self.gate.settings(require_approval=self.require_approval)

    @property
    def recipe(self) -> Recipe:
        """Return how to train."""
        return Recipe(
            seed=self.seed,
            rank=self.rank,
            alpha=self.alpha,
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            rows_per_step=self.rows_per_step,
            beta=self.beta,
            kl_limit=self.kl_limit,
            max_tokens=self.max_tokens,
            tokens_per_batch=self.tokens_per_batch,
            precision=self.precision,
        )
