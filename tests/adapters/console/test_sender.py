"""What a person at the terminal, or the end of a pipe, gets to see."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from chatune_adapters.console.pipe import PipeSender
from chatune_adapters.console.saved import SavedFiles
from chatune_adapters.console.sender import ConsoleSender
from chatune_core.errors import DeliveryRefused
from chatune_core.messages import (
    ConversationId,
    EventKey,
    File,
    MessageReceived,
    Reply,
    UserId,
)
from chatune_core.ports import Sender

pytestmark = pytest.mark.anyio
HERE, KEY = ConversationId("terminal:1"), EventKey("terminal:k1")
ASKED = MessageReceived(
    KEY, HERE, UserId("terminal:ann"), datetime(2026, 1, 1, tzinfo=UTC), "a question"
)
SAVED = SavedFiles(Path("unused"))


def _reply(text: str, key: EventKey = KEY) -> Reply:
    return Reply(key, HERE, UserId("terminal:ann"), text)


class _Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


class _Terminal:
    """A console sender, its painter, and what it has written."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.sender = ConsoleSender(self.out, lambda: (40, 10), SAVED)

    async def until(self, shown: str) -> None:
        with anyio.fail_after(5):
            while shown not in self.out.getvalue():
                await checkpoint()


@pytest.fixture
async def terminal() -> AsyncIterator[_Terminal]:
    made = _Terminal()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.sender.run)
        yield made
        tasks.cancel_scope.cancel()


async def test_both_ways_out_fit_the_port() -> None:
    ports: list[Sender] = [PipeSender(io.StringIO(), SAVED), _Terminal().sender]

    assert len(ports) == 2


async def test_an_answer_grows_while_it_is_written(terminal: _Terminal) -> None:
    async with terminal.sender.turn(KEY):
        terminal.sender.preview(ASKED, "Par")
        await terminal.until("Par")
        terminal.sender.preview(ASKED, "Paris is ")
        await terminal.until("Paris is")
        await terminal.sender.deliver(_reply("Paris is nice."))

    assert terminal.out.getvalue() == "Paris is nice.\n\n"


async def test_the_final_text_replaces_a_preview_that_was_something_else(
    terminal: _Terminal,
) -> None:
    async with terminal.sender.turn(KEY):
        terminal.sender.preview(ASKED, "Secret")
        await terminal.until("Secret")
        await terminal.sender.deliver(_reply("I cannot say that."))

    assert terminal.out.getvalue() == "Secret\r\x1b[JI cannot say that.\n\n"


async def test_a_place_in_line_is_shown_until_the_answer_begins(terminal: _Terminal) -> None:
    async with terminal.sender.turn(KEY):
        terminal.sender.waiting(ASKED, 3)
        await terminal.until("You are 3 in line.")
        terminal.sender.preview(ASKED, "Hello")
        await terminal.until("\r\x1b[JHello")


async def test_a_reply_that_is_delivered_twice_is_shown_once(terminal: _Terminal) -> None:
    async with terminal.sender.turn(KEY):
        first = await terminal.sender.deliver(_reply("Hello."))
        second = await terminal.sender.deliver(_reply("Hello."))

    assert terminal.out.getvalue() == "Hello.\n\n"
    assert first == second


async def test_a_preview_that_comes_after_the_final_text_is_dropped(terminal: _Terminal) -> None:
    async with terminal.sender.turn(KEY):
        await terminal.sender.deliver(_reply("Hello."))
        terminal.sender.preview(ASKED, "Late")
        for _ in range(10):
            await checkpoint()

    assert terminal.out.getvalue() == "Hello.\n\n"


async def test_an_answer_left_over_waits_for_the_end_of_the_running_one(
    terminal: _Terminal,
) -> None:
    async with terminal.sender.turn(KEY):
        await terminal.sender.deliver(_reply("An old answer.", EventKey("terminal:old")))
        terminal.sender.preview(ASKED, "New")
        await terminal.until("New")
        await terminal.sender.deliver(_reply("New answer."))

    assert terminal.out.getvalue() == ("New answer.\n\n(To an earlier message:) An old answer.\n\n")


async def test_a_muted_reply_counts_as_shown_but_is_not(terminal: _Terminal) -> None:
    terminal.sender.mute(KEY)

    receipt = await terminal.sender.deliver(_reply("Stopped."))

    assert (terminal.out.getvalue(), receipt) == ("", [f"shown:{KEY}"])


async def test_a_pipe_gets_final_answers_alone_each_once() -> None:
    out = io.StringIO()
    sender = PipeSender(out, SAVED)

    sender.waiting(ASKED, 2)
    sender.preview(ASKED, "Par")
    await sender.deliver(_reply("Paris\tis\x1b[2J nice."))
    await sender.deliver(_reply("Paris."))

    assert out.getvalue() == "Paris\tis[2J nice.\n"


async def test_an_answer_that_nobody_reads_is_set_aside() -> None:
    with pytest.raises(DeliveryRefused):
        await PipeSender(_Gone(), SAVED).deliver(_reply("Hello?"))


async def test_a_file_is_saved_and_its_path_shown_and_no_name_leads_elsewhere(
    tmp_path: Path,
) -> None:
    out, folder = io.StringIO(), tmp_path / "files"
    sender = PipeSender(out, SavedFiles(folder))
    evil = File("../../etc/notes.txt", b"one")
    same = File("notes.txt", b"two")

    await sender.deliver(Reply(KEY, HERE, UserId("terminal:ann"), "Here.", files=(evil, same)))

    saved = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert saved == {"notes.txt": b"one", "notes-2.txt": b"two"}
    assert out.getvalue() == (
        f"Here.\n(file: {folder / 'notes.txt'})\n(file: {folder / 'notes-2.txt'})\n"
    )


async def test_a_pipe_knows_that_an_answer_was_an_apology() -> None:
    sender = PipeSender(io.StringIO(), SAVED)

    await sender.deliver(Reply(KEY, HERE, UserId("terminal:ann"), "Sorry.", failed=True))

    assert sender.failed
