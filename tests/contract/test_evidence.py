"""What may be learned from: read where everybody agreed, counted where somebody did not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.learning.ports import Gathered
from chatune_core.learning.rows import LeftOut
from chatune_core.messages import ConversationId, EventKey, UserId
from chatune_core.outcomes import (
    AnswerCorrected,
    AnswerPreferred,
    AnswerRated,
    ConsentChanged,
    MessageErased,
    RatingWithdrawn,
)
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import AT, generated, handle, said

pytestmark = pytest.mark.anyio
ASKER, OTHER, VOTER = (UserId(f"terminal:{name}") for name in ("asker", "other", "voter"))
EVERYBODY = (ASKER, OTHER, VOTER)
ROOM, PLATFORM = ConversationId("terminal:room"), ConversationId("discord:1:room")
FIRST, SECOND = EventKey("test:1"), EventKey("test:2")
LATER = AT + timedelta(minutes=1)
RATED = AnswerRated(FIRST, VOTER, 1, AT, "a reason")
CORRECTED = AnswerCorrected(FIRST, VOTER, "a better answer", AT)
PREFERRED = AnswerPreferred(SECOND, FIRST, VOTER, "choice", AT)
Judgement = AnswerRated | AnswerCorrected | AnswerPreferred
ALL: tuple[Judgement, ...] = (RATED, CORRECTED, PREFERRED)


async def agree(stores: Stores, *users: UserId, granted: bool = True) -> None:
    for user in users:
        await stores.consents.record(user, Purpose.TRAINING, granted, "test:agree")


async def answered(
    stores: Stores,
    *judgements: Judgement,
    user: UserId = ASKER,
    others: tuple[UserId, ...] = (OTHER,),
    room: ConversationId = ROOM,
) -> None:
    """Have one question answered twice, heard by `others`, and have it judged."""
    first = generated("1", "a question", "an answer", room, user, heard=others)
    second = generated("2", "a question", "another", room, user, LATER, question="1", heard=others)
    await handle(stores, said("1", room=room, user=user), first)
    await handle(stores, said("2", room=room, user=user), second)
    await handle(stores, said("3", room=room, user=VOTER), *judgements)


async def read(stores: Stores, *, permitted: bool = False) -> Gathered:
    return await stores.evidence.gathered(platforms_permitted=permitted)


async def withheld(stores: Stores, *, permitted: bool = False) -> Mapping[LeftOut, int]:
    """Return what was withheld, of stores in which nothing may be read."""
    gathered = await read(stores, permitted=permitted)
    assert (list(gathered.answers), list(gathered.preferences)) == ([], [])
    return gathered.withheld


async def test_an_answer_comes_with_what_people_said_of_it(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    await answered(stores, RATED, CORRECTED, PREFERRED)

    gathered = await read(stores)

    first, second = gathered.answers
    assert (first.answer, first.question, first.conversation) == (FIRST, FIRST, ROOM)
    assert (second.answer, second.question, second.at) == (SECOND, FIRST, LATER)
    assert (first.asker, first.people, first.at) == (ASKER, frozenset({ASKER, OTHER}), AT)
    assert (first.model, first.lora) == ("small", "terse")
    assert [(each.role, each.content) for each in first.prompt] == [("user", "a question")]
    assert (first.completion, second.completion) == ("an answer", "another")
    assert first.votes == (replace(RATED, reason=""),), "why they voted so is not read"
    assert first.corrections == (CORRECTED,)
    assert (second.votes, second.corrections) == ((), ())
    assert list(gathered.preferences) == [PREFERRED]
    assert dict(gathered.withheld) == {}


async def test_what_nobody_judged_is_not_read(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    await answered(stores)

    assert await withheld(stores) == {}


async def test_votes_and_answers_come_oldest_first(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    early, late = replace(RATED, user=OTHER), replace(RATED, at=LATER)
    await answered(stores, late, replace(RATED, answers=SECOND), early)

    gathered = await read(stores)

    assert [each.answer for each in gathered.answers] == [FIRST, SECOND]
    assert [vote.user for vote in gathered.answers[0].votes] == [OTHER, VOTER]


@pytest.mark.parametrize("silent", EVERYBODY, ids=["asker", "heard", "voter"])
async def test_nothing_is_read_unless_everybody_agreed(stores: Stores, silent: UserId) -> None:
    await agree(stores, *(user for user in EVERYBODY if user != silent))
    await answered(stores, *ALL)

    assert await withheld(stores) == {LeftOut.NOT_AGREED: 3}


@pytest.mark.parametrize("leaver", EVERYBODY, ids=["asker", "heard", "voter"])
async def test_a_withdrawn_consent_takes_everything_out_at_the_next_read(
    stores: Stores, leaver: UserId
) -> None:
    await agree(stores, *EVERYBODY)
    await answered(stores, *ALL)
    assert len((await read(stores)).answers) == 2

    off = ConsentChanged(leaver, Purpose.TRAINING, granted=False, source="test:off", at=AT)
    await handle(stores, said("off", user=leaver), off)

    assert await withheld(stores) == {LeftOut.NOT_AGREED: 3}
    await agree(stores, leaver)
    assert len((await read(stores)).answers) == 2


async def test_another_consent_is_not_a_consent_to_training(stores: Stores) -> None:
    await agree(stores, ASKER, OTHER)
    for purpose in (Purpose.MEMORY, Purpose.FEEDBACK):
        await stores.consents.record(VOTER, purpose, granted=True, source="test:1")
    await answered(stores, RATED)

    assert await withheld(stores) == {LeftOut.NOT_AGREED: 1}


async def test_withdrawing_another_consent_leaves_this_one(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    await stores.consents.record(VOTER, Purpose.MEMORY, granted=False, source="test:1")
    await answered(stores, RATED)

    assert len((await read(stores)).answers) == 1


async def test_one_vote_of_many_is_withheld_alone(stores: Stores) -> None:
    await agree(stores, ASKER, OTHER)
    await answered(stores, RATED, replace(CORRECTED, user=ASKER))

    gathered = await read(stores)

    [answer] = gathered.answers
    assert (answer.votes, len(answer.corrections)) == ((), 1)
    assert dict(gathered.withheld) == {LeftOut.NOT_AGREED: 1}


@pytest.mark.parametrize("stranger", ["asker", "heard", "voter", "room"])
async def test_what_is_of_a_platform_is_read_with_permission_alone(
    stores: Stores, stranger: str
) -> None:
    elsewhere = UserId("slack:T1:U1")
    await agree(stores, *EVERYBODY, elsewhere)
    await answered(
        stores,
        *(replace(each, user=elsewhere) if stranger == "voter" else each for each in ALL),
        user=elsewhere if stranger == "asker" else ASKER,
        others=(elsewhere if stranger == "heard" else OTHER,),
        room=PLATFORM if stranger == "room" else ROOM,
    )

    assert await withheld(stores) == {LeftOut.NOT_PERMITTED: 3}
    assert len((await read(stores, permitted=True)).answers) == 2


async def test_a_permission_is_no_consent(stores: Stores) -> None:
    await agree(stores, ASKER, OTHER)
    await answered(stores, RATED, room=PLATFORM)

    assert await withheld(stores, permitted=True) == {LeftOut.NOT_AGREED: 1}


async def test_a_platform_that_only_sounds_like_the_terminal_needs_permission(
    stores: Stores,
) -> None:
    stranger = UserId("terminals:1")
    await agree(stores, *EVERYBODY, stranger)
    await answered(stores, replace(RATED, user=stranger))

    assert await withheld(stores) == {LeftOut.NOT_PERMITTED: 1}


async def test_an_answer_whose_people_are_not_known_is_not_read(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    for key in "12":
        made = replace(generated(key, room=ROOM, user=ASKER, question="1"), heard=())
        await handle(stores, said(key, room=ROOM, user=ASKER), made)
    await handle(stores, said("3", room=ROOM, user=VOTER), *ALL)

    assert await withheld(stores) == {LeftOut.UNATTRIBUTED: 3}


async def test_a_deleted_message_takes_its_answers_out(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    await answered(stores, *ALL)

    await handle(stores, said("4", room=ROOM), MessageErased(ROOM, SECOND))
    gathered = await read(stores)
    await handle(stores, said("5", room=ROOM), MessageErased(ROOM, FIRST))

    # The prompt of the second answer may repeat the first, never the other way round.
    assert [(each.answer, len(each.votes)) for each in gathered.answers] == [(FIRST, 1)]
    assert list(gathered.preferences) == []
    assert dict(gathered.withheld) == {LeftOut.FORGOTTEN: 1}
    assert await withheld(stores) == {LeftOut.FORGOTTEN: 2}, "its correction is gone altogether"


@pytest.mark.parametrize("leaver", EVERYBODY, ids=["asker", "heard", "voter"])
async def test_an_erased_person_takes_everything_of_theirs_out(
    stores: Stores, leaver: UserId
) -> None:
    await agree(stores, *EVERYBODY)
    await answered(stores, RATED, CORRECTED, PREFERRED)

    await stores.personal_data.erase(leaver)

    assert await withheld(stores) == ({LeftOut.FORGOTTEN: 3} if leaver == OTHER else {})


async def test_what_the_asker_has_forgotten_is_out(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    await answered(stores, RATED, PREFERRED)

    await stores.memories.forget(ASKER)

    assert await withheld(stores) == {LeftOut.FORGOTTEN: 2}


async def test_a_vote_that_was_taken_back_is_out(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    await answered(stores, RATED)

    await handle(stores, said("4", room=ROOM), RatingWithdrawn(FIRST, VOTER, 1))

    assert await withheld(stores) == {}


async def test_a_vote_on_an_answer_that_there_is_not_is_out(stores: Stores) -> None:
    await agree(stores, *EVERYBODY)
    unknown = EventKey("test:unknown")
    await answered(stores, replace(RATED, answers=unknown), replace(PREFERRED, rejected=unknown))

    assert await withheld(stores) == {LeftOut.FORGOTTEN: 2}


async def test_texts_outlive_their_age_as_long_as_their_person_agrees(
    stores: Stores, clock: FakeClock
) -> None:
    await agree(stores, *EVERYBODY)
    await answered(stores, RATED)
    clock.advance(timedelta(days=365))

    await stores.retention.purge(timedelta(days=30))
    assert len((await read(stores)).answers) == 1

    await agree(stores, ASKER, granted=False)
    await stores.retention.purge(timedelta(days=30))
    await agree(stores, ASKER)
    assert await withheld(stores) == {LeftOut.FORGOTTEN: 1}


async def test_linked_identities_are_told_to_be_one_person(stores: Stores) -> None:
    await stores.links.offer(VOTER, "a code", timedelta(minutes=5))
    await stores.links.accept(OTHER, "a code")
    await agree(stores, *EVERYBODY)
    await answered(stores, RATED)

    gathered = await read(stores)

    assert dict(gathered.same_person) == {OTHER: OTHER, VOTER: OTHER}


async def test_judgements_are_counted_by_kind_whoever_agreed(stores: Stores) -> None:
    bad, again = replace(RATED, answers=SECOND, score=-1), replace(PREFERRED, how="again")
    await answered(stores, RATED, bad, CORRECTED, replace(again, user=ASKER), PREFERRED)

    assert dict(await stores.evidence.counted()) == {
        "good": 1, "bad": 1, "corrections": 1, "choices": 1, "agains": 1,
    }  # fmt: skip


async def test_empty_stores_have_nothing(stores: Stores) -> None:
    assert await withheld(stores) == {}
    assert not any((await stores.evidence.counted()).values())
