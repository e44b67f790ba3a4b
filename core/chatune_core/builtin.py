"""The commands that every bot has: /help /stop /model /reset /good /bad."""

from collections.abc import Callable, Mapping
from datetime import datetime

from chatune_core.bots import Context
from chatune_core.commands import Answer, Command, CommandTable, command_from
from chatune_core.errors import InvalidInput
from chatune_core.outcomes import AnswerRated, ConversationReset, ModelChosen
from chatune_core.ports import Generator, History


class Builtins:
    """The built-in commands over the parts that they need."""

    def __init__(
        self,
        table: CommandTable,
        history: History,
        generators: Mapping[str, Generator],
        default_model: str,
        now: Callable[[], datetime],
    ) -> None:
        self._table, self._history, self._now = table, history, now
        self._generators, self._default = generators, default_model

    def commands(self) -> list[Command]:
        """Return the commands, ready to be added to the table."""
        return [
            command_from("help", "Show the commands, or one of them.", self._help),
            command_from("stop", "Stop the answer that is being written.", self._stop),
            command_from("model", "Show or choose the model of this conversation.", self._model),
            command_from("reset", "Forget this conversation and start afresh.", self._reset),
            command_from("good", "Rate the last answer as good.", self._good),
            command_from("bad", "Rate the last answer as bad.", self._bad),
        ]

    async def _help(self, context: Context, command: str | None = None) -> Answer:
        prefix = self._table.prefix
        if command:
            found = self._table.find(command.removeprefix(prefix).lower())
            return Answer(f"{prefix}{found.usage}\n{found.help}", private=True)
        listed = sorted(self._table, key=lambda item: item.name)
        width = max(len(item.usage) for item in listed) + len(prefix)
        lines = [f"{prefix + item.usage:<{width}}  {item.help}" for item in listed]
        return Answer("\n".join(lines), private=True)

    async def _stop(self, context: Context) -> Answer:
        # The runtime turns /stop into StopRequested before it is stored, so that it is let past
        # the queue; the entry in the table is there for /help and completion.
        return Answer("There is nothing to stop.", private=True)

    async def _model(self, context: Context, name: str | None = None) -> Answer:
        current = await self._history.chosen_model(context.conversation)
        if current not in self._generators:
            current = self._default
        if name is None:
            lines = [
                f"{'*' if key == current else ' '} {key}: {generator.model}"
                for key, generator in self._generators.items()
            ]
            return Answer("\n".join(lines), private=True)
        if name not in self._generators:
            known = ", ".join(self._generators)
            raise InvalidInput(f"There is no model called {name[:40]!r}. Known: {known}.")
        text = f"This conversation is answered by {name} from now on."
        return Answer(text, effects=(ModelChosen(context.conversation, name),))

    async def _reset(self, context: Context) -> Answer:
        text = "Done. I have forgotten this conversation."
        return Answer(text, effects=(ConversationReset(context.conversation),))

    async def _good(self, context: Context, reason: str = "") -> Answer:
        return await self._rate(context, 1, reason)

    async def _bad(self, context: Context, reason: str = "") -> Answer:
        return await self._rate(context, -1, reason)

    async def _rate(self, context: Context, score: int, reason: str) -> Answer:
        answer = await self._history.last_answer(context.conversation)
        if answer is None:
            raise InvalidInput("There is no answer to rate yet.")
        rating = AnswerRated(answer, context.user, score, self._now(), reason)
        word = "good" if score > 0 else "bad"
        return Answer(f"Thank you. Rated as {word}.", private=True, effects=(rating,))
