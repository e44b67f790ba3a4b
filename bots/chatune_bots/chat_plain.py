"""One message from standard input, its answer alone on standard output."""

import io
import sys
import uuid

import anyio

from chatune_adapters.console.intake import Seat, mended, whole
from chatune_adapters.console.pipe import PipeSender
from chatune_adapters.console.saved import SavedFiles
from chatune_bots.compose import Parts, open_models, stores_in_memory, utc_now
from chatune_bots.moderation import open_moderation
from chatune_bots.person import terminal_user
from chatune_bots.settings import Settings
from chatune_bots.start import Start
from chatune_core.commands import bind
from chatune_core.errors import GenerationFailed, InvalidInput
from chatune_core.messages import ConversationId
from chatune_core.runtime import Runtime

_OF_WHAT_IS_KEPT = frozenset(("feedback", "link", "memory", "reset", "training"))
"""Commands that would tell or change what lies in the database, which a pipe leaves alone."""
_WIDEST = 4  # bytes of the longest UTF-8 character
_GRACE_S = 30.0  # beyond the deadline of the answer itself


async def answer_once(begun: Start, model: str) -> None:
    """Answer all of standard input as one message; nothing is kept.

    Raises:
        InvalidInput: the message is empty, too long or a wrong command.
        GenerationFailed: the model gave no answer.
    """
    text = await _message(begun.settings.limits.message_chars)
    async with (
        open_models(begun.settings, begun.home, lambda stage, share: None) as models,
        open_moderation(begun.settings.moderation, begun.folder, models.generators) as moderation,
    ):
        watched = models.attended()
        collected = io.StringIO()
        settings = _repeatable(begun.settings)
        stores = stores_in_memory(settings)
        judging = moderation.attended()
        parts = Parts(settings, stores, watched, begun.bot, judging)
        sender = PipeSender(collected, SavedFiles(begun.home.files))
        runtime = parts.runtime(model, {"terminal": sender})
        _check_command(runtime, text)
        await _within(begun.settings.generation.deadline_s + _GRACE_S, runtime, text)
    for asked in (*watched.values(), judging):
        if asked is not None and asked.failure is not None:
            raise GenerationFailed(asked.failure)
    if sender.failed:
        raise GenerationFailed(collected.getvalue().strip())
    sys.stdout.write(collected.getvalue())
    sys.stdout.flush()


def _repeatable(settings: Settings) -> Settings:
    """Return settings that answer the same every time, as a pipe should, unless told otherwise."""
    generation = settings.generation
    if "temperature" in generation.model_fields_set:
        return settings
    greedy = generation.model_copy(update={"temperature": 0.0})
    return settings.model_copy(update={"generation": greedy})


async def _message(longest: int) -> str:
    data = await whole(sys.stdin.fileno(), longest * _WIDEST)
    typed = mended(data.decode("utf-8", errors="surrogateescape"))
    if len(typed.text) > longest:
        raise InvalidInput(
            f"The message is longer than {longest:,} characters; send a shorter one."
        )
    if not typed.text.strip():
        raise InvalidInput("The message is empty; there is nothing to answer.")
    if typed.note:
        print(f"chatune: {typed.note}", file=sys.stderr)  # noqa: T201
    return typed.text.strip()


def _check_command(runtime: Runtime, text: str) -> None:
    """Refuse a wrong command here, for its answer would look like any other in a pipe."""
    parsed = runtime.commands.parse(text)
    if parsed is None:
        return
    name, arguments = parsed
    bind(runtime.commands.find(name), arguments)
    if name in _OF_WHAT_IS_KEPT or (name == "model" and arguments.strip()):
        remedy = "give --model NAME instead" if name == "model" else "type it into `chatune chat`"
        raise InvalidInput(f"A pipe keeps nothing, so /{name} would have no effect; {remedy}.")


async def _within(patience_s: float, runtime: Runtime, text: str) -> None:
    conversation = ConversationId(f"terminal:{uuid.uuid4().hex}")
    seat = Seat(terminal_user(), conversation, utc_now, lambda: uuid.uuid4().hex)
    with anyio.move_on_after(patience_s) as waiting:
        await runtime.handle(seat.message(text))
    if waiting.cancelled_caught:
        raise GenerationFailed(f"There was no answer within {patience_s:.0f} seconds.")
