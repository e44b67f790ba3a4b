"""The walk in docs/memory.md does what the page says, line by line, and its settings load."""

import re
import tomllib
from pathlib import Path

from chatune_bots.memory_settings import MemorySection
from chatune_bots.settings import Settings
from chatune_core.messages import ConversationId
from fakes.shell import Shell

PAGE = (Path(__file__).parents[2] / "docs" / "memory.md").read_text(encoding="utf-8")
WALK = [
    line
    for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
_DATE = re.compile(r"\(\d\d \w{3} \d{4}")


def undated(line: str) -> str:
    return _DATE.sub("(DATE", line)


def test_every_step_of_the_walk_says_what_the_page_says(served: Shell) -> None:
    typed = [line.removeprefix("> ") for line in WALK if line.startswith("> ")]
    said = [line for line in WALK if not line.startswith("> ")]

    ran = served.run("serve", typed="\n".join(typed) + "\n")

    assert len(typed) == 12
    lines = iter([undated(line) for line in ran.out.splitlines()])
    anything = False
    for expected in said:
        if expected == "…":
            anything = True
            continue
        found = next((line for line in lines if line == undated(expected) or not anything), None)
        assert found == undated(expected), ran.out
        anything = False
    [file] = (served.home / "files").iterdir()
    assert "I love black coffee." in file.read_text(encoding="utf-8")

    [erase] = re.findall(r"^chatune (data erase .*)$", PAGE, re.MULTILINE)
    assert served.run(*erase.split()).code == 0
    assert "memory is off" in served.run("memory", "show", "terminal:ann").out


def test_the_settings_of_the_page_load_and_mean_what_it_says() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    memory = Settings(**tomllib.loads(example)).memory

    assert not memory.allows(ConversationId("discord:81384788765712384:1"))
    assert memory.allows(ConversationId("discord:1:1"))
    assert not MemorySection(enabled=False).allows(ConversationId("discord:1:1"))
