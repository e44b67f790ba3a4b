"""The three acts: a model learns from its people; one that learned nonsense; one that was spoiled."""

from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from chatune_bots.demo.people import Person, Taste, community, liked_share
from chatune_bots.demo.questions import questions
from chatune_bots.demo.rounds import Round, play
from chatune_bots.demo.scale import Scale
from chatune_bots.demo.school import Pupil, School, shuffled
from chatune_bots.demo.show import Show
from chatune_bots.demo.town import Answered, Town
from chatune_bots.demo.trial import Trial, spoiled
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    GenerationRequest,
    LoraId,
    RequestId,
    Sampling,
)
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.gate import GateReport
from chatune_core.learning.report import headline
from chatune_core.learning.rows import Dataset
from chatune_core.learning.versions import LoraState, LoraVersion
from chatune_core.messages import ConversationId, UserId

LEARNED, NONSENSE, SPOILED = (LoraId(f"demo-{name}") for name in ("learned", "nonsense", "spoiled"))
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """The same fresh questions answered by two models, and how many of the answers people like."""

    asked: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    liked_before: float
    liked_after: float


@dataclass(frozen=True, slots=True)
class Acts:
    """What every act needs. `weights` name the base model, `persona` is what it is told to be."""

    town: Town
    school: School
    files: LoraFiles
    model: str
    weights: str
    persona: str
    sampling: Sampling
    work: Path
    scale: Scale
    show: Show
    seed: int
    taste: Taste

    async def learn(self) -> tuple[Dataset, Pupil, LoraVersion | None, Compared | None]:
        """The first act: people vote, the model learns, and proves it before other people.

        Without the gate's leave there is neither a version nor a comparison.
        """
        self.show.act("First act: a model learns what its people like")
        people = community(self.scale.people, self.seed, self.taste)
        await self._vote(people)
        dataset = await self.school.dataset()
        rows = f"{len(dataset.train)} judgements to learn from, {len(dataset.holdout)} held back"
        self.show.say(f"That makes {rows}: of other people, on other questions.")
        pupil = await self.school.taught(dataset, LEARNED)
        self._gate(pupil.report)
        if not pupil.report.passed:
            return dataset, pupil, None, None
        self.show.say(
            f"It answers in {self.scale.share:.0%} of all conversations now. {self.scale.judges} people "
            "talk, and vote without knowing which of the two answers."
        )
        version = await self._tried(LEARNED, pupil.trained.folder, dataset, headline(pupil.report))
        compared = await self._compare(people, version)
        return dataset, pupil, version, compared

    async def refuse(self, dataset: Dataset) -> Pupil:
        """The second act: the same votes dealt out at random; there is nothing to learn from them."""
        self.show.act("Second act: votes without sense")
        self.show.say("The same answers and as many good votes, but dealt out at random.")
        dealt = shuffled(dataset, self.seed)
        fewer = replace(dealt, train=dealt.train[: self.scale.nonsense])
        pupil = await self.school.taught(fewer, NONSENSE)
        self._gate(pupil.report)
        return pupil

    async def roll_back(self, dataset: Dataset, pupil: Pupil) -> LoraVersion:
        """The third act: noise in the weights, past the gate by an operator's hand."""
        self.show.act("Third act: a bad model slips through")
        self.show.say("Noise is added to the weights, and an operator puts them out by hand.")
        folder = spoiled(pupil.trained.folder, self.work / SPOILED, self.seed)
        version = await self._tried(SPOILED, folder, dataset, "put out by hand")
        served = await self.town.stores.loras.served(self.model)
        who = served.active.id if served.active else "the bare model"
        self.show.say(f"Everybody is answered by {who} again. Nobody had to do anything.")
        return version

    async def _vote(self, people: list[Person]) -> None:
        scale = self.scale
        self.show.say(
            f"{len(people)} people ask {scale.questions} questions and rate {scale.answers} answers to "
            "each; some they shorten. What they like is known to them alone, and one vote in ten is a slip."
        )
        for person in people:
            await self.town.agree(person.user)
        asked = questions()[: scale.questions]
        with self.show.ratings(len(asked) * scale.answers) as show:

            def saw(person: Person, answered: Answered, good: bool) -> None:
                show(person.name, answered.text, good)

            await play(
                self.town,
                people,
                Round(asked, scale.answers, corrects=scale.corrects),
                self.seed,
                saw,
            )

    async def _tried(self, lora: LoraId, folder: Path, dataset: Dataset, why: str) -> LoraVersion:
        others = community(self.scale.judges, self.seed + 1, self.taste)
        left = questions()[self.scale.questions :]
        trial = Trial(
            self.town, self.files, self.model, others, left, self.scale, self.show, self.seed
        )
        await trial.begin(lora, folder, dataset, self.weights, why)
        version = await trial.run(lora)
        decided = version.state is not LoraState.CANARY
        self.show.say(
            f"{version.id} was {version.reason}." if decided else "The canary is undecided."
        )
        return version

    def _gate(self, report: GateReport) -> None:
        self.show.say(f"The gate: {headline(report)}")
        for reason in report.reasons:
            self.show.say(f"  - {reason}")
        self.show.table(
            "",
            ["Measured", "Base model", "Candidate", "Limit"],
            [[check.name, check.before, check.after, check.limit] for check in report.checks],
        )

    async def _compare(self, people: list[Person], version: LoraVersion) -> Compared:
        """Ask what nobody has asked, of the bare model and of what serves now."""
        asked = questions()[-self.scale.fresh :]
        serves = version.id if version.state is LoraState.ACTIVE else None
        before, after = await self._answers(asked, None), await self._answers(asked, serves)
        liked = liked_share(asked, before, people), liked_share(asked, after, people)
        shown = range(_SHOWN)
        self.show.table(
            "Before and after, the same questions and the same seeds",
            ["Asked", "Before", "After"],
            [[asked[n], before[n], after[n]] for n in shown],
        )
        self.show.say(
            f"Of {len(asked)} answers to questions that nobody had asked, people like {liked[0]:.0%} "
            f"before and {liked[1]:.0%} after."
        )
        return Compared(asked, tuple(before), tuple(after), *liked)

    async def _answers(self, asked: tuple[str, ...], lora: LoraId | None) -> list[str]:
        texts = [""] * len(asked)

        async def ask(place: int) -> None:
            request = GenerationRequest(
                RequestId(f"{lora}/{place}"),
                (ChatMessage("system", self.persona), ChatMessage("user", asked[place])),
                self._seeded(place),
                UserId(f"terminal:fresh {place}"),
                ConversationId(f"terminal:fresh {place}"),
                lora=lora,
            )
            async for event in self.town.engine.stream(request):
                if isinstance(event, Delta):
                    texts[place] += event.text

        async with anyio.create_task_group() as tasks:
            for place in range(len(asked)):
                tasks.start_soon(ask, place)
        return texts

    def _seeded(self, place: int) -> Sampling:
        return replace(self.sampling, seed=self.seed * 10_000 + place)
