"""`chatune chat` in a real terminal."""

import sqlite3
import stat

from fakes.chat_server import HANGS, ChatServer
from fakes.shell import Shell
from fakes.terminal import ALT_ENTER, CTRL_C, CTRL_D, ENTER, TAB, UP

PROMPT = "\n>"


def test_a_whole_visit(served: Shell, server: ChatServer) -> None:
    with served.terminal("chat") as screen:
        greeting = screen.until(PROMPT)
        assert "you talk to an AI, and it can be wrong" in greeting
        assert f"fake-model at {server.base_url}; what you write is sent there" in greeting
        assert "/help" in greeting

        screen.type(b"hello you" + ENTER)
        screen.until("You said: hello you")
        screen.until(PROMPT)

        screen.type(b"one" + ALT_ENTER + b"two" + ENTER)
        screen.until("You said: one\r\ntwo")
        screen.until(PROMPT)
        assert [turn["content"] for turn in server.prompts[-1][1:]] == [
            "hello you",
            "You said: hello you",
            "one\ntwo",
        ]

        screen.type(b"/res" + TAB)
        screen.until("/reset")
        screen.type(ENTER)
        screen.until("I have forgotten this conversation.")
        screen.until(PROMPT)

        screen.type(CTRL_D)
        assert screen.ends() == 0


def test_ctrl_c_stops_the_running_answer_and_nothing_else(
    served: Shell, server: ChatServer
) -> None:
    with served.terminal("chat") as screen:
        screen.until(PROMPT)
        screen.type(HANGS.encode() + ENTER)
        screen.until("one two three")

        screen.type(CTRL_C)

        assert "^C" not in screen.until("(Stopped.)")
        assert server.left.wait(10)
        assert "Stopped." not in screen.until(PROMPT)
        screen.type(b"still there?" + ENTER)
        screen.until("You said: still there?")


def test_ctrl_c_on_an_empty_line_says_how_to_leave(served: Shell) -> None:
    with served.terminal("chat") as screen:
        screen.until(PROMPT)
        screen.type(CTRL_C)
        screen.until("Ctrl-D leaves, /help lists what I can do.")
        screen.until(PROMPT)
        screen.type(ENTER)
        screen.until("Write something, or /help.")
        screen.until(PROMPT)
        screen.type(b"/quit" + ENTER)
        assert screen.ends() == 0


def test_a_line_of_an_earlier_visit_comes_back_with_up(served: Shell) -> None:
    for keys, shown in ((b"/nope old", "no command"), (UP, "no command")):
        with served.terminal("chat") as screen:
            screen.until(PROMPT)
            screen.type(keys + ENTER)
            screen.until(shown)
            screen.until(PROMPT)
            screen.type(CTRL_D)
            assert screen.ends() == 0

    history = served.home / "terminal_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_a_second_chat_in_the_same_home_is_one_clear_line(served: Shell) -> None:
    with served.terminal("chat") as first:
        first.until(PROMPT)

        with served.terminal("chat") as second:
            assert second.ends() == 1
            assert "chatune: Another chatune (process " in second.rest
            assert "Traceback" not in second.rest


def test_a_locked_database_is_one_clear_line(served: Shell) -> None:
    served.run("doctor")
    with sqlite3.connect(served.home / "chatune.db") as other:
        other.execute("BEGIN EXCLUSIVE")

        with served.terminal("chat") as screen:
            assert screen.ends() == 1
            assert "the database is locked by another process" in screen.rest
            assert "Traceback" not in screen.rest
