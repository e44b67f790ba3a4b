"""`chatune memory`: what an operator does for a person who asks; and what the settings allow."""

import json

import pytest
from pydantic import ValidationError

from chatune_bots.memory import is_private
from chatune_bots.memory_settings import MemorySection
from chatune_core.messages import ConversationId
from fakes.shell import Shell

pytestmark = pytest.mark.timeout(180)
LINES = "/memory on\nRemember that I love green tea.\nRemember that my bike is red.\n"


def test_an_operator_sees_exports_and_forgets_and_the_audit_log_says_so(served: Shell) -> None:
    served.run("serve", typed=LINES)

    shown = served.run("memory", "show", "terminal:ann")
    assert shown.errors == ""
    lines = shown.out.splitlines()
    assert lines[0] == "terminal:ann: memory is on"
    assert [line.split(" (")[0] for line in lines[1:]] == [
        "1. I love green tea.",
        "2. My bike is red.",
    ]

    exported = json.loads(served.run("memory", "export", "terminal:ann").out)
    assert [memory["text"] for memory in exported["memories"]][1:] == ["My bike is red."]

    wrong = served.run("memory", "forget", "terminal:ann", "7")
    assert (wrong.code, "No such numbers" in wrong.errors) == (2, True)
    assert "  1 memories" in served.run("memory", "forget", "terminal:ann", "1").out.splitlines()

    served.run("memory", "off", "terminal:ann")
    refused = served.run("memory", "forget-all", "terminal:ann", typed="n\n")
    assert refused.errors.endswith("chatune: Nothing was forgotten.\n")
    assert served.run("memory", "forget-all", "--yes", "terminal:ann").code == 0

    left = served.run("memory", "show", "terminal:ann").out.splitlines()
    assert left == ["terminal:ann: memory is off", "I remember nothing about you."]
    actions = [line.split()[2] for line in served.run("data", "audit").out.splitlines()]
    assert actions == [
        "memory.show", "memory.forget-all", "memory.off", "memory.forget", "memory.export",
        "memory.show",
    ]  # fmt: skip


def test_memory_works_everywhere_unless_the_settings_say_otherwise() -> None:
    section = MemorySection(
        places={"slack": False, "slack:T1:C1": True, "discord:1": False, "discord:1:2": True}
    )

    for place, allowed in {
        "terminal-1:x": True, "slack:T1:C2": False, "slack:T1:C1": True, "slack:T1:C1:1.2": True,
        "discord:1:3": False, "discord:1:2": True, "discord:12:3": True, "discord:@me:1": True,
    }.items():  # fmt: skip
        assert section.allows(ConversationId(place)) is allowed, place
    assert not MemorySection(enabled=False).allows(ConversationId("slack:T1:C1"))


def test_a_place_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError):
        MemorySection(places={"Discord Guild": True})


def test_direct_messages_and_terminals_are_private_and_channels_are_not() -> None:
    for place in ("terminal-12:x", "terminal:x", "console-1:standard-input", "discord:@me:7",
                  "slack:T1:D5", "slack:T1:D5:1.2"):  # fmt: skip
        assert is_private(ConversationId(place)), place
    for place in ("discord:1:7", "slack:T1:C5", "slack:T1:C5:1.2", "elsewhere:1"):
        assert not is_private(ConversationId(place)), place
