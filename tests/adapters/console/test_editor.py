"""Typing at the prompt, through prompt_toolkit's own pipe."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from chatune_adapters.console.editor import CommandCompleter, LineEditor

pytestmark = pytest.mark.anyio
COMMANDS = [("help", "Show the commands."), ("hello", "Greet."), ("model", "Choose.")]
ENTER, ALT_ENTER, UP, CTRL_C, CTRL_D = "\r", "\x1b\r", "\x1b[A", "\x03", "\x04"


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture
def editor(tmp_path: Path, keys: PipeInput) -> Callable[[], LineEditor]:
    return lambda: LineEditor(tmp_path / "history", lambda: COMMANDS, lambda: "")


async def _typed(editor: LineEditor, keys: PipeInput, text: str) -> str:
    keys.send_text(text)
    return await editor.read()


async def test_enter_sends_the_line(editor: Callable[[], LineEditor], keys: PipeInput) -> None:
    assert await _typed(editor(), keys, "hello" + ENTER) == "hello"


async def test_alt_enter_begins_a_new_line(
    editor: Callable[[], LineEditor], keys: PipeInput
) -> None:
    assert await _typed(editor(), keys, "one" + ALT_ENTER + "two" + ENTER) == "one\ntwo"


async def test_a_pasted_block_stays_whole(
    editor: Callable[[], LineEditor], keys: PipeInput
) -> None:
    pasted = "\x1b[200~first\r\nsecond\r\n\x1b[201~"

    assert await _typed(editor(), keys, pasted + "end" + ENTER) == "first\nsecond\nend"


def _completions(typed: str) -> list[str]:
    completer = CommandCompleter(lambda: COMMANDS)
    found = completer.get_completions(Document(typed), CompleteEvent())
    return [completion.text for completion in found]


def test_the_commands_that_begin_with_what_was_typed_are_offered() -> None:
    assert _completions("/he") == ["/hello", "/help"]
    assert _completions("/MO") == ["/model"]
    assert _completions("/") == ["/hello", "/help", "/model"]


def test_nothing_is_offered_inside_a_message_or_after_a_command() -> None:
    assert _completions("say /he") == []
    assert _completions("/model he") == []
    assert _completions("") == []


async def test_ctrl_c_clears_what_was_typed_and_on_an_empty_line_says_so(
    editor: Callable[[], LineEditor], keys: PipeInput
) -> None:
    made = editor()

    assert await _typed(made, keys, "wrong" + CTRL_C + "right" + ENTER) == "right"
    with pytest.raises(KeyboardInterrupt):
        await _typed(made, keys, CTRL_C)


async def test_ctrl_d_on_an_empty_line_leaves(
    editor: Callable[[], LineEditor], keys: PipeInput
) -> None:
    with pytest.raises(EOFError):
        await _typed(editor(), keys, CTRL_D)


async def test_up_brings_back_a_line_of_an_earlier_run(
    editor: Callable[[], LineEditor], keys: PipeInput, tmp_path: Path
) -> None:
    await _typed(editor(), keys, "an old line" + ENTER)

    again = editor()

    assert await _typed(again, keys, UP + ENTER) == "an old line"
    assert (tmp_path / "history").stat().st_mode & 0o777 == 0o600


async def test_a_history_that_cannot_be_written_costs_no_message(
    tmp_path: Path, keys: PipeInput
) -> None:
    editor = LineEditor(tmp_path / "missing" / "history", list, lambda: "")

    assert await _typed(editor, keys, "still sent" + ENTER) == "still sent"


async def test_broken_characters_do_not_break_the_history(
    editor: Callable[[], LineEditor], keys: PipeInput
) -> None:
    keys.send_bytes(b"bad \xff byte" + ENTER.encode())

    assert (await editor().read()).startswith("bad ")
