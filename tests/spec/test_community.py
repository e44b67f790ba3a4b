"""What people post in a watched channel, and what becomes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.errors import RetryLater
from chatune_core.messages import ConversationId, EventKey
from chatune_core.moderation.answers import SUPPORT
from chatune_core.moderation.cards import moment
from chatune_core.moderation.cases import CaseState, Measure
from chatune_core.moderation.measures import NOT_HERE, OVER
from chatune_core.moderation.moderator import Failing
from chatune_core.moderation.policy import Place
from chatune_core.moderation.rules.crowd import CrowdLimits
from chatune_core.moderation.verdicts import Category, Level, Role
from chatune_core.moderation.watching import Watch, Watching
from fakes.town import ANN, BEN, DESK, RED, SQUARE, Town, actions, edited

pytestmark = pytest.mark.anyio
ASIDE = "test:aside:ann"


@pytest.fixture
def town() -> Town:
    return Town()


async def test_a_post_that_is_fine_leaves_no_trace(town: Town) -> None:
    assert await town.post("good morning") == []

    assert await town.cases() == []
    assert await town.audited() == []
    assert town.enforcer.calls == 0


async def test_only_watched_channels_are_looked_at_and_the_moderators_own_is_not(
    town: Town,
) -> None:
    elsewhere = ConversationId("test:village:square")

    assert await town.happen(town.posted("a foulword", room=elsewhere)) == []
    assert await town.happen(town.posted("a foulword", room=DESK)) == []
    assert town.classifier.read == []
    assert town.community().watches(ConversationId("test:town:square:thread"))
    assert not town.community().watches(DESK)


async def test_a_post_against_a_rule_goes_and_moderators_and_its_author_are_told_why(
    town: Town,
) -> None:
    posted = town.posted("you foulword you")

    card, warning = await town.happen(posted)

    assert town.enforcer.removed == {posted.message}
    assert (card.conversation, warning.conversation, warning.private) == (DESK, ASIDE, True)
    assert "you »foulword« you" in card.text
    assert "`words.foul` harassment 1.00" in card.text
    assert "Done: removed; warned" in card.text
    assert actions(card) == ["case-claim", "case-uphold", "case-undo", "case-allow"]
    assert "harassment (rule `words.foul`)" in warning.text
    assert "The message was removed." in warning.text
    assert actions(warning) == ["case-appeal"]
    [case] = await town.cases()
    assert (case.text, case.level, case.state) == ("you foulword you", Level.ACT, CaseState.OPEN)


async def test_what_is_only_suspicious_is_for_the_moderators_and_nothing_is_done(
    town: Town,
) -> None:
    model = await town.post("that was rudeish")
    rule = await town.post("join discord.gg/abcdef")

    assert [reply.conversation for reply in (*model, *rule)] == [DESK, DESK]
    assert "To look at: harassment" in model[0].text
    assert "`link.invite` spam 0.50" in rule[0].text
    assert "Done: nothing" in rule[0].text
    assert town.enforcer.untouched


async def test_in_shadow_mode_moderators_see_the_card_and_nothing_is_done() -> None:
    town = Town(shadow=True)

    [card] = await town.post("a foulword")

    assert card.text.startswith("**Shadow mode, nothing was done: harassment**")
    assert town.enforcer.calls == 0
    assert await town.audited() == ["post found wanting (shadow)"]


async def test_a_message_that_cannot_be_removed_is_flagged_and_the_card_says_why(
    town: Town,
) -> None:
    town.enforcer.refused[Measure.REMOVE] = "Manage Messages is missing"
    posted = town.posted("a foulword")

    card, warning = await town.happen(posted)

    assert town.enforcer.flagged == {posted.message}
    assert "Done: not removed (`Manage Messages is missing`); flagged; warned" in card.text
    assert "The message was flagged." in warning.text


async def test_where_a_platform_cannot_do_it_the_case_says_why(town: Town) -> None:
    town.enforcer.measures = frozenset({Measure.FLAG})

    card, _ = await town.post("that is hateful")

    [case] = await town.cases()
    assert [(taken.measure, taken.failed) for taken in case.measures] == [
        (Measure.REMOVE, "this platform has no such thing"),
        (Measure.FLAG, ""),
        (Measure.TIME_OUT, "this platform has no such thing"),
        (Measure.WARN, ""),
    ]
    assert "not removed (`this platform has no such thing`); flagged" in card.text


async def test_without_anybody_to_enforce_moderators_are_told_all_the_same(town: Town) -> None:
    town.enforcers.clear()

    [card] = await town.post("a foulword")

    assert f"not removed (`{NOT_HERE}`)" in card.text


async def test_slow_mode_is_asked_for_with_an_end(town: Town) -> None:
    posted = town.posted("see https://bad.example/x")
    end = posted.at + timedelta(minutes=15)

    [card] = await town.happen(posted)

    assert town.enforcer.ends == {posted.conversation: end}
    assert f"slow mode until {moment(end)}" in card.text


async def test_a_time_out_ends_by_the_time_of_the_message(town: Town) -> None:
    posted = town.posted("that is hateful")
    town.later(timedelta(minutes=3))

    await town.happen(posted)

    assert town.enforcer.timed_out == {ANN: posted.at + timedelta(minutes=10)}


async def test_a_time_out_that_would_have_ended_is_not_begun(town: Town) -> None:
    posted = town.posted("that is hateful")
    town.later(timedelta(minutes=30))

    await town.happen(posted)

    [case] = await town.cases()
    assert town.enforcer.timed_out == {}
    assert case.measures[1].failed == OVER


async def test_an_outage_of_the_platform_is_tried_again_and_everything_is_said_once(
    town: Town,
) -> None:
    town.enforcer.outages = [RetryLater("busy", timedelta(0)), RetryLater("busy", timedelta(0))]
    posted = town.posted("a foulword")

    sent = await town.happen(posted)

    assert town.enforcer.removed == {posted.message}
    assert [reply.answers for reply in sent] == [f"{posted.key}:card", f"{posted.key}:warning"]
    assert len(await town.cases()) == 1


async def test_a_crash_after_the_measures_only_repeats_them(town: Town) -> None:
    posted = town.posted("a foulword, that is hateful")

    await town.community().seen(posted)  # and the process ends before anything is committed
    sent = await town.happen(posted)

    assert town.enforcer.removed == {posted.message}
    assert len(sent) == 2
    assert len(await town.cases()) == len(await town.audited()) == 1


async def test_a_post_that_is_delivered_again_is_one_case(town: Town) -> None:
    posted = town.posted("a foulword")
    await town.happen(posted)

    assert await town.happen(posted) == []
    assert len(await town.cases()) == 1


async def test_while_the_classifier_is_down_a_post_waits_if_checks_fail_closed() -> None:
    town = Town(failing=Failing(closed=frozenset({Role.COMMUNITY})))
    town.classifier.outage = RetryLater("down", timedelta(0))

    with pytest.raises(RetryLater):
        await town.community().seen(town.posted("that is hateful"))


async def test_somebody_in_despair_gets_support_and_is_never_punished(town: Town) -> None:
    card, support = await town.post("such despair, you foulword")

    assert (support.text, support.private, support.conversation) == (SUPPORT, True, ASIDE)
    assert town.enforcer.untouched
    assert card.text.startswith("**Somebody may need help, and was told where to find it**")
    assert "Done: nothing" in card.text


async def test_support_is_not_repeated_within_an_hour(town: Town) -> None:
    await town.post("such despair")
    town.later(timedelta(minutes=30))
    again = await town.post("still despair")
    town.later(timedelta(minutes=61))
    later = await town.post("and despair")

    assert [reply.conversation for reply in again] == [DESK]
    assert [reply.conversation for reply in later] == [DESK, ASIDE]


async def test_exempt_people_and_roles_are_not_judged() -> None:
    exempt = Place(exempt_users=frozenset({BEN}), exempt_roles=frozenset({"test:7"}))
    town = Town(places={"test:town": exempt})

    assert await town.post("a foulword", BEN) == []
    assert await town.happen(town.posted("a foulword", roles=("test:3", "test:7"))) == []
    assert len(await town.post("a foulword")) == 2


async def test_where_adults_are_among_themselves_sexual_content_is_fine(town: Town) -> None:
    naked = town.posted("all naked", age_gated=True, pictures={"a.png": RED})
    foul = town.posted("all naked, foulword", age_gated=True)

    assert await town.happen(naked) == []
    [card, _] = await town.happen(foul)
    assert "Acted on: harassment" in card.text


async def test_a_name_is_judged_by_rules_and_told_of_once_and_its_message_stays(
    town: Town,
) -> None:
    card, warning = await town.happen(town.posted("hello", name="Badname"))
    again = await town.happen(town.posted("how are you", name="b a d n a m e"))
    hateful = await town.happen(town.posted("hello", name="hateful"))
    elsewhere = await town.happen(town.posted("hello", BEN, name="Badname"))

    assert "`words.foul` harassment 1.00 in name" in card.text
    assert "Done: warned" in card.text
    assert actions(warning) == ["case-appeal"]
    assert (again, hateful) == ([], [])
    assert len(elsewhere) == 2
    assert town.enforcer.removed == set()


async def test_a_late_preview_brings_no_second_case_for_what_was_found_in_the_text(
    town: Town,
) -> None:
    posted = town.posted("a foulword https://site.example")
    await town.happen(posted)

    fine = replace(posted, key=EventKey("test:late:1"), previews=("A site",))
    foul = replace(posted, key=EventKey("test:late:2"), previews=("A foulword site",))

    assert await town.happen(fine) == []
    [card, _] = await town.happen(foul)
    assert "in preview 1" in card.text
    assert "words.foul` harassment 1.00;" not in card.text


async def test_an_edit_is_judged_anew_and_one_that_changes_nothing_bad_is_no_case(
    town: Town,
) -> None:
    posted = town.posted("hello")
    await town.happen(posted)

    worse = await town.happen(edited(posted, "hello foulword"))
    other = await town.happen(edited(posted, "hello foulword and more", "again"))
    better = await town.happen(edited(posted, "hello", "third"))

    assert (len(worse), len(other), better) == (2, 2, [])


async def test_a_picture_is_looked_at_and_what_is_no_picture_is_left_alone(town: Town) -> None:
    files = {"a.png": b"\x89PNG\r\n\x1a\n blue", "b.png": b"red, but text", "c.png": RED}
    posted = town.posted("look", pictures=files)

    card, _ = await town.happen(posted)

    assert town.enforcer.removed == {posted.message}
    assert "`image:explicit` sexual 0.97 in picture 3" in card.text
    assert "pictures-1" in card.text
    assert await town.happen(town.posted("look", pictures={"b.png": b"red"})) == []


async def test_a_picture_that_cannot_be_had_holds_nothing_up_and_is_noted(town: Town) -> None:
    town.files.outage = RetryLater("down", timedelta(0))

    fine = await town.happen(town.posted("look", pictures={"a.png": RED}))
    [card, _] = await town.happen(town.posted("a foulword", pictures={"a.png": RED}))

    assert fine == []
    assert "`image:unread` sexual 0.00 in picture 1" in card.text


async def test_a_file_that_says_it_is_huge_is_not_fetched(town: Town) -> None:
    posted = town.posted("a foulword", pictures={"a.png": RED})
    [attached] = posted.attachments
    huge = replace(attached, size_bytes=10**10)

    [card, _] = await town.happen(replace(posted, attachments=(huge,)))

    assert "image:unread" in card.text


async def test_a_flood_is_counted_so_it_is_sure_and_acted_on() -> None:
    town = Town(limits=CrowdLimits(messages=2))

    sent = [await town.post(text) for text in ("one", "two", "three")]

    assert sent[:2] == [[], []]
    [card] = sent[2]
    assert "`crowd.flood` spam 1.00" in card.text
    assert town.enforcer.pauses == {SQUARE: timedelta(seconds=30)}


async def test_of_a_flood_that_goes_on_nobody_is_told_message_by_message() -> None:
    town = Town(limits=CrowdLimits(messages=2), measures={Category.SPAM: (Measure.REMOVE,)})

    cards = [await town.post(text) for text in ("one", "two", "three", "four", "five")]

    assert [len(each) for each in cards] == [0, 0, 1, 0, 0]
    assert len(town.enforcer.removed) == len(await town.cases()) == 3


async def test_a_flood_that_says_something_forbidden_is_told_of_all_the_same() -> None:
    town = Town(limits=CrowdLimits(messages=1), measures={Category.SPAM: (Measure.REMOVE,)})

    cards = [await town.post(text) for text in ("one", "two", "a foulword")]

    assert [bool(each) for each in cards] == [False, True, True]


async def test_a_card_tells_the_record_of_its_author_in_this_workspace(town: Town) -> None:
    await town.post("a foulword")
    await town.post("a foulword", BEN)

    [card, _] = await town.post("more foulword")

    assert "Before: 1 cases, 0 upheld, 0 undone" in card.text


async def test_a_category_without_measures_goes_to_the_moderators_alone() -> None:
    town = Town(measures={Category.HATE: (Measure.REMOVE,)})

    [card] = await town.post("a foulword")

    assert card.conversation == DESK
    assert town.enforcer.untouched


async def test_where_nobody_reviews_measures_are_taken_and_on_record() -> None:
    measures = {Category.HARASSMENT: (Measure.REMOVE,)}
    town = Town(watching=Watching({"test:town": Watch(None, measures)}))

    assert await town.post("a foulword") == []
    assert len(town.enforcer.removed) == len(await town.cases()) == 1


async def test_the_record_has_a_hash_and_no_text(town: Town) -> None:
    await town.post("you foulword")
    await town.post("you foulword", BEN)
    await town.post("other foulword")

    entries = await town.stores.audit.entries(10)
    digests = [entry.details["text_digest"] for entry in entries]
    assert digests[1] == digests[2] != digests[0]
    assert "foulword" not in str(entries)
    assert entries[0].details["measures"] == "remove, warn"
    assert await town.stores.audit.verify() is None
