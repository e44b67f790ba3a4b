import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from adapters.discord.rig import (
    Place,
    RecordingIntake,
    as_message,
    place,
    reply_to,
    running,
    utc_now,
)
from chatune_adapters.discord.errors import bad_token
from chatune_adapters.discord.lanes import Lanes, Work
from chatune_adapters.discord.platform import DiscordPlatform
from chatune_adapters.testing.discord import Intent, faults
from chatune_core.errors import ConfigurationError
from chatune_core.messages import BotRemoved, ConversationId, Inbound

pytestmark = pytest.mark.anyio


def texts(events: list[Inbound]) -> list[str]:
    return [as_message(event).text for event in events]


async def heard(at: Place, intake: RecordingIntake, number: int) -> None:
    """Let Ann speak and wait until it is stored."""
    await at.server.say(at.ann, at.channel, f"{at.mention} {number}")
    await intake.until(number + 1)


@pytest.mark.parametrize(
    "fault",
    [
        faults.DropSocket(),
        faults.CloseWith(4000),
        faults.CloseWith(1006),
        faults.AskReconnect(),
        faults.Invalidate(resumable=True),
        faults.Invalidate(resumable=False),
        faults.AskHeartbeat(),
    ],
    ids=repr,
)
async def test_no_message_is_lost_when_the_connection_is(fault: faults.SocketFault) -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            await heard(at, intake, 0)
            at.server.faults.now(fault)
            for number in (1, 2):
                await at.server.say(at.ann, at.channel, f"{at.mention} {number}")
            with anyio.fail_after(8):
                await intake.until(3)
                await heard(at, intake, 3)

            assert texts(intake.events) == ["0", "1", "2", "3"]


async def test_what_was_said_while_the_process_was_dead_is_answered_in_order() -> None:
    async with place() as at:
        second = at.server.add_channel(at.guild, "tulips")
        intake = RecordingIntake()
        async with running(at, intake):
            await heard(at, intake, 0)
            dm = at.server.dm_with(at.ann)
            await at.server.say(at.ann, dm, "known from now on")
            await intake.until(2)
            await at.store.bookmarked(at.server.messages(at.channel)[0])
        for number in range(150):
            await at.server.say(at.ann, at.channel, f"{at.mention} gap {number}")
        await at.server.say(at.ann, second, f"{at.mention} elsewhere")
        await at.server.say(at.ann, second, "not for the bot")
        await at.server.say(at.ann, dm, "between us")
        async with running(at, intake):
            await at.server.say(at.ann, at.channel, f"{at.mention} live")
            await intake.until(2 + 153)

        said = texts(intake.events)
        assert [text for text in said if text.startswith(("gap", "live"))] == [
            *(f"gap {number}" for number in range(150)),
            "live",
        ]
        assert {"elsewhere", "between us"} <= set(said)
        assert "not for the bot" not in said


async def test_a_first_start_reads_nothing_of_the_past() -> None:
    async with place() as at:
        await at.server.say(at.ann, at.channel, f"{at.mention} long ago")
        intake = RecordingIntake()
        async with running(at, intake):
            await at.server.say(at.ann, at.channel, f"{at.mention} now")
            await intake.until(1)
            await anyio.sleep(0.05)

        assert texts(intake.events) == ["now"]


async def test_the_bookmark_stays_before_what_could_not_be_stored() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            await heard(at, intake, 0)
            await at.store.bookmarked(at.server.messages(at.channel)[0])
            intake.outage = 1_000_000
            lost = await at.server.say(at.ann, at.channel, f"{at.mention} lost?")
            await anyio.sleep(0.3)
            assert at.store.values["discord:bookmark"] <= lost.at.isoformat()
        intake.outage = 0
        async with running(at, intake, catch_up_margin=timedelta(seconds=1)):
            await intake.until(2)

        assert texts(intake.events) == ["0", "lost?"]


async def test_a_gap_is_read_again_when_reading_it_fails() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            await heard(at, intake, 0)
            await at.store.bookmarked(at.server.messages(at.channel)[0])
        await at.server.say(at.ann, at.channel, f"{at.mention} 1")
        reading = f"GET /channels/{at.channel.id}/messages"
        at.server.faults.add(faults.Refuse(500), on=reading)
        intake.outage = 1
        async with running(at, intake):
            await intake.until(2)

        assert texts(intake.events) == ["0", "1"]


