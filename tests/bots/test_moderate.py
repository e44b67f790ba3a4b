"""`chatune moderate`: one text, a stream of lines, a picture, a sample."""

import json
import signal
from pathlib import Path

import pytest

from chatune_core.moderation.answers import REFUSED
from fakes.chat_server import ChatServer
from fakes.shell import Ran, Shell

CARD = "4539 1488 0343 6467"
NOBODY_THERE = json.dumps({"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "retries": 0})
EVERY = {"harassment", "hate", "sexual", "self_harm", "violence", "spam", "injection", "pii"}


@pytest.fixture
def ruled(shell: Shell, server: ChatServer) -> Shell:
    """A shell that moderates by rules alone, with a word list of its own; its model is scripted."""
    shell.configure(
        f'[models.scripted]\nkind = "openai"\nbase_url = "{server.base_url}"\n'
        'model = "fake-model"\ncontext_tokens = 4096\n'
        '[moderation]\nclassifier = "none"\n'
        '[moderation.words]\nharassment = ["rude.txt"]\nallow = ["fine.txt"]\n'
        '[moderation.links]\ndeny = ["bad.example"]\n'
        '[moderation.places."discord:1:2"]\nexempt_users = ["discord:9"]\n'
    )
    (shell.home / "rude.txt").write_text("# rude words\nblasted\nscoundrel*\n", encoding="utf-8")
    (shell.home / "fine.txt").write_text("blasted rock\n", encoding="utf-8")
    return shell


def answers(ran: Ran) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def test_one_text_is_explained(ruled: Shell) -> None:
    ran = ruled.run("moderate", f"you blasted fool, my card is {CARD}")

    assert ran.code == 0
    assert "verdict   act: something would be done at once" in ran.out
    assert "because   words.rude: harassment 1.00" in ran.out
    assert "you »blasted« fool" in ran.out
    assert f"»{CARD}«" in ran.out
    assert "model     none" in ran.out
    assert "policy    " in ran.out


def test_a_role_and_a_channel_may_be_given(ruled: Shell) -> None:
    public = ruled.run("moderate", f"card {CARD}")
    asked = ruled.run("moderate", f"card {CARD}", "--role", "user", "--channel", "discord:1:2")

    assert "verdict   review" in public.out
    assert "verdict   allow" in asked.out


def test_lines_are_answered_in_order_and_wrong_ones_get_an_error_in_their_place(
    ruled: Shell,
) -> None:
    lines = [
        json.dumps({"text": "you blasted fool"}),
        "not json",
        "",
        json.dumps({"text": 5}),
        json.dumps(["text"]),
        json.dumps({"text": "hello", "role": "king"}),
        json.dumps({"text": f"my card is {CARD}", "role": "assistant", "channel": "slack:T1:C1"}),
        "[" * 100_000,
        json.dumps({"text": "b l a s t e d", "channel": "discord:1:2", "user": "discord:9"}),
        json.dumps({"text": "a blasted rock and \ud800"}),
    ]

    ran = ruled.run("moderate", "--jsonl", typed="\n".join(lines))

    found = answers(ran)
    assert ran.code == 0
    assert len(found) == len(lines)
    assert [("error" in one) for one in found] == [False, *[True] * 5, False, True, False, False]
    assert found[0]["verdict"] == "act"
    assert found[0]["rules"] == ["words.rude"]
    assert found[0]["spans"] == [[4, 11, "words.rude"]]
    assert set(found[0]["scores"]) == EVERY  # type: ignore[call-overload]
    assert found[6]["verdict"] == "review"
    assert found[6]["spans"] == [[11, 30, "pii.card"]]
    assert (found[8]["verdict"], found[8]["rules"]) == ("allow", ["words.rude"])
    assert (found[9]["verdict"], found[9]["rules"]) == ("allow", [])


def test_odd_and_very_long_texts_have_answers(ruled: Shell) -> None:
    texts = [
        "",
        "😀😀",
        "\u202eblasted",
        "\u05e9\u05b8\u05dc\u05d5\u05dd",
        "x" * 1_000_000,
        "\u0000\u0007",
    ]

    ran = ruled.run("moderate", "--jsonl", typed="\n".join(json.dumps({"text": t}) for t in texts))

    assert [one["verdict"] for one in answers(ran)] == [
        "allow",
        "allow",
        "act",
        "allow",
        "allow",
        "allow",
    ]


def test_a_line_that_cannot_be_judged_now_says_so_in_its_place(ruled: Shell) -> None:
    ruled.environment["CHATUNE_MODERATION__CLASSIFIER"] = NOBODY_THERE

    ran = ruled.run("moderate", "--jsonl", typed='{"text": "hello"}\nnope\n{"text": ""}\n')

    found = [next(iter(one)) for one in answers(ran)]
    assert ran.code == 0
    assert found == ["error", "error", "error"]
    assert "moderation cannot check now" in ran.out.splitlines()[0]


def test_a_stream_is_answered_while_it_is_open_and_ends_with_ctrl_c(ruled: Shell) -> None:
    with ruled.running("moderate", "--jsonl") as process:
        process.say('{"text": "you blasted fool"}')

        assert json.loads(process.answer())["verdict"] == "act"
        process.signal(signal.SIGINT)
        assert process.ran().code == 130


def test_nothing_to_judge_is_nothing_said(ruled: Shell) -> None:
    ran = ruled.run("moderate", "--jsonl", typed="")

    assert (ran.code, ran.out, ran.errors) == (0, "", "")


def test_a_sample_is_counted_without_showing_it(ruled: Shell) -> None:
    sample = ruled.folder / "sample.txt"
    sample.write_text(f"hello\nyou blasted fool\n{CARD}\nblasted again\n", encoding="utf-8")

    ran = ruled.run("moderate", "calibrate", "sample.txt")
    shown = ruled.run("moderate", "calibrate", "sample.txt", "--show")

    assert ran.code == 0
    assert "4 texts judged" in ran.out
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["act", "2", "50.0%"] in rows
    assert ["review", "1", "25.0%"] in rows
    assert ["harassment", "act", "words.rude", "2", "50.0%", "2,", "4"] in rows
    assert ["pii", "review", "pii.card", "1", "25.0%", "3"] in rows
    assert "fool" not in ran.out
    assert "    2: you blasted fool" in shown.out


def test_a_sample_of_objects_counts_what_it_could_not_read(ruled: Shell) -> None:
    sample = ruled.folder / "sample.jsonl"
    sample.write_text('{"text": "blasted"}\nnope\n{"text": "fine"}\n', encoding="utf-8")

    ran = ruled.run("moderate", "calibrate", "sample.jsonl")

    assert "2 texts judged" in ran.out
    assert "1 lines could not be judged: 2" in ran.out


def test_shadow_mode_says_that_nothing_would_be_done(ruled: Shell) -> None:
    ruled.environment["CHATUNE_MODERATION__MODE"] = "shadow"

    ran = ruled.run("moderate", "you blasted fool")

    assert "verdict   act: in shadow mode it is only written down" in ran.out


def test_what_is_off_is_judged_all_the_same_and_says_so(ruled: Shell) -> None:
    ruled.environment["CHATUNE_MODERATION__MODE"] = "off"

    ran = ruled.run("moderate", "you blasted fool")

    assert "verdict   act" in ran.out
    assert ran.errors.startswith("chatune: moderation is off in the settings")


def test_a_conversation_is_moderated_as_the_settings_say(ruled: Shell, server: ChatServer) -> None:
    server.prompts.clear()

    refused = ruled.run("chat", "--plain", typed="you blasted fool")
    asked = len(server.prompts)
    answered = ruled.run("chat", "--plain", typed="you splendid fool")

    assert (refused.code, refused.out.strip()) == (0, REFUSED)
    assert asked == 0
    assert (answered.code, answered.out) == (0, "You said: you splendid fool\n")


def test_the_doctor_says_what_is_amiss_with_moderation(ruled: Shell) -> None:
    ruled.environment["CHATUNE_MODERATION__CLASSIFIER"] = NOBODY_THERE
    silent = ruled.run("doctor")
    (ruled.home / "rude.txt").unlink()
    gone = ruled.run("doctor")

    assert (
        "problem  moderation     moderation cannot check now: http://127.0.0.1:9/v1" in silent.out
    )
    assert "rude.txt cannot be read" in gone.out


def test_a_key_for_the_service_that_others_can_read_is_a_problem(ruled: Shell) -> None:
    file = ruled.home / "chatune.toml"
    file.write_text('[moderation.classifier]\nkind = "openai"\napi_key = "s3cret"\n')
    file.chmod(0o644)

    ran = ruled.run("doctor")

    assert f"{file} holds a key others can read." in ran.out
    assert "s3cret" not in ran.out


def test_a_bot_whose_moderation_is_down_says_nothing_unchecked(ruled: Shell) -> None:
    ruled.environment["CHATUNE_MODERATION__CLASSIFIER"] = NOBODY_THERE

    ran = ruled.run("chat", "--plain", typed="something secret")
    ruled.environment["CHATUNE_MODERATION__FAIL__ASSISTANT"] = "open"
    opened = ruled.run("chat", "--plain", typed="hello")

    assert ran.code == 1
    assert ran.out == ""
    assert ran.errors.startswith(
        "chatune: No answer: moderation cannot check now: http://127.0.0.1"
    )
    assert ran.errors.count("\n") == 1
    assert "secret" not in ran.errors
    assert opened.out == "You said: hello\n"


@pytest.mark.parametrize("content", [b"", b"\x89PNG but no more", b"plain text"])
def test_a_file_that_is_no_picture_is_one_clear_line(
    ruled: Shell, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "picture.png").write_bytes(content)

    ran = ruled.run("moderate", "--image", tmp_path / "picture.png")

    assert ran.code == 2
    assert ran.out == ""
    assert "picture.png is no picture of a kind that is looked at (PNG, JPEG, GIF" in ran.errors
    assert ran.errors.count("\n") == 1


def test_a_picture_that_is_broken_is_for_a_person(ruled: Shell, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n but no more")

    ran = ruled.run("moderate", "--image", picture)

    assert ran.code == 0
    assert "verdict   review" in ran.out
    assert "because   image:refused:" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "calibrate  Count what the policy would have flagged"),
        (("a text", "--jsonl"), "Give a text, or --jsonl, or --image FILE."),
        (("a text", "--role", "king"), "There is no role 'king'; choose one of user, assistant"),
        (("--image", "nowhere.png"), "nowhere.png cannot be read: No such file"),
        (("calibrate", "nowhere.txt"), "nowhere.txt cannot be read: No such file"),
    ],
)
def test_wrong_arguments_are_one_line(ruled: Shell, arguments: tuple[str, ...], said: str) -> None:
    ran = ruled.run("moderate", *arguments)

    assert said in ran.out + ran.errors
    assert "Traceback" not in ran.errors


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('words.hate = ["gone.txt"]', "gone.txt cannot be read: No such file"),
        ('words.hate = ["odd.txt"]', "The word list odd.txt: a listed word needs a letter"),
        ('links.deny = ["https://bad.example/x"]', "in moderation.links is no domain"),
        ('classifier = "nobody/has-this"', "The moderation model 'nobody/has-this' cannot be"),
    ],
)
def test_a_list_or_model_that_cannot_be_used_is_one_line(
    shell: Shell, text: str, said: str
) -> None:
    shell.configure(f"[moderation]\n{text}\n" + ('classifier = "none"\n' * ("class" not in text)))
    (shell.home / "odd.txt").write_text("***\n", encoding="utf-8")

    ran = shell.run("moderate", "hello")

    assert ran.code == 1
    assert said in ran.errors
    assert ran.errors.count("\n") == 1
