"""Pictures of a post are looked at within bounds of time and number."""

from collections.abc import Sequence
from datetime import timedelta

import anyio
import pytest

from chatune_core.errors import ConfigurationError
from chatune_core.messages import Attachment
from chatune_core.moderation.moderator import Moderator
from chatune_core.moderation.pictures import MOST, UNREAD, Pictures
from chatune_core.moderation.policy import Policy
from chatune_core.moderation.verdicts import Category, Finding
from fakes.town import RED, RedIsNaked, Town

pytestmark = pytest.mark.anyio


class SlowAfterOne:
    """Fulfils `Files`; hands out the first file and never another."""

    def __init__(self) -> None:
        self.asked = 0

    async def read(self, attachment: Attachment, limit_bytes: int) -> bytes:
        self.asked += 1
        if self.asked > 1:
            await anyio.sleep_forever()
        return RED


class Broken:
    """A picture rule whose model is not installed."""

    name = "broken"

    def find(self, data: bytes) -> Sequence[Finding]:
        raise ConfigurationError("There is no model.", "Install it.")


def moderator(rule: RedIsNaked | Broken) -> Moderator:
    return Moderator([], None, Policy({}), pictures=rule)


async def test_what_cannot_be_had_in_time_is_noted_and_the_rest_is_looked_at() -> None:
    posted = Town().posted("look", pictures={f"{at}.png": RED for at in range(3)})
    pictures = Pictures(moderator(RedIsNaked()), {"test": SlowAfterOne()}, timedelta(seconds=0.2))

    looked = await pictures.of(posted)

    assert [(one.number, one.findings[0].rule) for one in looked] == [
        (1, "image:explicit"),
        (2, UNREAD),
        (3, UNREAD),
    ]


async def test_no_more_attachments_are_fetched_than_a_platform_takes() -> None:
    town = Town()
    posted = town.posted("look", pictures={f"{at}.png": RED for at in range(MOST + 5)})

    looked = await Pictures(moderator(RedIsNaked()), {"test": town.files}).of(posted)

    assert len(looked) == MOST


async def test_without_a_model_for_pictures_nothing_is_held_up() -> None:
    town = Town()
    posted = town.posted("look", pictures={"a.png": RED})

    [looked] = await Pictures(moderator(Broken()), {"test": town.files}).of(posted)
    off = await Pictures(Moderator([], None, Policy({})), {"test": town.files}).of(posted)

    assert looked.findings == (Finding(Category.SEXUAL, 0.0, UNREAD),)
    assert off == ()
