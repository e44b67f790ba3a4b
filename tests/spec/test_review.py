"""Moderators decide about cases, authors appeal, and what was done can be taken back."""

from datetime import timedelta

import pytest

from chatune_core.bots import Bot, Context
from chatune_core.errors import ConfigurationError, RetryLater
from chatune_core.messages import ConversationId, EventKey, MessageDeleted, Reply, WorkspaceId
from chatune_core.moderation.appeals import NOBODY_THERE, NOT_YOURS, OPEN, THANKS
from chatune_core.moderation.cases import CaseState, Measure
from chatune_core.moderation.desk import UNKNOWN
from chatune_core.moderation.review import ANOTHER, NOT_HERE, YOUR_OWN
from chatune_core.moderation.verdicts import Category
from chatune_core.moderation.watching import Watching
from chatune_core.outcomes import WorkspaceErased
from fakes.events import handle, said
from fakes.town import ANN, BEN, DESK, MAX, MIA, RED, SQUARE, Town, actions

pytestmark = pytest.mark.anyio
CLAIM, UPHOLD, UNDO, ALLOW = "case-claim", "case-uphold", "case-undo", "case-allow"
FORBID = "case-forbid"
ASIDE = "test:aside:ann"


@pytest.fixture
def town() -> Town:
    return Town()


async def state(town: Town, number: int = 0) -> CaseState:
    return (await town.cases())[number].state


def told(sent: list[Reply]) -> list[Reply]:
    """Return what the author was told."""
    return [reply for reply in sent if reply.conversation == ASIDE]


async def test_a_claim_shows_who_looks_and_any_moderator_may_still_decide(town: Town) -> None:
    card, _ = await town.post("a foulword")

    [claimed] = await town.press(card, CLAIM)
    [upheld] = await town.press(claimed, UPHOLD, MAX)

    assert claimed.replaces == f"shown:{card.answers}"
    assert "`test:mia` looks at this." in claimed.text
    assert actions(claimed) == [CLAIM, UPHOLD, UNDO, ALLOW]
    assert "Upheld by `test:max`" in upheld.text
    assert await state(town) is CaseState.UPHELD


async def test_upholding_leaves_what_was_done_and_the_card_shows_what_is_left_to_do(
    town: Town,
) -> None:
    card, _ = await town.post("a foulword")

    [upheld] = await town.press(card, UPHOLD)

    assert (upheld.conversation, upheld.replaces) == (DESK, f"shown:{card.answers}")
    assert "a »foulword«" in upheld.text
    assert actions(upheld) == [UNDO, ALLOW]
    assert len(town.enforcer.removed) == 1


async def test_undoing_puts_the_text_back_lifts_what_can_be_lifted_and_tells_the_author(
    town: Town,
) -> None:
    card, _ = await town.post("that is hateful\nin two lines")
    assert set(town.enforcer.timed_out) == {ANN}

    undone, again, notice = await town.press(card, UNDO)

    assert again.conversation == SQUARE
    assert again.text.splitlines()[1:] == ["> that is hateful", "> in two lines"]
    assert "`test:ann` wrote, and a moderator has put it back" in again.text
    assert town.enforcer.timed_out == {}
    assert "The text was posted again. The time-out is lifted." in undone.text
    assert "Undone by `test:mia`" in undone.text
    assert (notice.conversation, notice.private, notice.buttons) == (ASIDE, True, ())
    assert "taken back" in notice.text


async def test_flags_and_slow_mode_are_taken_back_too(town: Town) -> None:
    town.enforcer.refused[Measure.REMOVE] = "no"
    card = (await town.post("see https://bad.example/x"))[0]
    assert town.enforcer.flagged
    assert town.enforcer.pauses

    [undone, *_] = await town.press(card, UNDO)

    assert town.enforcer.untouched
    assert "The flag is gone. Slow mode is off." in undone.text


async def test_whatever_is_pressed_twice_happens_once(town: Town) -> None:
    card, _ = await town.post("a foulword")

    first = await town.press(card, UNDO)
    second = await town.press(card, UNDO)

    assert len(first) == 3
    assert all(reply.conversation == DESK for reply in second)
    assert [each for each in await town.audited() if "undone" in each] == ["case undone"]


