"""One message to one reply, read top to bottom; there is no other path to the model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from chatune_core.attachments import read_texts
from chatune_core.commands import Answer
from chatune_core.completing import Completer, Completion
from chatune_core.errors import InvalidInput
from chatune_core.generation.requests import Sampling
from chatune_core.memory.ports import Attention, Heard, Remembering
from chatune_core.memory.recalled import NOTHING_RECALLED, Recalled
from chatune_core.messages import EventKey, Inbound, MessageReceived, Turn
from chatune_core.moderation.answers import noted
from chatune_core.moderation.verdicts import Role, Verdict
from chatune_core.outcomes import Audited, GenerationMade, TurnReplaced, TurnSaid
from chatune_core.ports import Files, Generator, History, Moderation, Sender
from chatune_core.prompt import Prompt, build_prompt
from chatune_core.settings import CoreSettings
from chatune_core.stop import Stop

_VARIED = 0.7  # the least temperature at which "again" says something else


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
    ) -> None:
        """Use `generators` by configured name; `default_model` is one of them."""
        self._history, self._generators, self._default = history, generators, default_model
        self._files_of, self._settings, self._now = files_of, settings, now
        self._moderation = moderation
        self._completer = Completer(sender_of, moderation, settings)
        self._memory = memory

    async def reply_to(self, message: MessageReceived, stop: Stop) -> Answer:
        """Return the answer to `message` with what is to be recorded, previewing it on the way.

        Raises:
            InvalidInput: the message cannot be answered as it is.
            RetryLater: the model cannot be reached at present.
            GenerationFailed: the model cannot answer this.
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
        made = await self._make(message, turns, question, sampling, stop, attention)
        if made.refused:
            heard = Heard()
        shown = "\n\n".join(part for part in (made.shown, attached.notice, heard.note) if part)
        effects = (*heard.effects, *made.decisions)
        if made.turn is None:
            return Answer(shown, effects=(*on_files, *effects))
        said = (TurnSaid(question), TurnSaid(made.turn), made.provenance)
        return Answer(shown, effects=(*said, *on_files, *effects), rateable=True)

    async def again(self, event: Inbound, answered: EventKey, stop: Stop) -> Answer:
        """Return another answer to the question that `answered` was the answer to.

        In the history it takes the place of the earlier one.

        Raises:
            InvalidInput: the question is too far back, or forgotten.
            RetryLater, GenerationFailed: as for `reply_to`.
        """
        root = await self._history.question_of(answered) or answered
        turns = await self._history.recent(event.conversation, self._settings.history_turns)
        places = [i for i, turn in enumerate(turns) if (turn.event, turn.role) == (root, "user")]
        if not places:
            raise InvalidInput("That question is too far back, or forgotten. Please ask it again.")
        question, before = turns[places[0]], turns[: places[0]]
        sampling = self._settings.sampling
        varied = replace(sampling, seed=None, temperature=max(sampling.temperature, _VARIED))
        # Whoever asks again for an answer to somebody else does not bring in what is known of either.
        own = question.user == event.user
        attention = await self._attending(event) if own else None
        made = await self._make(event, before, question, varied, stop, attention)
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
    ) -> "_Made":
        generator = await self._generator_for(event)
        recalled = NOTHING_RECALLED
        if attention is not None:
            recalled = await attention.recalled(question.text)
        prompt = self._prompt(generator, before, question.text, recalled)
        completion = await self._completer.complete(
            generator, prompt, question.text, event, sampling, stop
        )
        said, at = completion.said, self._now()
        turn = replace(question, role="assistant", text=said, at=at) if said else None
        provenance = _provenance(event, question, generator, sampling, prompt, completion, at)
        decisions = self._audited(completion.decisions, event)
        refused = completion.refused is not None
        return _Made(completion.shown, turn, provenance, decisions, refused)

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
    decisions: tuple[Audited, ...]
    refused: bool


def _provenance(
    event: Inbound,
    question: Turn,
    generator: Generator,
    sampling: Sampling,
    prompt: Prompt,
    completion: Completion,
    at: datetime,
) -> GenerationMade:
    finished = completion.finished
    return GenerationMade(
        event=event.key,
        conversation=event.conversation,
        user=event.user,
        at=at,
        model=finished.model if finished else generator.model,
        lora=finished.lora if finished else None,
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
