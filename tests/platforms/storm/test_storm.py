"""A storm: every fault of the server at once, and a bot that is killed again and again."""

import math
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from fakes.forked import Stem
from fakes.processes import Start, start_anew
from platforms.storm.child import Child, child
from platforms.storm.discord_town import discord_town
from platforms.storm.judge import counted, judge, unexplained
from platforms.storm.script import question, scripted_model
from platforms.storm.slack_town import slack_town
from platforms.storm.town import Town

pytestmark = pytest.mark.anyio
OpenTown = Callable[[int, int], AbstractAsyncContextManager[Town]]
BETWEEN_S = 0.08
"""At least so long after one message comes the next in its conversation. What the servers call
late comes 0.05 s late on Discord, so that what is said there is never brought in another order."""
BEGINS_WITHIN_S = 20.0
QUIET_S = 2.0
"""In which a second reply to anything would come."""


NO_CLASSIFIER = '[moderation]\nclassifier = "none"\n'
"""Loading it takes longer than the rest of a life; it is loaded in a long storm."""


@dataclass(frozen=True)
class Weather:
    """How much is said, where, and how the bot fares.

    `vigour` is how often something goes wrong, at one chance in so many. `patience_s` is how long
    nothing may get better. While it storms, connections that fell silent end every `hangs_up_every_s`.
    `settings` are further lines of the bot's chatune.toml.
    """

    messages: int
    conversations: int
    kills: int
    a_second: float
    vigour: float
    patience_s: float
    hangs_up_every_s: float
    settings: str = ""


BRIEF = Weather(
    60, 10, 2, 15.0, vigour=0.15, patience_s=70.0, hangs_up_every_s=1.0, settings=NO_CLASSIFIER
)
LONG = Weather(1000, 50, 10, 12.0, vigour=0.1, patience_s=100.0, hangs_up_every_s=5.0)
ON_BOTH = pytest.mark.parametrize("town", [discord_town, slack_town], ids=["discord", "slack"])


@ON_BOTH
@pytest.mark.timeout(300)
async def test_every_message_is_answered_once_through_a_brief_storm(
    town: OpenTown, tmp_path: Path, commands: Stem
) -> None:
    await weather(commands.start, town, tmp_path, BRIEF, seed=3)


@ON_BOTH
@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_every_message_is_answered_once_through_a_long_storm(
    town: OpenTown, tmp_path: Path
) -> None:
    there = await weather(start_anew, town, tmp_path, LONG, seed=3)

    assert there.kinds() == set(there.struck()), "every kind of fault has struck"


async def weather(
    start: Start, open_town: OpenTown, folder: Path, amount: Weather, seed: int
) -> Town:
    """Let people talk through a storm, and judge when it is over."""
    async with (
        scripted_model() as model,
        open_town(amount.conversations, seed) as town,
        child(start, folder, model, town.environment, amount.settings) as bot,
    ):
        bot.start()
        await town.heard()
        dice = random.Random(seed)
        for number in range(amount.conversations):
            await town.say(number, f"m{number}", question(f"m{number}", dice))
        await settled(town, amount.patience_s)
        assert not judge(town.said(), town.shown()), "a calm opening"

        await storm(town, bot, amount, seed, dice)

        found = judge(town.said(), town.shown())
        tell(f"{town.platform}, seed {seed}: {len(town.said())} messages, {bot.kills} kills")
        tell(f"faults: {town.struck()}")
        tell(f"deviations: {counted(found) or 'none'}")
        assert unexplained(found) == []
        assert len(town.said()) == amount.messages
        assert bot.kills == amount.kills
        assert await bot.end() == 0
    return town


async def storm(town: Town, bot: Child, amount: Weather, seed: int, dice: random.Random) -> None:
    """Let people talk while everything goes wrong; return when it is calm and all has settled."""
    async with anyio.create_task_group() as network:
        network.start_soon(hang_up_again_and_again, town, amount.hangs_up_every_s)
        town.begin_storm(seed, amount.vigour)
        async with anyio.create_task_group() as meanwhile:
            meanwhile.start_soon(kill_now_and_then, bot, town, amount, seed)
            await talk(town, amount, dice)
        await settled(town, amount.patience_s, but_for=amount.messages // 10)
        town.calm()
        network.cancel_scope.cancel()
    await settled(town, amount.patience_s)
    await anyio.sleep(QUIET_S)


async def talk(town: Town, amount: Weather, dice: random.Random) -> None:
    spoken: dict[int, float] = {}
    for number in range(amount.conversations, amount.messages):
        await anyio.sleep(dice.expovariate(amount.a_second))
        where = dice.randrange(amount.conversations)
        await anyio.sleep_until(spoken.get(where, 0.0) + BETWEEN_S)
        spoken[where] = anyio.current_time()
        await town.say(where, f"m{number}", question(f"m{number}", dice))


async def kill_now_and_then(bot: Child, town: Town, amount: Weather, seed: int) -> None:
    """Kill the bot while people talk, and start it again at once."""
    dice = random.Random(seed + 1)
    first, last = amount.conversations, amount.messages
    for after in sorted(dice.sample(range(first + 1, last), amount.kills)):
        while len(town.said()) < after:  # noqa: ASYNC110 - what is said sets no event
            await anyio.sleep(0.02)
        await bot.kill()
        bot.start()
        if dice.random() < 0.5:  # Else it may be killed before it listens.
            with anyio.move_on_after(BEGINS_WITHIN_S):
                await town.heard()


async def hang_up_again_and_again(town: Town, every_s: float) -> None:
    try:
        while True:
            await anyio.sleep(every_s)
            town.hang_up()
    finally:
        town.hang_up()


async def settled(town: Town, patience_s: float, but_for: int = 0) -> None:
    """Return when all `but_for` so many is as it should be, or nothing changes for too long."""
    before, until = -1, math.inf
    while anyio.current_time() < until:
        left = len(unexplained(judge(town.said(), town.shown())))
        if left <= but_for:
            return
        if left != before:
            before, until = left, anyio.current_time() + patience_s
        await anyio.sleep(0.25)


def tell(line: str) -> None:
    print(line)  # noqa: T201 - pytest shows it where a storm does harm, and with -s
