from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chatune_core.memory.values import Kind, Memory, MemoryId
from chatune_core.messages import ConversationId, EventKey, UserId

AT = datetime(2026, 3, 1, tzinfo=UTC)
MEMORY = Memory(
    MemoryId("m1"), UserId("console:ada"), "I am vegan.", Kind.PREFERENCE, EventKey("console:1"),
    AT, AT, ConversationId("console:desk"), slot="food.diet", polarity=1,
)  # fmt: skip


def test_a_memory_is_current_until_it_ends_or_another_takes_its_place() -> None:
    assert MEMORY.current
    assert not replace(MEMORY, valid_to=AT).current
    assert not replace(MEMORY, superseded_by=MemoryId("m2")).current


@pytest.mark.parametrize(
    "wrong",
    [
        {"slot": "Food"},
        {"slot": "food."},
        {"slot": "food.diet\n"},
        {"polarity": 2},
        {"confidence": 1.5},
        {"confidence": float("nan")},
    ],
)
def test_a_memory_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(MEMORY, **wrong)