async def test_a_channel_that_may_not_be_read_stops_no_other() -> None:
    async with place() as at:
        second = at.server.add_channel(at.guild, "tulips")
        intake = RecordingIntake()
        async with running(at, intake):
            await heard(at, intake, 0)
            await at.store.bookmarked(at.server.messages(at.channel)[0])
        await at.server.say(at.ann, at.channel, f"{at.mention} hidden")
        await at.server.say(at.ann, second, f"{at.mention} 1")
        refused = faults.Refuse(403, 50001, "Missing Access")
        at.server.faults.add(refused, on=f"GET /channels/{at.channel.id}/messages")
        async with running(at, intake):
            await intake.until(2)

        assert texts(intake.events) == ["0", "1"]


async def test_a_silent_socket_is_left_and_what_was_said_meanwhile_is_read() -> None:
    async with place(heartbeat_every=timedelta(seconds=0.05)) as at:
        intake = RecordingIntake()
        async with running(at, intake, silence_limit=timedelta(seconds=0.4)) as platform:
            await heard(at, intake, 0)
            await anyio.sleep(0.6)
            assert len(at.server.connections) == 1
            at.server.faults.now(faults.FallSilent())
            await at.server.say(at.ann, at.channel, f"{at.mention} 1")
            with anyio.fail_after(10):
                await intake.until(2)

            assert texts(intake.events) == ["0", "1"]
            assert platform.health().connected
            assert platform.health().silent_s < 5


async def test_what_cannot_be_read_is_skipped_and_the_bot_listens_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            await heard(at, intake, 0)
            broken = '{"op": 0, "t": "%s", "s": null, "d": {"id": "not-a-number", "guild_id": 5}}'
            names = ["MESSAGE_CREATE", "INTERACTION_CREATE", "GUILD_CREATE", "CHANNEL_UPDATE"]
            for name in names:
                at.server.faults.add(faults.Malform(broken % name), on="DISPATCH MESSAGE_CREATE")
            at.server.faults.add(faults.Unknown(), on="DISPATCH MESSAGE_CREATE")
            for number in range(1, 7):
                await heard(at, intake, number)

            assert texts(intake.events) == [str(number) for number in range(7)]
            assert len(at.server.connections) == 1
            skipped = [each for each in caplog.messages if "malformed MESSAGE_CREATE" in each]
            assert len(skipped) == 1


async def test_a_payload_that_is_not_even_json_costs_one_connection_and_no_message() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            await heard(at, intake, 0)
            at.server.faults.add(faults.Malform("{nonsense"), on="DISPATCH MESSAGE_CREATE")
            await at.server.say(at.ann, at.channel, f"{at.mention} 1")
            with anyio.fail_after(8):
                await intake.until(2)

            assert texts(intake.events) == ["0", "1"]


async def refused(at: Place, intake: RecordingIntake, **changes: object) -> ConfigurationError:
    """Run the platform and return what it says is wrong."""
    platform = DiscordPlatform(at.settings(**changes), at.store, utc_now)
    with anyio.fail_after(8), pytest.raises(ConfigurationError) as caught:
        await platform.run(intake, task_status=anyio.TASK_STATUS_IGNORED)
    return caught.value


async def test_a_wrong_token_is_named_with_where_to_click() -> None:
    async with place() as at:
        error = await refused(at, RecordingIntake(), token="wrong.but.secret")

        assert "discord.token" in error.problem
        assert "Reset Token" in error.remedy
        assert "wrong.but.secret" not in str(error)


async def test_a_missing_intent_is_named_with_where_to_click() -> None:
    async with place(privileged=Intent(0)) as at:
        error = await refused(at, RecordingIntake(), message_content=True)

        assert "message content intent" in error.problem
        assert "Privileged Gateway Intents" in error.remedy


async def ended_by(at: Place, strike: Callable[[], None], **changes: object) -> Exception:
    """Run the platform, let `strike` happen, and return what ends it."""
    platform = DiscordPlatform(at.settings(**changes), at.store, utc_now)

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            await tasks.start(platform.run, RecordingIntake())
            strike()

    with anyio.fail_after(8), pytest.raises(ExceptionGroup) as caught:
        await run()
    [error] = caught.value.exceptions
    assert isinstance(error, ConfigurationError)
    return error


async def test_an_intent_that_is_switched_off_while_the_bot_runs_is_named() -> None:
    async with place() as at:
        error = await ended_by(
            at, lambda: at.server.faults.now(faults.CloseWith(4014)), message_content=True
        )

        assert "Message Content Intent" in str(error)


async def test_a_gateway_that_closes_for_good_is_explained() -> None:
    async with place() as at:
        error = await ended_by(at, lambda: at.server.faults.now(faults.CloseWith(4013)))

        assert "4013" in str(error)


