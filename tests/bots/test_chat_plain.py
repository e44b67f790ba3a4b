"""`chatune chat --plain`: a filter for pipes."""

import pytest

from fakes.chat_server import IS_DOWN, REFUSES, ChatServer
from fakes.shell import Shell


def test_the_answer_alone_comes_out(served: Shell) -> None:
    ran = served.run("chat", "--plain", typed="hello\nthere")

    assert (ran.code, ran.out, ran.errors) == (0, "You said: hello\nthere\n", "")


def test_a_pipe_needs_no_flag(served: Shell) -> None:
    assert served.run("chat", typed="hello").out == "You said: hello\n"


def test_nothing_of_it_is_kept(served: Shell) -> None:
    served.run("chat", "--plain", typed="a secret")

    kept = b"".join(file.read_bytes() for file in served.home.rglob("*") if file.is_file())
    assert b"secret" not in kept
    assert not (served.home / "chatune.db").exists()


def test_the_persona_of_the_bot_leads_the_prompt(served: Shell, server: ChatServer) -> None:
    served.environment["CHATUNE_BOT__PERSONA"] = "I am {name}, a pirate."
    served.environment["CHATUNE_BOT__NAME"] = "Ahab"

    served.run("chat", "--plain", typed="hello")

    assert server.prompts[-1][0] == {"role": "system", "content": "I am Ahab, a pirate."}


def test_a_command_of_a_bot_file_runs(served: Shell) -> None:
    (served.folder / "my_bot.py").write_text(
        "from chatune_core.bots import Bot, Context\nbot = Bot()\n"
        '@bot.command("twice", help="Double.")\n'
        "async def twice(context: Context, number: int) -> str:\n    return str(2 * number)\n"
    )

    assert served.run("chat", "--bot", "my_bot.py", typed="/twice 21").out == "42\n"


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (b"", 2, "The message is empty; there is nothing to answer."),
        (b" \n\t\n", 2, "The message is empty; there is nothing to answer."),
        (b"\x07\x00", 2, "The message is empty; there is nothing to answer."),
        (b"x" * 1_000_000, 2, "The message is longer than 32,000 characters; send a shorter one."),
        (b"/nope", 2, "There is no command /nope. /help lists them."),
        (REFUSES.encode(), 1, "No answer from fake-model: "),
        (IS_DOWN.encode(), 1, "No answer from fake-model: "),
    ],
)
def test_what_cannot_be_answered_is_one_line_on_stderr(
    served: Shell, typed: bytes, code: int, said: str
) -> None:
    ran = served.run("chat", "--plain", typed=typed)

    assert (ran.code, ran.out) == (code, "")
    assert ran.errors.startswith(f"chatune: {said}")
    assert ran.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "answer", "said"),
    [
        (b"bad \xff byte", "You said: bad \ufffd byte\n", "Some of it was not UTF-8"),
        (b"ring \x07 me", "You said: ring  me\n", "Control characters were removed."),
    ],
)
def test_what_can_be_mended_is_answered_and_the_person_is_told(
    served: Shell, typed: bytes, answer: str, said: str
) -> None:
    ran = served.run("chat", "--plain", typed=typed)

    assert (ran.code, ran.out) == (0, answer)
    assert ran.errors.startswith(f"chatune: {said}")


@pytest.mark.parametrize(
    "line",
    [
        "/memory on",
        "/memory show",
        "/feedback on",
        "/training",
        "/link",
        "/model scripted",
        "/reset",
    ],
)
def test_a_command_about_what_is_kept_says_that_a_pipe_keeps_nothing(
    served: Shell, line: str
) -> None:
    ran = served.run("chat", "--plain", typed=line)

    assert (ran.code, ran.out) == (2, "")
    assert f"A pipe keeps nothing, so {line.split()[0]} would have no effect; " in ran.errors


def test_a_command_that_keeps_nothing_is_answered(served: Shell) -> None:
    assert served.run("chat", "--plain", typed="/model").out == "* scripted: fake-model\n"


def test_a_model_that_is_not_configured_is_one_line(served: Shell) -> None:
    ran = served.run("chat", "--plain", "--model", "big", typed="hello")

    assert (ran.code, ran.out) == (1, "")
    assert ran.errors.startswith("chatune: No model is configured as 'big'. Configured: scripted.")
