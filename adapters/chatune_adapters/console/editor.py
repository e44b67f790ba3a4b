"""The line that a person types: history, several lines, completion of commands."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from chatune_adapters.console.quiet import no_echo
from chatune_core.text import clean

_LONGEST_KEPT = 8_000  # characters; a pasted document is not a line to come back to

Commands = Callable[[], Sequence[tuple[str, str]]]
"""The commands at present: name without the slash, one line of help."""


class PrivateHistory(FileHistory):
    """Lines typed in earlier runs, in a file that its owner alone can read.

    It is a convenience: when it cannot be written (a full disk), typing goes on without it.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self._file = file

    def store_string(self, string: str) -> None:
        """Append `string` to the file."""
        if len(string) > _LONGEST_KEPT:
            return
        try:
            os.close(os.open(self._file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
            super().store_string(clean(string))
        except OSError:
            return


class CommandCompleter(Completer):
    """Completes `/na` to the names of commands while the first word is typed."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Yield the commands whose names begin with what was typed."""
        typed = document.text_before_cursor
        if not typed.startswith("/") or any(character.isspace() for character in typed):
            return
        for name, help_line in sorted(self._commands()):
            if name.startswith(typed[1:].lower()):
                yield Completion(f"/{name}", -len(typed), display_meta=help_line)


class LineEditor:
    """Reads one message at a time from the keyboard.

    Enter sends; Alt-Enter (or Escape, Enter) begins a new line; a pasted block stays whole.
    `status` is shown below the prompt while it is not empty.
    """

    def __init__(self, history: Path, commands: Commands, status: Callable[[], str]) -> None:
        self._session: PromptSession[str] = PromptSession(
            "> ",
            multiline=True,
            prompt_continuation="  ",
            history=PrivateHistory(history),
            completer=CommandCompleter(commands),
            key_bindings=_keys(),
            enable_history_search=True,
            reserve_space_for_menu=6,
            bottom_toolbar=lambda: status() or None,
        )
        self._status = status

    async def read(self) -> str:
        """Return what the person sent.

        Raises:
            EOFError: they pressed Ctrl-D on an empty line.
            KeyboardInterrupt: they pressed Ctrl-C on an empty line; on others it clears the line.
        """
        changes = 0.25 if self._status() else 0  # seconds between looks at the status
        return await self._session.prompt_async(refresh_interval=changes)

    def silent(self) -> AbstractContextManager[None]:
        """Keep what is typed from being shown while the body runs; the next `read` has it."""
        return no_echo(self._session.input.fileno())


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

    return keys
