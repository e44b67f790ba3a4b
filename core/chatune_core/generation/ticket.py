"""One request inside the engine: what the loop's thread needs to answer it."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatune_core.errors import ChatuneError
from chatune_core.generation.completion import Completion
from chatune_core.generation.job import Job
from chatune_core.generation.mailbox import Mailbox
from chatune_core.generation.requests import Finished, FinishReason, Queued, Sampling
from chatune_core.generation.sampling import TokenChoice

Letter = Queued | str | Finished | ChatuneError
"""What the loop tells a consumer; a string is more text."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A request on its way; compared by identity. Times are seconds of the engine's clock."""

    job: Job
    sampling: Sampling
    seed: int
    completion: Completion
    made_at: float
    mailbox: Mailbox[Letter]
    choice: TokenChoice | None = field(default=None, init=False)
    first_token_at: float | None = field(default=None, init=False)
    position: int | None = field(default=None, init=False)

    def finished(self, reason: FinishReason, model: str, now: float) -> Finished:
        """Return the last event of the stream, ended at `now`."""
        job = self.job
        admitted_at = now if job.admitted_at is None else job.admitted_at
        first_token_at = now if self.first_token_at is None else self.first_token_at
        return Finished(
            reason=reason,
            model=model,
            lora=job.lora,
            seed=self.seed,
            prompt_tokens=len(job.prompt),
            cached_prompt_tokens=job.reused,
            completion_tokens=job.completion_tokens,
            queued_s=admitted_at - self.made_at,
            first_token_s=first_token_at - self.made_at,
            total_s=now - self.made_at,
        )
