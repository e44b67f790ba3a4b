"""Many workspaces: installed over OAuth, kept in the store, gone with an uninstall."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import aiohttp
import anyio
import anyio.lowlevel
import pytest
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore

from adapters.slack.place import MemoryKeyValues, Place, reply_to
from chatune_adapters.platform import Platform
from chatune_adapters.slack.installations import Installations, States
from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.testing.slack import Organisation, ServerError, Team, Upload
from chatune_adapters.testing.slack.api_auth import install, retire_token
from chatune_core.errors import DeliveryRefused
from chatune_core.fitting import RATING
from chatune_core.messages import ActionTaken, BotRemoved, CommandInvoked, MessageReceived
from chatune_core.ports import Files, KeyValues, Sender

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _many(place: Place) -> Mapping[str, str]:
    app = place.server.app
    return {
        "bot_token": "",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "listen": "127.0.0.1:0",
    }


async def _install(place: Place, platform: SlackPlatform, team: Team | Organisation) -> int:
    """Walk through the pages as a browser does; return the status of the last."""
    base = f"http://127.0.0.1:{platform.port}"
    async with aiohttp.ClientSession() as browser:
        async with browser.get(f"{base}/slack/install") as page:
            found = re.search(r"state=([\w-]+)", await page.text())
        assert found is not None
        query = {"code": place.server.install_code(team), "state": found[1]}
        headers = {"Cookie": f"slack-app-oauth-state={found[1]}"}
        url = f"{base}/slack/oauth_redirect"
        async with browser.get(url, params=query, headers=headers) as done:
            return done.status


async def test_each_workspace_is_answered_with_its_own_token_after_a_restart_too(
    place: Place,
) -> None:
    other = place.server.add_team("Other")
    bob = place.server.add_user(other, "bob")
    channel = place.server.add_channel(other, "general")

    async with place.connected(**_many(place)) as platform:
        installed = [await _install(place, platform, team) for team in (place.team, other)]

    async with place.connected(**_many(place)) as platform:
        said = await place.mention("hello")
        here = await place.intake.next(MessageReceived)
        asked = await place.server.say(bob, channel, f"<@{other.bot_user_id}> hello")
        there = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(here, "here"))
        await platform.sender.deliver(reply_to(there, "there"))

    assert installed == [200, 200]
    assert [one.text for one in place.answers(said)] == ["here"]
    assert [one.text for one in place.server.replies(asked)] == ["there"]


async def test_an_uninstalled_workspace_leaves_no_token_and_the_others_stay(place: Place) -> None:
    other = place.server.add_team("Other")
    place.server.add_user(other, "bob")

    async with place.connected(**_many(place)) as platform:
        for team in (place.team, other):
            await _install(place, platform, team)
        said = await place.mention("hello")
        event = await place.intake.next(MessageReceived)
        await place.server.uninstall(place.team)
        await place.intake.next(BotRemoved)
        with pytest.raises(DeliveryRefused):
            await platform.sender.deliver(reply_to(event))

    assert place.answers(said) == []
    assert place.team.bot_token not in str(place.store.values)
    assert other.bot_token in str(place.store.values)


async def test_a_workspace_that_installs_anew_is_answered_with_the_new_token(place: Place) -> None:
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, place.team)
        said = await place.mention("hello")
        event = await place.intake.next(MessageReceived)
        platform.sender.preview(event, "Hel")
        while not place.answers(said):
            await anyio.lowlevel.checkpoint()
        retire_token(place.server.site.world, place.team, "token_revoked")
        await _install(place, platform, place.team)
        await platform.sender.deliver(reply_to(event))

    assert [one.text for one in place.answers(said)] == ["Hello."]


HOUR = 3_600.0


async def _answered(place: Place, platform: SlackPlatform, text: str) -> list[str]:
    """Let Ada ask and the bot answer; return what it wrote."""
    said = await place.mention(text)
    event = await place.intake.next(MessageReceived)
    await platform.sender.deliver(reply_to(event, text))
    return [one.text for one in place.answers(said)]


def _renewals(place: Place) -> int:
    calls = place.server.log.calls("oauth.v2.access")
    return sum("refresh_token" in one.arguments and one.error is None for one in calls)


async def test_a_token_that_expires_is_renewed_in_time_and_kept(place: Place) -> None:
    place.server.app.rotates_tokens = True
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, place.team)
        first = await _answered(place, platform, "one")
        token = place.team.bot_token
        place.clock.ahead = 9 * HOUR
        early = await _answered(place, platform, "two")
        unchanged = place.team.bot_token == token
        place.clock.ahead = 11 * HOUR
        late = await _answered(place, platform, "three")
        renewed = _renewals(place)
    place.clock.ahead = 20 * HOUR

    async with place.connected(**_many(place)) as platform:
        after_a_restart = await _answered(place, platform, "four")

    assert (first, early, late, after_a_restart) == (["one"], ["two"], ["three"], ["four"])
    assert unchanged
    assert (renewed, _renewals(place)) == (1, 1)
    assert place.team.bot_token != token
    assert token not in str(place.store.values)


async def test_a_token_that_expired_meanwhile_is_renewed_first(place: Place) -> None:
    place.server.app.rotates_tokens = True
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, place.team)
    place.clock.ahead = 100 * HOUR

    async with place.connected(**_many(place)) as platform:
        assert await _answered(place, platform, "hello") == ["hello"]

    assert _renewals(place) == 1


async def test_a_token_that_slack_calls_expired_is_renewed_whatever_the_clock_says(
    place: Place,
) -> None:
    place.server.app.rotates_tokens = True
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, place.team)
        await _answered(place, platform, "one")
        place.server.site.world.expiries[place.team.bot_token] = 0.0

        assert await _answered(place, platform, "two") == ["two"]


async def test_many_answers_at_once_renew_a_token_once(place: Place) -> None:
    place.server.app.rotates_tokens = True
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, place.team)
        place.clock.ahead = 13 * HOUR
        said = [await place.mention(str(number)) for number in range(5)]
        events = [await place.intake.next(MessageReceived) for _ in said]
        async with anyio.create_task_group() as tasks:
            for event in events:
                tasks.start_soon(platform.sender.deliver, reply_to(event))

    assert [len(place.answers(one)) for one in said] == [1] * 5
    assert _renewals(place) == 1


async def test_while_a_token_is_good_a_failed_renewal_holds_nothing_up(place: Place) -> None:
    place.server.app.rotates_tokens = True
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, place.team)
        place.clock.ahead = 11 * HOUR
        place.server.faults.add(ServerError(), "oauth.v2.access", times=None)
        answers = [await _answered(place, platform, text) for text in ("one", "two")]
        tries = [one for one in place.server.log.calls("oauth.v2.access") if one.status == 503]

    assert answers == [["one"], ["two"]]
    assert len(tries) == 1


async def test_another_process_that_renewed_the_token_first_is_believed(place: Place) -> None:
    place.server.app.rotates_tokens = True
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, place.team)
        place.clock.ahead = 11 * HOUR
        async with place.connected(**_many(place)) as other:
            said = await place.mention("hello")
            event = await place.intake.next(MessageReceived)
            for one in (platform, other):
                await one.sender.deliver(reply_to(event))

    assert len(place.answers(said)) == 1
    assert _renewals(place) == 1


async def test_a_token_that_cannot_be_renewed_any_more_parks_the_reply_and_says_why(
    place: Place,
) -> None:
    place.server.app.rotates_tokens = True
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, place.team)
        place.clock.ahead = 13 * HOUR
        place.server.site.world.refresh_tokens.clear()
        await place.mention("hello")
        event = await place.intake.next(MessageReceived)
        with pytest.raises(DeliveryRefused, match="must be installed again"):
            await platform.sender.deliver(reply_to(event))


async def test_one_token_of_an_organisation_answers_in_each_of_its_workspaces(
    place: Place,
) -> None:
    grid = place.server.add_organisation("Grid")
    asked = []
    teams = [place.server.add_team(name, grid) for name in ("North", "South")]
    people = [place.server.add_user(team, "ann") for team in teams]
    channels = [place.server.add_channel(team, "general") for team in teams]
    place.server.app.rotates_tokens = True
    async with place.connected(**_many(place)) as platform:
        installed = await _install(place, platform, grid)
        for ann, channel in zip(people, channels, strict=True):
            mention = f"<@{grid.bot.id}> hello"
            asked.append(await place.server.say(ann, channel, mention))
            event = await place.intake.next(MessageReceived)
            await platform.sender.deliver(reply_to(event, buttons=RATING))
            await place.server.slash(ann, channel, "/chatune", "roll")
            command = await place.intake.next(CommandInvoked)
            await platform.sender.deliver(reply_to(command, "5", private=True))
            assert command.conversation == f"slack:{channel.team.id}:{channel.id}"
        await place.server.press(people[1], place.server.replies(asked[1])[0], "good")
        pressed = await place.intake.next(ActionTaken)
    place.clock.ahead = 13 * HOUR

    async with place.connected(**_many(place)) as platform:  # nothing has come from there yet
        first = reply_to(pressed, "Thanks.")
        await platform.sender.deliver(first)

    assert installed == 200
    assert [[one.text for one in place.server.replies(said)] for said in asked] == [
        ["Hello."],
        ["Hello.", "Thanks."],
    ]
    assert _renewals(place) == 1


async def test_files_that_an_organisation_keeps_are_read(place: Place) -> None:
    grid = place.server.add_organisation("Grid")
    team = place.server.add_team("North", grid)
    ann, channel = place.server.add_user(team, "ann"), place.server.add_channel(team, "general")
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, grid)
        note = Upload("note.txt", b"a note")
        await place.server.say(ann, channel, f"<@{grid.bot.id}> read", files=[note])
        event = await place.intake.next(MessageReceived)

        assert await platform.files.read(event.attachments[0], 100) == b"a note"


async def test_an_organisation_that_removes_the_app_leaves_nothing_of_any_workspace(
    place: Place,
) -> None:
    grid = place.server.add_organisation("Grid")
    teams = [place.server.add_team(name, grid) for name in ("North", "South")]
    people = [place.server.add_user(team, "ann") for team in teams]
    async with place.connected(**_many(place)) as platform:
        await _install(place, platform, grid)
        await _install(place, platform, place.team)
        for ann in people:
            await place.server.say(ann, place.server.dm_with(ann), "hello")
            await place.intake.next(MessageReceived)
        await place.server.uninstall_everywhere(grid)
        removed = [await place.intake.next(BotRemoved) for _ in teams]
        await place.server.settled()

    assert {one.workspace for one in removed} == {f"slack:{team.id}" for team in teams}
    assert len({one.key for one in removed}) == 2
    assert grid.id not in str(place.store.values)
    assert grid.bot_token not in str(place.store.values)
    assert place.team.bot_token in str(place.store.values)


async def test_one_token_of_an_organisation_may_be_set_too(place: Place) -> None:
    grid = place.server.add_organisation("Grid")
    team = place.server.add_team("North", grid)
    ann, channel = place.server.add_user(team, "ann"), place.server.add_channel(team, "general")
    install(place.server.site.world, grid)

    async with place.connected(bot_token=grid.bot_token) as platform:
        said = await place.server.say(ann, channel, f"<@{grid.bot.id}> hello")
        event = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(event))
        detail = platform.health().detail

    assert [one.text for one in place.server.replies(said)] == ["Hello."]
    assert detail == "bot in Grid"


async def test_an_installation_under_a_state_that_was_not_given_out_is_refused(
    place: Place,
) -> None:
    async with place.connected(**_many(place)) as platform:
        url = f"http://127.0.0.1:{platform.port}/slack/oauth_redirect"
        query = {"code": place.server.install_code(place.team), "state": "made-up"}
        headers = {"Cookie": "slack-app-oauth-state=made-up"}
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(url, params=query, headers=headers) as done,
        ):
            status = done.status

    assert status >= 400
    assert place.store.values == {}


async def test_a_state_is_good_once_and_for_ten_minutes() -> None:
    now = [NOW]
    states = States(MemoryKeyValues(), lambda: now[0])

    once, late = await states.async_issue(), await states.async_issue()
    first, second = await states.async_consume(once), await states.async_consume(once)
    now[0] += timedelta(minutes=11)

    assert (first, second, await states.async_consume(late)) == (True, False, False)


def test_the_parts_fit_their_ports() -> None:
    platform = SlackPlatform(SlackSettings(), MemoryKeyValues(), lambda: NOW)
    fits: Platform = platform
    sender: Sender = platform.sender
    files: Files = platform.files
    store: KeyValues = MemoryKeyValues()
    installations: AsyncInstallationStore = Installations(store)

    assert (fits.name, fits.health().connected) == ("slack", False)
    assert sender.capabilities.buttons
    assert files is not None
    assert installations.logger is not None
