"""The commands that every bot has, but for those on answers: `chatune_core.ratings`."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from chatune_core.bots import Context
from chatune_core.commands import Answer, Command, CommandTable, command_from
from chatune_core.errors import InvalidInput
from chatune_core.framing import framed
from chatune_core.messages import CommandInvoked
from chatune_core.outcomes import Audited, AuditEntry, ConversationReset, ModelChosen
from chatune_core.ports import Generator, History

logger = logging.getLogger(__name__)


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
            command_from(
                "help",
                "Show the commands, or one of them.",
                self._help,
                private=True,
                completers={"command": lambda: [command.name for command in self._table]},
            ),
            command_from(
                "stop", "Stop the answer that is being written.", self._stop, private=True
            ),
            command_from(
                "model",
                "Show or choose the model of this conversation.",
                self._model,
                completers={"name": lambda: list(self._generators)},
            ),
            command_from("reset", "Forget this conversation and start afresh.", self._reset),
            command_from(
                "summarize",
                "Summarize a text.",
                self._summarize,
                private=True,
                on_message="Summarize",
            ),
            command_from(
                "rewrite",
                "Put a text into clear words.",
                self._rewrite,
                private=True,
                on_message="Rewrite",
            ),
            command_from(
                "report",
                "Report a message to the operators of this bot.",
                self._report,
                private=True,
                on_message="Report",
            ),
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

    async def _summarize(self, context: Context, text: str) -> str:
        return await context.ask(f"Summarize this text in two sentences.\n\n{framed('Text', text)}")

    async def _rewrite(self, context: Context, text: str) -> str:
        asked = "Rewrite this text so that it is clear and correct. Answer with the text alone."
        return await context.ask(f"{asked}\n\n{framed('Text', text)}")

    async def _report(self, context: Context, text: str = "") -> Answer:
        event = context.event
        if not isinstance(event, CommandInvoked) or event.message is None:
            raise InvalidInput("Choose Report in the menu of the message that you mean.")
        # The operators find it by its key; the log keeps no text.
        entry = AuditEntry(
            self._now(),
            context.user,
            "message reported",
            event.message,
            {"conversation": context.conversation},
        )
        logger.warning("%s was reported, see the audit log", entry.subject)
        text = "Thank you. The operators of this bot can see your report."
        return Answer(text, private=True, effects=(Audited(entry),))
