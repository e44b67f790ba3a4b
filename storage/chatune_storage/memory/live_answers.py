"""How people take the answers of a LoRA, in memory."""

from datetime import datetime

from chatune_core.generation.requests import LoraId
from chatune_core.learning.live import Arm, LiveVote
from chatune_core.outcomes import AnswerMissed, GenerationMade
from chatune_storage.memory.records import Records


class MemoryLiveAnswers:
    """See LiveAnswers. Nothing outlives the process."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def arm(self, model: str, lora: LoraId | None, since: datetime) -> Arm:
        """See LiveAnswers.arm."""

        def counts(item: GenerationMade | AnswerMissed) -> bool:
            return (
                item.at >= since and item.lora == lora and (lora is not None or item.model == model)
            )

        made = {key: item for key, item in self._records.generations.items() if counts(item)}
        missed = [item.why for item in self._records.missed.values() if counts(item)]
        votes = [vote for place, vote in self._records.ratings.items() if place[0] in made]
        votes.sort(key=lambda vote: vote.at)
        return Arm(
            tuple(
                LiveVote(vote.user, made[vote.answers].conversation, vote.score > 0, vote.at)
                for vote in votes
            ),
            len(made),
            sum(item.completion_tokens for item in made.values()),
            sum(item.completion_tokens**2 for item in made.values()),
            sum(item.finish == "deadline" for item in made.values()),
            withheld=missed.count("withheld"),
            lost=len(missed) - missed.count("withheld"),
        )
