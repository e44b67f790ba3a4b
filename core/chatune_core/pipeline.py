"""One message to one reply, read top to bottom; there is no other path to the model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from chatune_core.attachments import read_texts
from chatune_core.commands import Answer
from chatune_core.completing import ChooseLora, Completer, Completion, bare_model
from chatune_core.errors import GenerationFailed, InvalidInput
from chatune_core.generation.requests import Sampling
from chatune_core.judged import second_of
from chatune_core.memory.ports import Attention, Heard, Remembering
from chatune_core.memory.recalled import NOTHING_RECALLED, Recalled
from chatune_core.messages import EventKey, Inbound, MessageReceived, Turn
from chatune_core.moderation.answers import noted
from chatune_core.moderation.verdicts import Role, Verdict
from chatune_core.outcomes import (
    AnswerMissed,
    Audited,
    Effect,
    GenerationMade,
    TurnReplaced,
    TurnSaid,
)
from chatune_core.ports import Files, Generator, History, Moderation, Sender
from chatune_core.prompt import Prompt, build_prompt
from chatune_core.settings import CoreSettings
from chatune_core.side_by_side import CHOOSE, SideBySide, Tried, one_try, varied
from chatune_core.stop import Stop


class AnswerFailed(GenerationFailed):
    """The model cannot answer; `missed` is to be recorded."""

    def __init__(self, reason: str, missed: AnswerMissed) -> None:
        super().__init__(reason)
        self.missed = missed


class Pipeline:
    """The collaborators of a turn."""

    def __init__(
        self,
        history: History,
        generators: Mapping[str, Generator],
        default_model: str,
        sender_of: Callable[[Inbound], Sender],
        files_of: Callable[[Inbound], Files | None],
        moderation: Moderation | None,
        settings: CoreSettings,
        now: Callable[[], datetime],
        memory: Remembering | None = None,
        side_by_side: SideBySide | None = None,
        choose: ChooseLora = bare_model,
    ) -> None:
        """Use `generators` by configured name; `default_model` is one of them."""
        self._history, self._generators, self._default = history, generators, default_model
        self._files_of, self._settings, self._now = files_of, settings, now
        self._moderation = moderation
        self._completer = Completer(sender_of, moderation, settings, choose)
        self._memory, self._side_by_side, self._choose = memory, side_by_side, choose

    async def reply_to(self, message: MessageReceived, stop: Stop) -> Answer:
        """Return the answer to `message` with what is to be recorded, previewing it on the way.

        Raises:
            InvalidInput: the message cannot be answered as it is.
            RetryLater: the model cannot be reached at present.
            AnswerFailed: the model cannot answer this.
        """
        check = partial(self._check_file, message)
        attached = await read_texts(message.attachments, self._files_of(message), check)
        noticed = [
            ("file left out" if verdict.acts else "file", verdict) for verdict in attached.verdicts
        ]
        on_files = self._audited(noticed, message)
        asked = "\n\n".join(part for part in (message.text, attached.prompt) if part.strip())
        if not asked:
            return Answer(attached.notice, effects=on_files)
        attention = await self._attending(message)
        heard = await attention.heard(message.text) if attention is not None else Heard()
        if heard.answer is not None and not attached.prompt:
            return replace(heard.answer, effects=(*heard.effects, *on_files))
        turns = await self._history.recent(message.conversation, self._settings.history_turns)
        question = Turn(message.key, message.conversation, message.user, "user", asked, message.at)
        sampling = self._settings.sampling
        side = self._side_by_side
        side = side if side is not None and await side.is_due(message) else None
        made = await self._make(message, turns, question, sampling, stop, attention, side)
        if made.refused:
            heard = Heard()
        shown = "\n\n".join(part for part in (made.shown, attached.notice, heard.note) if part)
        effects = (*heard.effects, *made.decisions)
        if made.turn is None:
            return Answer(shown, effects=(*on_files, *effects))
        # The second of two comes before, so that the first is the newest answer.
        said: tuple[Effect, ...]
        said = (TurnSaid(question), TurnSaid(made.turn), *made.beside, made.provenance)
        return Answer(
            shown,
            effects=(*said, *on_files, *effects),
            buttons=CHOOSE if made.beside else (),
            rateable=not made.beside,
        )

    async def again(self, event: Inbound, answered: EventKey, stop: Stop) -> Answer:
        """Return another answer to the question that `answered` was the answer to.

        In the history it takes the place of the earlier one.

        Raises:
            InvalidInput: the question is too far back, or forgotten.
            RetryLater, AnswerFailed: as for `reply_to`.
        """
        root = await self._history.question_of(answered) or answered
        turns = await self._history.recent(event.conversation, self._settings.history_turns)
        places = [i for i, turn in enumerate(turns) if (turn.event, turn.role) == (root, "user")]
        if not places:
            raise InvalidInput("That question is too far back, or forgotten. Please ask it again.")
        question, before = turns[places[0]], turns[: places[0]]
        sampling = varied(self._settings.sampling)
        # Whoever asks again for an answer to somebody else does not bring in what is known of either.
        own = question.user == event.user
        attention = await self._attending(event) if own else None
        made = await self._make(event, before, question, sampling, stop, attention)
        if made.turn is None:
            return Answer(made.shown, effects=made.decisions)
        said = (TurnReplaced(made.turn), made.provenance)
        return Answer(made.shown, effects=(*said, *made.decisions), rateable=True)

    async def ask(self, event: Inbound, text: str, stop: Stop, *, private: bool) -> str:
        """Return the model's answer to `text` alone.

        It is previewed as the answer to `event` unless it is `private`.
        """
        generator = await self._generator_for(event)
        prompt = self._prompt(generator, (), text)
        sampling = self._settings.sampling
        completion = await self._completer.complete(
            generator, prompt, text, event, sampling, stop, quiet=private
        )
        return completion.shown

    async def _make(
        self,
        event: Inbound,
        before: Sequence[Turn],
        question: Turn,
        sampling: Sampling,
        stop: Stop,
        attention: Attention | None,
        side_by_side: SideBySide | None = None,
    ) -> "_Made":
        generator = await self._generator_for(event)
        recalled = NOTHING_RECALLED
        if attention is not None:
            recalled = await attention.recalled(question.text)
        prompt = self._prompt(generator, before, question.text, recalled)
        ask = (generator, prompt, question.text, event, sampling, stop)
        try:
            if side_by_side is not None:
                tries = await side_by_side.complete(self._completer, *ask)
            else:
                tries = one_try(sampling, await self._completer.complete(*ask))
        except GenerationFailed as error:
            raise AnswerFailed(str(error), self._failed(event, generator)) from error
        completion, at = tries.first.completion, self._now()
        said = completion.said
        turn = replace(question, role="assistant", text=said, at=at) if said else None
        provenance = _provenance(event, question, generator, prompt, tries.first, at)
        beside: tuple[GenerationMade, ...] = ()
        if tries.second is not None:
            second = _provenance(event, question, generator, prompt, tries.second, at)
            beside = (replace(second, event=second_of(event.key)),)
        decisions: tuple[Effect, ...]
        decisions = (*self._audited(tries.decisions, event), *_missed(provenance, completion))
        refused = completion.refused is not None
        return _Made(tries.shown, turn, provenance, decisions, refused, beside)

    def _failed(self, event: Inbound, generator: Generator) -> AnswerMissed:
        place, lora = event.conversation, self._choose(generator, event.conversation)
        at, model = self._now(), generator.model
        return AnswerMissed(event.key, place, event.user, at, model, lora, "failed")

    async def _attending(self, event: Inbound) -> Attention | None:
        return await self._memory.attending(event) if self._memory is not None else None

    async def _check_file(self, event: Inbound, text: str) -> Verdict | None:
        if self._moderation is None:
            return None
        return await self._moderation.check(text, Role.TOOL, event.conversation, event.user)

    def _audited(
        self, decisions: Iterable[tuple[str, Verdict]], event: Inbound
    ) -> tuple[Audited, ...]:
        at = self._now()
        return tuple(
            Audited(noted(verdict, action, event.key, at)) for action, verdict in decisions
        )

    def _prompt(
        self,
        generator: Generator,
        before: Sequence[Turn],
        text: str,
        recalled: Recalled = NOTHING_RECALLED,
    ) -> Prompt:
        return build_prompt(
            self._settings.persona,
            before,
            text,
            recalled=recalled,
            count=generator.count_tokens,
            context_tokens=generator.context_tokens,
            completion_tokens=self._settings.sampling.max_tokens,
        )

    async def _generator_for(self, event: Inbound) -> Generator:
        chosen = await self._history.chosen_model(event.conversation)
        return self._generators.get(chosen or "", self._generators[self._default])


@dataclass(frozen=True, slots=True)
class _Made:
    """What is shown, the turn that was said (None if nothing was), and how it came about."""

    shown: str
    turn: Turn | None
    provenance: GenerationMade
    decisions: tuple[Effect, ...]
    refused: bool
    beside: tuple[GenerationMade, ...]


def _missed(provenance: GenerationMade, completion: Completion) -> tuple[AnswerMissed, ...]:
    """Return the record of an answer that was made and not shown, or that said nothing."""
    if completion.said or completion.refused is not None:
        return ()
    if completion.withheld is None and completion.finish == "stopped":
        return ()
    why: Literal["withheld", "empty"] = "withheld" if completion.withheld else "empty"
    made = provenance
    return (
        AnswerMissed(made.event, made.conversation, made.user, made.at, made.model, made.lora, why),
    )


def _provenance(
    event: Inbound,
    question: Turn,
    generator: Generator,
    prompt: Prompt,
    tried: Tried,
    at: datetime,
) -> GenerationMade:
    sampling, completion = tried.sampling, tried.completion
    finished = completion.finished
    return GenerationMade(
        event=event.key,
        conversation=event.conversation,
        user=event.user,
        at=at,
        model=finished.model if finished else generator.model,
        lora=completion.lora,
        sampling=sampling,
        seed=finished.seed if finished else (sampling.seed or 0),
        prompt=prompt.messages,
        memories=tuple(memory.id for memory in prompt.memories),
        completion=completion.text,
        finish=completion.finish,
        prompt_tokens=finished.prompt_tokens if finished else 0,
        completion_tokens=finished.completion_tokens if finished else 0,
        queued_s=finished.queued_s if finished else 0.0,
        first_token_s=finished.first_token_s if finished else 0.0,
        total_s=finished.total_s if finished else 0.0,
        question=question.event,
        heard=tuple(dict.fromkeys((event.user, question.user, *prompt.heard))),
    )
