"""Nothing forbidden is ever shown, however the text is cut into pieces."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatune_core.moderation.screen import HOLD, STEP, Screen, Withheld
from chatune_core.moderation.verdicts import Category, Finding, Level, Verdict

pytestmark = pytest.mark.anyio
FORBIDDEN = "the secret recipe of the house"
FILLER = "It was a long day, and the boats came home. Some said so, others did not! "


class Reader:
    """A check that finds one passage; remembers how much it was given to read."""

    def __init__(self) -> None:
        self.read = 0

    async def check(self, text: str) -> Verdict:
        self.read += len(text)
        hit = FORBIDDEN in text
        finding = Finding(Category.PII, 1.0, "words:recipe")
        return Verdict(Level.ACT if hit else Level.ALLOW, {}, (finding,) if hit else ())


async def shown_of(text: str, cuts: list[int], screen: Screen) -> list[str]:
    """Let `text` through in pieces that end at `cuts`; return all that was ever shown."""
    seen = []
    try:
        for end in [*sorted(cuts), len(text)]:
            seen.append(await screen.shown(text[:end]))
        await screen.whole(text)
        seen.append(text)
    except Withheld:
        pass
    return seen


async def test_no_forbidden_character_is_shown_in_a_thousand_chunkings() -> None:
    chance = random.Random(7)
    for _ in range(1000):
        before = (FILLER * 20)[: chance.randrange(1200)]
        text = before + FORBIDDEN + (FILLER * 10)[: chance.randrange(600)]
        cuts = [chance.randrange(len(text) + 1) for _ in range(chance.randrange(1, 200))]

        seen = await shown_of(text, cuts, Screen(Reader().check))

        assert all(len(shown) <= len(before) for shown in seen)


@given(st.text(max_size=2000), st.lists(st.integers(0, 2000), max_size=60))
@settings(deadline=None)
async def test_what_is_shown_only_grows_and_is_the_text_itself(text: str, cuts: list[int]) -> None:
    screen = Screen(Reader().check)

    seen = await shown_of(text, [min(cut, len(text)) for cut in cuts], screen)

    assert seen[-1] == text
    for earlier, later in itertools.pairwise(seen):
        assert later.startswith(earlier)


async def test_a_check_costs_no_more_than_a_few_times_the_text() -> None:
    reader, text = Reader(), FILLER * 100
    screen = Screen(reader.check)

    for end in range(0, len(text), 5):
        await screen.shown(text[:end])

    assert reader.read < 15 * len(text)


async def test_in_shadow_mode_everything_is_shown_at_once_and_checked_once_at_the_end() -> None:
    reader, text = Reader(), FILLER * 10
    screen = Screen(reader.check, shadow=True)

    assert [await screen.shown(text[:end]) for end in (1, 7, 80)] == [text[:1], text[:7], text[:80]]
    await screen.whole(text)

    assert reader.read == len(text)


async def test_what_was_checked_is_shown_but_for_its_end() -> None:
    screen, text = Screen(Reader().check), "a" * (STEP + HOLD)

    assert await screen.shown(text[: STEP - 1]) == ""
    assert len(await screen.shown(text)) == STEP