async def test_a_lane_that_is_full_is_read_again_from_discord() -> None:
    done: list[int] = []
    recovered = anyio.Event()
    gate = anyio.Event()
    name = ConversationId("discord:1:2")

    def recover(conversation: ConversationId, since: datetime) -> Work:
        assert (conversation, since) == (name, utc.replace(microsecond=1000))

        async def read() -> None:
            recovered.set()

        return read

    def work(number: int) -> Work:
        async def do() -> None:
            await gate.wait()
            done.append(number)

        return do

    utc = datetime(2026, 1, 1, tzinfo=UTC)
    lanes = Lanes(recover)
    async with anyio.create_task_group() as tasks:
        lanes.begin(tasks)
        for number in range(1005):
            lanes.put(name, utc.replace(microsecond=number), work(number))
        assert lanes.oldest == utc
        gate.set()
        with anyio.fail_after(5):
            await recovered.wait()

    assert done == list(range(1000))
    assert lanes.oldest is None


async def test_a_token_that_is_revoked_while_the_bot_runs_is_named() -> None:
    async with place() as at:

        def revoke() -> None:
            at.server.revoke_token()
            at.server.faults.now(faults.DropSocket())

        error = await ended_by(at, revoke)

        assert str(error) == str(bad_token(at.settings()))


async def test_a_start_during_an_outage_waits_for_its_end() -> None:
    async with place() as at:
        at.server.faults.add(faults.Refuse(503), on="GET /users/@me")
        at.server.faults.add(faults.LimitRate(0.1), on="GET /gateway/bot")
        intake = RecordingIntake()
        async with running(at, intake):
            await heard(at, intake, 0)


async def test_a_large_bot_is_sharded_and_hears_every_server_and_direct_messages() -> None:
    async with place(shards=2) as at:
        other = at.server.add_guild("Orchard", id=at.guild.id + (1 << 22))
        apples = at.server.add_channel(other, "apples")
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} roses")
            await at.server.say(at.ann, apples, f"{at.mention} apples")
            await at.server.say(at.ann, at.server.dm_with(at.ann), "us")
            events = await intake.until(3)
            assert sorted(texts(events)) == ["apples", "roses", "us"]
            assert len(at.server.connections) == 2
            await at.store.bookmarked(at.server.messages(at.channel)[0])
            at.server.faults.now(faults.Invalidate())
            await at.server.say(at.ann, apples, f"{at.mention} pears")
            with anyio.fail_after(30):
                await intake.until(4)
            await platform.sender.deliver(reply_to(intake.events[3], "Pears."))

            assert [message.content for message in at.shown(apples)] == ["Pears."]


async def test_no_token_and_no_words_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with place() as at:
        intake = RecordingIntake()
        with caplog.at_level(logging.INFO, logger="chatune_adapters"):
            async with running(at, intake) as platform:
                await heard(at, intake, 0)
                intake.outage = 1
                await at.server.say(at.ann, at.channel, f"{at.mention} my diary")
                await intake.until(2)
                at.server.faults.add(faults.Refuse(403, 50013), on="POST /channels/{id}/typing")
                platform.sender.waiting(intake.events[1], 0)
                at.server.faults.now(faults.DropSocket())
                await anyio.sleep(0.1)

        assert at.server.settings.token not in caplog.text
        assert "diary" not in caplog.text


async def test_a_removal_while_the_process_was_dead_is_noticed_once() -> None:
    async with place() as at:
        kept = at.server.add_guild("Orchard")
        async with running(at, RecordingIntake()):
            await at.server.until(lambda: at.server.ready_sessions == 1)
            await at.store.holds(f"discord:guild:{at.guild.id}", f"discord:guild:{kept.id}")
        at.server.remove_bot(at.guild)
        intake = RecordingIntake()
        async with running(at, intake):
            removed = await intake.next()
            await at.store.lacks(f"discord:guild:{at.guild.id}")
        later = RecordingIntake()
        async with running(at, later):
            direct = at.server.dm_with(at.ann)
            await at.server.say(at.ann, direct, "hello")
            await later.until(1)

        assert isinstance(removed, BotRemoved)
        assert removed.workspace == f"discord:{at.guild.id}"
        assert len(intake.events) == 1
        assert texts(later.events) == ["hello"]


async def test_a_removal_that_cannot_be_stored_is_not_forgotten() -> None:
    async with place() as at:
        async with running(at, RecordingIntake()):
            await at.store.holds(f"discord:guild:{at.guild.id}")
        at.server.remove_bot(at.guild)
        intake = RecordingIntake()
        intake.outage = 2
        async with running(at, intake):
            await intake.until(1)
            await at.store.lacks(f"discord:guild:{at.guild.id}")

        assert isinstance(intake.events[0], BotRemoved)
