"""Two answers to one question, so that the person may choose: on a small share of the messages.

Both come from the weights that answer the conversation anyway, so a choice never speaks for or
against a canary. They are one reply: everything that holds for an answer (one message, stop,
deletion, moderation) holds for the two.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import anyio

from chatune_core.completing import ChooseLora, Completer, Completion, bare_model
from chatune_core.errors import ChatuneError
from chatune_core.generation.requests import Sampling
from chatune_core.judged import second_of
from chatune_core.messages import Button, Inbound, MessageKey, MessageReceived, Reply
from chatune_core.moderation.verdicts import Verdict
from chatune_core.ports import Capabilities, Consents, Generator, Moderation
from chatune_core.privacy import Purpose
from chatune_core.prompt import Prompt
from chatune_core.settings import CoreSettings
from chatune_core.stop import Stop

CHOOSE = (
    Button("choose-first", "First is better"),
    Button("choose-second", "Second is better"),
    Button("choose-none", "Both the same"),
)
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class Tried:
    """One completion and how it was sampled."""

    sampling: Sampling
    completion: Completion


@dataclass(frozen=True, slots=True)
class Tries:
    """What was made of one question; `second` where there is a choice."""

    first: Tried
    second: Tried | None = None
    decisions: tuple[tuple[str, Verdict], ...] = ()

    @property
    def shown(self) -> str:
        """Return what the person reads."""
        first = self.first.completion.shown
        if self.second is None:
            return first
        if first.count(_FENCE) % 2:
            first += f"\n{_FENCE}"
        return f"{first}\n\n(Second answer:)\n\n{self.second.completion.shown}"


def one_try(sampling: Sampling, completion: Completion) -> Tries:
    """Return what an answer without a second one comes to."""
    return Tries(Tried(sampling, completion), decisions=completion.decisions)


def varied(sampling: Sampling, least: float = 0.7) -> Sampling:
    """Return how to sample so that something else is said than with `sampling`."""
    return replace(sampling, seed=None, temperature=max(sampling.temperature, least))


def share_of(name: str) -> float:
    """Return a number of [0, 1) that is always the same for `name`."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


class SideBySide:
    """Makes two answers where a choice is due."""

    def __init__(
        self,
        consents: Consents,
        moderation: Moderation | None,
        settings: CoreSettings,
        choose: ChooseLora = bare_model,
    ) -> None:
        self._consents, self._share = consents, settings.choice_share
        self._unseen = Completer(lambda event: _NOWHERE, moderation, settings, choose)

    async def is_due(self, message: MessageReceived) -> bool:
        """Return whether `message` gets two answers: of people alone who agreed to training."""
        if share_of(f"choice:{message.key}") >= self._share:
            return False
        return await self._consents.allows(message.user, Purpose.TRAINING)

    async def complete(
        self,
        completer: Completer,
        generator: Generator,
        prompt: Prompt,
        asked: str,
        event: Inbound,
        sampling: Sampling,
        stop: Stop,
    ) -> Tries:
        """Return two answers to `asked`, the first previewed by `completer`, or what there is of them.

        Which of them is the usual one is hidden: either may come first.

        Raises:
            RetryLater, GenerationFailed: the first cannot be made; see Generator.stream.
        """
        samplings = [sampling, varied(sampling)]
        if share_of(f"order:{event.key}") < 0.5:
            samplings.reverse()
        ask = (generator, prompt, asked)
        beside: list[Completion] = []

        async def unseen() -> None:
            try:
                of_second = replace(event, key=second_of(event.key))
                made = await self._unseen.complete(*ask, of_second, samplings[1], stop)
            except ChatuneError:
                return  # The first is an answer by itself.
            beside.append(made)

        failed: ChatuneError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(unseen)
            try:
                first = await completer.complete(*ask, event, samplings[0], stop)
            except ChatuneError as error:
                failed = error
                tasks.cancel_scope.cancel()
        if failed is not None:
            raise failed
        both = (first, *beside)
        return _chosen([Tried(*pair) for pair in zip(samplings, both, strict=False)])


def _chosen(tried: Sequence[Tried]) -> Tries:
    """Return both if there is a choice between them, else the first that says something."""
    found = [each for one in tried for each in one.completion.decisions]
    decisions = tuple(each for at, each in enumerate(found) if each not in found[:at])
    said = [one for one in tried if one.completion.said]
    whole = [one for one in said if one.completion.finished is not None]
    if len(whole) == 2 and whole[0].completion.said != whole[1].completion.said:
        return Tries(whole[0], whole[1], decisions)
    return Tries((said or tried)[0], decisions=decisions)


class _Nowhere:
    """Fulfils `Sender`; shows nothing, since the message it would be seen in is another's."""

    capabilities = Capabilities(buttons=False, files=False)

    def preview(self, event: Inbound, text: str) -> None:
        """See Sender.preview."""

    def waiting(self, event: Inbound, position: int) -> None:
        """See Sender.waiting."""

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """See Sender.deliver."""
        return ()


_NOWHERE = _Nowhere()