async def test_of_two_moderators_the_second_reads_how_it_stands(town: Town) -> None:
    card, _ = await town.post("a foulword")
    await town.press(card, UPHOLD, MIA)

    standing, renewed = await town.press(card, UNDO, MAX)

    assert standing.private
    assert standing.text.startswith("Upheld by `test:mia`")
    assert renewed.replaces == f"shown:{card.answers}"
    assert actions(renewed) == [UNDO, ALLOW]
    assert await state(town) is CaseState.UPHELD
    assert len(town.enforcer.removed) == 1


async def test_who_upheld_may_have_second_thoughts(town: Town) -> None:
    card, _ = await town.post("a foulword")
    [upheld] = await town.press(card, UPHOLD)

    await town.press(upheld, UNDO)

    assert await state(town) is CaseState.UNDONE


@pytest.mark.parametrize("action", [CLAIM, UPHOLD, UNDO, ALLOW])
async def test_outside_a_moderators_channel_a_press_does_nothing_but_a_private_line(
    town: Town, action: str
) -> None:
    card, _ = await town.post("a foulword")
    before = await town.audited()

    [line] = await town.press(card, action, BEN, SQUARE)

    assert (line.text, line.private, line.conversation) == (NOT_HERE, True, SQUARE)
    assert await state(town) is CaseState.OPEN
    assert await town.audited() == before


async def test_a_thread_in_the_moderators_channel_is_theirs_too(town: Town) -> None:
    card, _ = await town.post("a foulword")

    await town.press(card, UPHOLD, MIA, ConversationId(f"{DESK}:thread"))

    assert await state(town) is CaseState.UPHELD


async def test_nobody_decides_about_a_message_of_their_own(town: Town) -> None:
    card, _ = await town.post("a foulword", MIA)

    [line] = await town.press(card, UNDO, MIA)

    assert (line.text, line.private) == (YOUR_OWN, True)
    assert await state(town) is CaseState.OPEN


async def test_a_case_that_is_gone_is_said_to_be(town: Town) -> None:
    card, _ = await town.post("a foulword")
    await town.stores.personal_data.erase(ANN)

    [line] = await town.press(card, UNDO)

    assert (line.text, line.private) == (UNKNOWN, True)


async def test_allowed_words_pass_from_now_on_in_any_disguise_and_other_words_do_not(
    town: Town,
) -> None:
    card, _ = await town.post("a foulword")

    [allowed, *_] = await town.press(card, ALLOW)

    assert "Allowed here from now on." in allowed.text
    assert await state(town) is CaseState.UNDONE
    assert await town.post("another F O U L W O R D", BEN) == []
    [other, _] = await town.post("badname and foulword", BEN)
    assert "»badname« and foulword" in other.text


async def test_of_what_a_model_found_the_very_text_is_allowed(town: Town) -> None:
    card, _ = await town.post("This is hateful.")

    await town.press(card, ALLOW)

    assert await town.post("this is HATEFUL.", BEN) == []
    assert len(await town.post("this is hateful, too", BEN)) == 2


async def test_an_allowed_name_and_an_allowed_picture_are_known_again(town: Town) -> None:
    named = town.posted("hello", name="Badname")
    seen = town.posted("look", pictures={"a.png": RED})
    for posted in (named, seen):
        [card, _] = await town.happen(posted)
        await town.press(card, ALLOW)

    assert await town.happen(town.posted("hi", BEN, name="badname")) == []
    assert await town.happen(town.posted("see", BEN, pictures={"b.png": RED})) == []
    assert len(await town.happen(town.posted("see", BEN, pictures={"c.png": RED + b"!"}))) == 2


async def test_what_was_undone_may_still_be_allowed(town: Town) -> None:
    card, _ = await town.post("a foulword")
    [undone, *_] = await town.press(card, UNDO)

    [allowed] = await town.press(undone, ALLOW)

    assert actions(undone) == [ALLOW]
    assert "Allowed here from now on." in allowed.text
    assert await town.post("foulword", BEN) == []


async def test_what_was_allowed_is_forbidden_again_by_a_button_that_takes_the_place_of_allow(
    town: Town,
) -> None:
    card, _ = await town.post("a foulword")
    [allowed, *_] = await town.press(card, ALLOW)

    [forbidden] = await town.press(allowed, FORBID)

    assert actions(allowed) == [FORBID]
    assert actions(forbidden) == [ALLOW]
    assert "Not allowed here any more." in forbidden.text
    assert await state(town) is CaseState.UNDONE
    assert len(await town.post("a foulword", BEN)) == 2
    again = await town.press(allowed, FORBID)
    assert not any("any more" in each.text for each in again)


