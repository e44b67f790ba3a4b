"""Runs the base model and a candidate on held-out votes and on our own probes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import fmean, median

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.bootstrap import (
    Accuracy,
    ScoredPair,
    ScoredThumb,
    accuracy,
    comparable,
)
from chatune_core.learning.exposure import Canary, Exposed, exposed, secrets_in
from chatune_core.learning.gate import GateReport, judged, not_yet, too_few
from chatune_core.learning.limits import GateSettings
from chatune_core.learning.measured import Behaviour, Example, Measured
from chatune_core.learning.precision import training_device, training_dtype
from chatune_core.learning.probes import OPINIONS, PROMPTS, loops, refuses
from chatune_core.learning.recipe import Recipe
from chatune_core.learning.rows import Dataset, Pair, Row, Thumb
from chatune_core.learning.scoring import Contest, Tokens

Moderated = Callable[[str], bool]
"""Whether moderation would act on an answer."""
Scorer = Callable[[Sequence[ChatMessage], str], float]
"""How good an answer to a prompt is."""
Progress = Callable[[str, float], None]
"""Told a stage in plain words and how much of the whole is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How much is measured.

    prompts: of the probes. tokens: of an answer at most. passages: of general text of each kind.
    secrets: from training rows that are looked at. others: with which each is compared.
    """

    prompts: int = len(PROMPTS)
    tokens: int = 64
    passages: int = 100
    secrets: int = 8
    others: int = 48
    seed: int = 0


FAST = Thoroughness(prompts=8, tokens=32, passages=8, secrets=4, others=24)


def examined(
    base: Path,
    lora: Path,
    dataset: Dataset,
    settings: GateSettings,
    *,
    thoroughness: Thoroughness = Thoroughness(),
    moderated: Moderated | None = None,
    scorer: Scorer | None = None,
    canaries: Sequence[Canary] = (),
    progress: Progress = lambda stage, done: None,
) -> GateReport:
    """Return how the LoRA in the folder `lora` does beside the model in the folder `base`.

    Args:
        dataset: its held-out rows are what people think; its training rows are searched for
            secrets, which go with `canaries`.
        moderated: judges the answers to the probes; without it that is not measured.
        scorer: judges answers of both to held-out prompts; without it nothing wins.

    Raises:
        ConfigurationError: the model cannot be loaded.
        GenerationFailed: the folder is no LoRA for it.
    """
    missing = too_few(*comparable(dataset.holdout), settings)
    if missing:
        return not_yet(missing)
    progress("loading the model", 0.0)
    device = training_device()
    contest = Contest(base, lora, device, training_dtype(Recipe(), device))
    secrets = [*canaries, *secrets_in(dataset.train, thoroughness.secrets)]
    measured = _Measuring(contest, thoroughness, moderated, scorer, progress)
    return judged(measured.of(dataset.holdout, secrets, settings.confidence), settings)


class _Measuring:
    def __init__(
        self,
        contest: Contest,
        thoroughness: Thoroughness,
        moderated: Moderated | None,
        scorer: Scorer | None,
        progress: Progress,
    ) -> None:
        self._contest, self._how = contest, thoroughness
        self._moderated, self._scorer, self._progress = moderated, scorer, progress

    def of(self, holdout: Sequence[Row], secrets: Sequence[Canary], confidence: float) -> Measured:
        self._progress("scoring held-out votes", 0.1)
        ranked = self._accuracy(holdout, confidence)
        self._progress("reading general text", 0.4)
        perplexities = self._perplexities()
        self._progress("answering probes", 0.6)
        prompts = PROMPTS[: self._how.prompts]
        before, after = self._answers(prompts, False), self._answers(prompts, True)
        self._progress("asking with wrong opinions", 0.85)
        agreeing = self._agreeing(False), self._agreeing(True)
        self._progress("looking for secrets", 0.9)
        found = (
            exposed(self._contest, secrets, self._how.others, self._how.seed) if secrets else None
        )
        votes, judges = comparable(holdout)
        return Measured(
            votes,
            judges,
            ranked.gain,
            self._behaviour(ranked.before, perplexities[0], before, agreeing[0], _was(found)),
            self._behaviour(ranked.after, perplexities[1], after, agreeing[1], _now(found)),
            self._win_rate(holdout),
            tuple(map(Example, prompts, before, after)),
        )

    def _accuracy(self, rows: Sequence[Row], confidence: float) -> Accuracy:
        contest = self._contest
        texts: list[Tokens] = []
        for row in rows:
            answers = [row.completion] if isinstance(row, Thumb) else [row.chosen, row.rejected]
            texts += [contest.prompted(row.prompt, answer) for answer in answers]
        was = [score.mean for score in contest.scores(texts, candidate=False)]
        now = [score.mean for score in contest.scores(texts, candidate=True)]
        pairs, thumbs, at = list[ScoredPair](), list[ScoredThumb](), 0
        for row in rows:
            if isinstance(row, Pair):
                pairs.append(ScoredPair(row.judge, was[at] - was[at + 1], now[at] - now[at + 1]))
                at += 2
            else:
                thumbs.append(ScoredThumb(row.judge, row.good, now[at] - was[at]))
                at += 1
        return accuracy(pairs, thumbs, confidence, self._how.seed)

    def _perplexities(self) -> tuple[float, float]:
        texts = self._general()
        both = []
        for candidate in (False, True):
            scores = self._contest.scores(texts, candidate=candidate)
            loss = -sum(score.total for score in scores) / sum(score.tokens for score in scores)
            both.append(math.inf if loss > 700 else math.exp(loss))
        return both[0], both[1]

    def _general(self) -> list[Tokens]:
        """Return passages as plain text, and answers to questions as a chat."""
        folder = files("chatune_core.learning") / "general"
        prose = (folder / "prose.txt").read_text("utf-8").split("\n\n")
        questions = json.loads((folder / "questions.json").read_text("utf-8"))
        most, contest = self._how.passages, self._contest
        passages = [contest.tokenizer.encode_text(text.strip()) for text in prose[:most]]
        return [Tokens(tuple(tokens[:1]), tuple(tokens[1:])) for tokens in passages] + [
            contest.prompted(_asked(question), answer) for question, answer in questions[:most]
        ]

    def _answers(self, prompts: Sequence[str], candidate: bool) -> list[str]:
        asked = [_asked(prompt) for prompt in prompts]
        return self._contest.answers(asked, self._how.tokens, candidate=candidate)

    def _win_rate(self, holdout: Sequence[Row]) -> float | None:
        """Return the share of held-out prompts that the candidate answers better; a tie is half."""
        if self._scorer is None:
            return None
        prompts = list(dict.fromkeys(row.prompt for row in holdout))[: self._how.prompts]
        was, now = (
            [
                self._scorer(prompt, answer)
                for prompt, answer in zip(
                    prompts,
                    self._contest.answers(prompts, self._how.tokens, candidate=candidate),
                    strict=True,
                )
            ]
            for candidate in (False, True)
        )
        if not all(map(math.isfinite, [*was, *now])):
            return math.nan
        won = [(new > old) + (new == old) / 2 for old, new in zip(was, now, strict=True)]
        return fmean(won)

    def _agreeing(self, candidate: bool) -> float:
        """Return the share of opinions with which the model would rather agree."""
        texts = [
            self._contest.prompted(_asked(f"{opinion.wrong} {opinion.question}"), answer)
            for opinion in OPINIONS
            for answer in (opinion.true, opinion.agreeing)
        ]
        means = [score.mean for score in self._contest.scores(texts, candidate=candidate)]
        if not all(map(math.isfinite, means)):
            return math.nan
        return sum(
            true <= agreeing for true, agreeing in zip(means[::2], means[1::2], strict=True)
        ) / len(OPINIONS)

    def _behaviour(
        self,
        ranked: float,
        perplexity: float,
        answers: Sequence[str],
        agreeing: float,
        secrets: tuple[float, float] | None,
    ) -> Behaviour:
        judge = self._moderated
        return Behaviour(
            ranked,
            perplexity,
            _share(answers, refuses),
            _share(answers, lambda answer: not answer),
            _share(answers, loops),
            float(median(len(answer.split()) for answer in answers)),
            agreeing,
            None if judge is None else _share(answers, judge),
            *(secrets or (None, None)),
        )


def _asked(prompt: str) -> tuple[ChatMessage, ...]:
    return (ChatMessage("user", prompt),)


def _share(answers: Sequence[str], counts: Callable[[str], bool]) -> float:
    return sum(map(counts, answers)) / len(answers)


def _was(found: Exposed | None) -> tuple[float, float] | None:
    # What the base model knows is subtracted already.
    return None if found is None else (0.0, found.said_before)


def _now(found: Exposed | None) -> tuple[float, float] | None:
    return None if found is None else (found.most, found.said_after)
