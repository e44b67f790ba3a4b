"""`chatune serve` with the console as its platform."""

from fakes.chat_server import HANGS, ChatServer
from fakes.shell import Shell, wait_until


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


def test_at_a_signal_no_more_is_read_and_the_process_ends_well(served: Shell) -> None:
    with served.serving() as bot:
        bot.say("hello")
        assert bot.answer() == "You said: hello"

        assert bot.told_to_end() == (0, "")


def test_an_answer_that_outlasts_the_limit_is_given_at_the_next_start(
    served: Shell, server: ChatServer
) -> None:
    served.environment["CHATUNE_SERVE__DRAIN_S"] = "0"
    with served.serving() as first:
        first.say(HANGS)
        wait_until(lambda: server.prompts and server.prompts[-1][-1]["content"] == HANGS)
        assert first.told_to_end() == (0, "")

    server.hangs = False
    with served.serving() as second:
        assert second.answer() == f"You said: {HANGS}"


LOOKS = """
import gc
from chatune_core.bots import Bot, Context
bot = Bot()
@bot.command("looks", help="How often 5,000 new objects are looked through, and old ones with them.")
async def looks(context: Context) -> str:
    before = sum(one["collections"] for one in gc.get_stats())
    new = [[] for _ in range(5000)]
    after = sum(one["collections"] for one in gc.get_stats())
    return f"{after - before} {any(one is bot for one in gc.get_objects())}"
"""


def test_a_turn_is_not_held_up_to_look_for_garbage_in_what_stays(served: Shell) -> None:
    (served.folder / "my_bot.py").write_text(LOOKS)

    looks, old_too = served.run("serve", "--bot", "my_bot.py", typed="/looks\n").out.split()

    assert int(looks) <= 1, "the usual is a look every 700"
    assert old_too == "False", "what was there at the start is left alone"


def test_without_a_platform_there_is_one_clear_line(served: Shell) -> None:
    served.environment["CHATUNE_SERVE__PLATFORMS"] = "[]"

    ran = served.run("serve")

    assert (ran.code, ran.out) == (1, "")
    assert ran.errors == (
        'chatune: No platform is configured. Set serve.platforms, as in platforms = ["console"].\n'
    )