async def test_what_two_moderators_allowed_either_forbids_again(town: Town) -> None:
    first, _ = await town.post("a foulword")
    second, _ = await town.post("foulword", BEN)
    [allowed, *_] = await town.press(first, ALLOW)
    await town.press(second, ALLOW)

    await town.press(allowed, FORBID)

    assert len(await town.post("a foulword", BEN)) == 2


async def test_nobody_forbids_what_is_allowed_about_a_message_of_their_own(town: Town) -> None:
    card, _ = await town.post("a foulword")
    [allowed, *_] = await town.press(card, ALLOW)

    [line] = await town.press(allowed, FORBID, ANN)

    assert (line.text, line.private) == (YOUR_OWN, True)
    assert await town.post("foulword", BEN) == []


async def test_what_is_allowed_is_kept_as_hashes_and_goes_with_its_workspace(town: Town) -> None:
    card, _ = await town.post("a foulword")
    await town.press(card, ALLOW)
    names = await town.stores.key_values.names("test:town:")

    assert len(names) == 2
    assert "foulword" not in str(names)
    erased = WorkspaceErased(WorkspaceId("test:town"))
    await handle(town.stores, said("gone", room=ConversationId("test:elsewhere")), erased)
    assert len(await town.post("a foulword", BEN)) == 2


async def test_an_author_may_appeal_and_is_told_what_became_of_it(town: Town) -> None:
    _, warning = await town.post("a foulword")

    card, thanks = sorted(await town.appeal(warning, "it is a name"), key=lambda each: each.private)
    [upheld, notice] = await town.press(card, UPHOLD)

    assert (thanks.text, thanks.private) == (THANKS, True)
    assert card.conversation == DESK
    assert card.text.startswith("**Appeal: harassment**")
    assert "it is a name" in card.text
    assert "Upheld by `test:mia`" in upheld.text
    assert "You can appeal once more" in notice.text
    assert actions(notice) == ["case-appeal"]


async def test_an_appeal_against_a_moderator_is_decided_by_another(town: Town) -> None:
    card, warning = await town.post("a foulword")
    await town.press(card, UPHOLD, MIA)
    [appeal, _] = sorted(await town.appeal(warning, "really"), key=lambda each: each.private)

    for action in (CLAIM, UPHOLD, UNDO, ALLOW):
        [line] = await town.press(appeal, action, MIA)
        assert (line.text, line.private) == (ANOTHER, True)
    sent = await town.press(appeal, UNDO, MAX)

    assert "Another than `test:mia` has to decide." in appeal.text
    assert await state(town) is CaseState.UNDONE
    assert [reply.conversation for reply in sent] == [DESK, SQUARE, ASIDE]


async def test_what_two_moderators_have_upheld_is_final(town: Town) -> None:
    card, warning = await town.post("a foulword")
    await town.press(card, UPHOLD, MIA)
    [appeal, _] = sorted(await town.appeal(warning, "really"), key=lambda each: each.private)
    sent = await town.press(appeal, UPHOLD, MAX)

    [notice] = told(sent)
    [refused] = await town.appeal(warning, "again")

    assert notice.text.endswith("That is final.")
    assert notice.buttons == ()
    assert refused.text == notice.text
    assert await state(town) is CaseState.UPHELD


async def test_only_the_author_may_appeal_and_only_once_at_a_time(town: Town) -> None:
    _, warning = await town.post("a foulword")

    [other] = await town.appeal(warning, "let them", BEN)
    await town.appeal(warning, "it is a name")
    [twice] = await town.appeal(warning, "it is a name")

    assert (other.text, twice.text) == (NOT_YOURS, OPEN)
    assert other.private
    assert twice.private
    [case] = await town.cases()
    assert case.appeal == "it is a name"


async def test_a_bot_cannot_take_over_what_the_moderators_buttons_do() -> None:
    bot = Bot()

    @bot.action("case-undo")
    async def undo(context: Context, value: str) -> str:
        return "Done."

    with pytest.raises(ConfigurationError, match="'case-undo' is one of Chatune's own"):
        await Town(bot=bot).post("hello")


