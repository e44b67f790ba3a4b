"""What every `Enforcer` does to a place; a platform joins with a place of its own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from chatune_core.errors import MeasureRefused
from chatune_core.moderation.cases import Measure
from contract.enforced_places import PLACES, EnforcedPlace

pytestmark = pytest.mark.anyio
UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)


@pytest.fixture(params=list(PLACES))
async def place(request: pytest.FixtureRequest) -> AsyncIterator[EnforcedPlace]:
    async with PLACES[request.param]() as opened:
        yield opened


def needs(place: EnforcedPlace, measure: Measure) -> None:
    if measure not in place.enforcer.measures:
        pytest.skip(f"{measure.value} is not possible here")


async def test_a_removed_message_is_gone_and_removing_it_again_is_fine(
    place: EnforcedPlace,
) -> None:
    needs(place, Measure.REMOVE)
    message, other = await place.post(), await place.post()

    await place.enforcer.remove(place.conversation, message)
    await place.enforcer.remove(place.conversation, message)

    assert not await place.shows(message)
    assert await place.shows(other)


async def test_a_flag_is_set_and_taken_away_however_often(place: EnforcedPlace) -> None:
    needs(place, Measure.FLAG)
    message = await place.post()

    for on in (True, True, False, False):
        await place.enforcer.flag(place.conversation, message, on=on)
        assert await place.flags(message) is on


async def test_a_time_out_lasts_until_its_end_or_until_it_is_lifted(place: EnforcedPlace) -> None:
    needs(place, Measure.TIME_OUT)

    for until in (UNTIL, UNTIL, UNTIL + timedelta(hours=1), None, None):
        await place.enforcer.time_out(place.conversation, place.user, until)
        assert await place.silences() == until


async def test_slow_mode_is_set_and_lifted_however_often(place: EnforcedPlace) -> None:
    needs(place, Measure.SLOW_DOWN)

    for pause in (timedelta(seconds=30), timedelta(seconds=30), timedelta(0), timedelta(0)):
        await place.enforcer.slow_down(place.conversation, pause)
        assert await place.pause() == pause


async def test_what_the_bot_has_no_right_to_is_refused_with_a_reason(place: EnforcedPlace) -> None:
    needs(place, Measure.REMOVE)
    message = await place.post()
    await place.take_rights()

    with pytest.raises(MeasureRefused, match=r"\w"):
        await place.enforcer.remove(place.conversation, message)

    assert await place.shows(message)


async def test_an_aside_is_on_the_same_platform(place: EnforcedPlace) -> None:
    aside = place.enforcer.aside(place.conversation, place.user)

    assert aside.partition(":")[0] == place.conversation.partition(":")[0]
