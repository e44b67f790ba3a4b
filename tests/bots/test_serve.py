"""`chatune serve` with the console as its platform."""

import signal
import subprocess

from fakes.chat_server import HANGS
from fakes.shell import Shell


def _first_line(stream: object) -> str:
    assert hasattr(stream, "readline")
    return bytes(stream.readline()).decode()


def test_each_line_is_answered_in_order_until_the_input_ends(served: Shell) -> None:
    ran = served.run("serve", typed=b"one\n\n/nope\ntwo \xff\nthree")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "You said: one",
        "There is no command /nope. /help lists them.",
        "You said: two \ufffd",
        "You said: three",
    ]
    assert "chatune: ready: fake-model at http://127.0.0.1" in ran.errors
    assert "Some of it was not UTF-8 and was replaced." in ran.errors


def test_at_a_signal_the_running_answer_is_finished_and_no_more_is_read(served: Shell) -> None:
    process = served.start("serve")
    assert process.stdin
    _first_line(process.stderr)
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    assert _first_line(process.stdout) == "You said: hello\n"

    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=20)

    assert (process.returncode, out) == (0, b"")
    assert b"ending: the running answer has 30 s" in errors


def test_an_answer_that_outlasts_the_limit_is_left_for_the_next_start(served: Shell) -> None:
    served.environment["CHATUNE_SERVE__DRAIN_S"] = "0"
    process = served.start("serve")
    assert process.stdin
    _first_line(process.stderr)
    process.stdin.write(HANGS.encode() + b"\n")
    process.stdin.flush()
    _until_asked(process, served)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def _until_asked(process: "subprocess.Popen[bytes]", shell: Shell) -> None:
    pass


def test_without_a_platform_there_is_one_clear_line(served: Shell) -> None:
    served.environment["CHATUNE_SERVE__PLATFORMS"] = "[]"

    ran = served.run("serve")

    assert (ran.code, ran.out) == (1, "")
    assert ran.errors == (
        'chatune: No platform is configured. Set serve.platforms, as in platforms = ["console"].\n'
    )