async def test_what_was_undone_needs_no_appeal(town: Town) -> None:
    card, warning = await town.post("a foulword")
    await town.press(card, UNDO)

    [line] = await town.appeal(warning, "it is a name")

    assert "found nothing wrong" in line.text
    assert await state(town) is CaseState.UNDONE


async def test_where_nobody_reviews_any_more_an_appeal_is_not_taken(town: Town) -> None:
    _, warning = await town.post("a foulword")
    town.watching = Watching()

    [line] = await town.appeal(warning, "it is a name")

    assert line.text == NOBODY_THERE


async def test_somebody_who_was_told_of_nothing_is_told_of_no_decision(town: Town) -> None:
    [card] = await town.post("that was rudeish")

    [undone] = await town.press(card, UNDO)

    assert "Undone by `test:mia`" in undone.text


async def test_what_cannot_be_taken_back_is_said_and_the_rest_is(town: Town) -> None:
    card, _ = await town.post("that is hateful")
    town.enforcer.refused[Measure.TIME_OUT] = "Moderate Members is missing"

    [undone, again, _] = await town.press(card, UNDO)

    assert "Not taken back: time_out (`Moderate Members is missing`)." in undone.text
    assert again.conversation == SQUARE
    assert await state(town) is CaseState.UNDONE


async def test_a_time_out_for_another_message_stays(town: Town) -> None:
    first, _ = await town.post("that is hateful")
    town.later(timedelta(minutes=2))
    second, _ = await town.post("also hateful")
    until = town.enforcer.timed_out[ANN]

    await town.press(first, UNDO)
    assert town.enforcer.timed_out == {ANN: until}
    await town.press(second, UNDO)
    assert town.enforcer.timed_out == {}


async def test_a_time_out_that_has_ended_is_left_alone(town: Town) -> None:
    card, _ = await town.post("that is hateful")
    by_hand = town.later(timedelta(hours=1)) + timedelta(days=1)
    town.enforcer.timed_out[ANN] = by_hand

    await town.press(card, UNDO)

    assert town.enforcer.timed_out == {ANN: by_hand}


async def test_a_text_that_was_forgotten_is_not_put_back(town: Town) -> None:
    town.enforcer.refused[Measure.REMOVE] = "no"
    posted = town.posted("a foulword")
    [card, _] = await town.happen(posted)
    await town.happen(
        MessageDeleted(EventKey("test:gone"), SQUARE, ANN, town.clock(), posted.message)
    )

    [undone, _] = await town.press(card, ALLOW)

    assert "There is no text, or it was forgotten" in undone.text
    assert "so it cannot be allowed" in undone.text


async def test_an_outage_while_taking_back_is_tried_again(town: Town) -> None:
    card, _ = await town.post("that is hateful")
    town.enforcer.outages = [RetryLater("busy", timedelta(0))]

    sent = await town.press(card, UNDO)

    assert [reply.conversation for reply in sent] == [DESK, SQUARE, ASIDE]
    assert town.enforcer.timed_out == {}


async def test_every_decision_is_on_record_by_whom_and_without_text(town: Town) -> None:
    card, warning = await town.post("a foulword")
    await town.press(card, CLAIM)
    await town.press(card, UPHOLD)
    [appeal, _] = sorted(await town.appeal(warning, "because"), key=lambda each: each.private)
    await town.press(appeal, ALLOW, MAX)

    entries = list(reversed(await town.stores.audit.entries(10)))

    assert [(entry.action, entry.actor) for entry in entries] == [
        ("post found wanting", "moderation"),
        ("case claimed", MIA),
        ("case upheld", MIA),
        ("case appealed", ANN),
        ("case allowed", MAX),
    ]
    assert len({entry.details["text_digest"] for entry in entries}) == 1
    assert "foulword" not in str(entries)
    assert "because" not in str(entries)
    assert await town.stores.audit.verify() is None


async def test_in_shadow_mode_there_is_nothing_to_take_back(town: Town) -> None:
    town = Town(shadow=True)
    [card] = await town.post("a foulword")

    [undone] = await town.press(card, UNDO)

    assert undone.text.startswith("**Shadow mode")
    assert town.enforcer.calls == 0


async def test_a_self_harm_case_can_be_decided_like_any_other(town: Town) -> None:
    card, _ = await town.post("such despair")

    [upheld] = await town.press(card, UPHOLD)

    assert "Upheld by `test:mia`" in upheld.text
    assert (await town.cases())[0].findings[0].category is Category.SELF_HARM
