"""The whole bot on Discord: the real core, a scripted model, the real wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import anyio
import pytest

from adapters.discord.rig import Place, place, utc_now
from chatune_adapters.discord.platform import DiscordPlatform
from chatune_core.bots import Bot
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.generator import ScriptedGenerator

pytestmark = pytest.mark.anyio


@dataclass
class Core:
    """What outlives a process."""

    stores: Stores
    model: ScriptedGenerator


def a_core(model: ScriptedGenerator | None = None) -> Core:
    # Leases that a killed process held run out soon.
    stores = memory_stores(utc_now, timedelta(seconds=0.3))
    return Core(stores, model or ScriptedGenerator())


@asynccontextmanager
async def process(at: Place, core: Core) -> AsyncIterator[None]:
    """Run a bot for the block and end it without any farewell."""
    platform = DiscordPlatform(at.settings(), at.store, utc_now)
    stores = core.stores
    runtime = Runtime(
        inbox=stores.inbox,
        ledger=stores.ledger,
        outbox=stores.outbox,
        history=stores.history,
        generators={"small": core.model},
        default_model="small",
        senders={"discord": platform.sender},
        files={"discord": platform.files},
        bot=Bot(),
        settings=CoreSettings(poll=timedelta(seconds=0.02), lease_for=timedelta(seconds=0.3)),
        now=utc_now,
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(runtime.run)
        await tasks.start(platform.run, runtime)
        yield
        tasks.cancel_scope.cancel()


async def test_a_mention_is_answered_rated_and_corrected() -> None:
    async with place() as at, process(at, a_core()):
        await at.server.say(at.ann, at.channel, f"{at.mention} roses are red")
        await at.server.until(lambda: _final(at, "roses are red"))
        [answer] = at.shown()
        assert answer.custom_ids == ["good", "bad", "again", "correct"]
        await (await at.server.press(at.ann, answer, "good")).answered()
        press = await (await at.server.press(at.ann, answer, "correct")).answered()
        assert press.modal is not None
        field = press.modal["components"][0]["components"][0]["custom_id"]
        filled = await at.server.submit_modal(at.ann, press, {field: "Roses are white."})
        await filled.answered()
        await at.server.press(at.ann, answer, "again")
        await at.server.until(lambda: _final(at, "roses are red", at_least=2))


def _final(at: Place, text: str, at_least: int = 1) -> bool:
    found = [m for m in at.shown() if m.content == text and "good" in m.custom_ids]
    return len(found) >= at_least


async def test_a_running_answer_is_stopped_by_its_button() -> None:
    never = anyio.Event()
    said: list[int] = []

    def gate() -> anyio.Event:
        said.append(1)
        if len(said) > 2:
            return never
        opened = anyio.Event()
        opened.set()
        return opened

    async with place() as at, process(at, a_core(ScriptedGenerator(gate=gate))):
        await at.server.say(at.ann, at.channel, f"{at.mention} one two three four")
        await at.server.until(lambda: any(m.custom_ids == ["stop"] for m in at.shown()))
        [growing] = at.shown()
        await at.server.press(at.ann, growing, "stop")
        await at.server.until(lambda: "stop" not in growing.custom_ids)

        assert "four" not in growing.content


async def test_a_slash_command_of_the_core_is_answered() -> None:
    async with place() as at, process(at, a_core()):
        await at.server.until(lambda: bool(at.server.commands()))
        used = await at.server.slash(at.ann, at.channel, "help")
        await at.server.until(lambda: any(m.content for m in used.messages))

        assert "/help" in used.messages[0].content


async def test_a_text_file_is_read_by_the_model() -> None:
    core = a_core()
    async with place() as at, process(at, core):
        files = [("notes.txt", "text/plain", b"prune in spring")]
        await at.server.say(at.ann, at.channel, f"{at.mention} sum up", attachments=files)
        await at.server.until(lambda: any("good" in m.custom_ids for m in at.shown()))

        assert "prune in spring" in core.model.requests[0].messages[-1].content


async def test_each_message_has_one_answer_though_the_process_is_killed_again_and_again() -> None:
    core = a_core()
    async with place() as at:
        for kill in range(6):
            async with process(at, core):
                for number in range(4):
                    await at.server.say(at.ann, at.channel, f"{at.mention} {kill}.{number}")
                    await anyio.sleep(0.005 * kill)
            await at.server.say(at.ann, at.channel, f"{at.mention} {kill}.gap")
        async with process(at, core):
            with anyio.fail_after(30):
                await at.server.until(lambda: sum("good" in m.custom_ids for m in at.shown()) >= 30)
                await anyio.sleep(0.3)

        asked = [m for m in at.server.messages(at.channel) if m.author is at.ann]
        answered = [m.reply_to for m in at.shown()]
        assert answered == asked
        assert [m.content for m in at.shown()] == [
            m.content.removeprefix(f"{at.mention} ") for m in asked
        ]
