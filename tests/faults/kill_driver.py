"""Runs a bot, kills it with SIGKILL again and again, and judges by the platform's record.

Run as a program of its own: it forks one bot process a life from a clean parent with one thread.
The platform is this program: it delivers each event at least once (again after a kill, from the
last one that was acknowledged) and records what it is asked to post, once per idempotency key, as
Discord's enforced nonce does. Each life's clock begins an hour after the last one's, so that the
leases of the dead have run out.

Prints one JSON object: what is in the record, and what is in the database at the end.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio

from chatune_core.bots import Bot
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
)
from chatune_core.messages import (
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    MessageReceived,
    Reply,
    UserId,
)
from chatune_core.ports import Capabilities
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.sql_stores import open_stores

CONVERSATIONS = 20
MASTER_KEY = b"k" * 32


class Platform:
    """The record in two files that outlive the bot: what was acknowledged, what was posted."""

    def __init__(self, folder: Path) -> None:
        self.acked, self.posted = folder / "acked", folder / "posted"
        self._posts = os.open(self.posted, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        self._acks = os.open(self.acked, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        self._known, self._posted = set(self.record()), anyio.Event()

    def record(self) -> list[str]:
        """Return the keys that were posted, in order."""
        return self.posted.read_text().split()

    def ack(self, number: int) -> None:
        os.write(self._acks, f"{number}\n".encode())

    def first_unacknowledged(self) -> int:
        return len(self.acked.read_text().split())

    capabilities = Capabilities(buttons=False, files=False)

    def preview(self, event: Inbound, text: str) -> None: ...

    def waiting(self, event: Inbound, position: int) -> None: ...

    async def complete(self, turns: int) -> None:
        """Return when `turns` replies are in the record."""
        while len(self._known) < turns:
            self._posted = anyio.Event()
            await self._posted.wait()

    async def deliver(self, reply: Reply) -> list[MessageKey]:
        if reply.answers not in self._known:
            self._known.add(reply.answers)
            os.write(self._posts, f"{reply.answers}\n".encode())
            self._posted.set()
        return [MessageKey(f"m:{reply.answers}")]


class SlowParrot:
    """A model that takes a few milliseconds a word."""

    model, context_tokens = "parrot", 4096

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw

    def count_tokens(self, message: ChatMessage) -> int:
        return len(message.content)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        for word in request.messages[-1].content.split():
            await anyio.sleep(self._draw.random() * 0.003)
            yield Delta(word + " ")
        yield Finished("stop", self.model, None, 1, 10, 0, 2, 0.0, 0.0, 0.0)


def event(number: int) -> MessageReceived:
    line = number % CONVERSATIONS
    return MessageReceived(
        EventKey(f"e{number}"),
        ConversationId(f"fault:{line}"),
        UserId(f"fault:u{line}"),
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        f"word {number}",
    )


async def live(url: str, folder: Path, turns: int, life: int, ready: int) -> None:
    """Be the bot: take what was not acknowledged, work until everything is in the record."""
    platform, draw = Platform(folder), random.Random(life)

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(hours=life)

    async with open_stores(url, MASTER_KEY, now, timedelta(minutes=1)) as stores:
        runtime = Runtime(
            inbox=stores.inbox, ledger=stores.ledger, outbox=stores.outbox, history=stores.history,
            generators={"parrot": SlowParrot(draw)}, default_model="parrot",
            senders={"fault": platform}, files={}, bot=Bot(), now=now,
            settings=CoreSettings(lanes=8, poll=timedelta(seconds=0.02)),
        )  # fmt: skip
        os.write(ready, b"!")
        async with anyio.create_task_group() as tasks:
            await tasks.start(runtime.run)
            for number in range(platform.first_unacknowledged(), turns):
                await runtime.receive(event(number))
                platform.ack(number)
            await platform.complete(turns)
            await anyio.sleep(0.1)  # a second post of anything would come now
            tasks.cancel_scope.cancel()


def spend_a_life(url: str, folder: Path, turns: int, life: int, die_after: float | None) -> bool:
    """Run one bot process; kill it `die_after` seconds after it is ready. Return if it finished."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        anyio.run(live, url, folder, turns, life, writing)
        os._exit(0)
    os.close(writing)
    begun = os.read(reading, 1)
    os.close(reading)
    if not begun:
        sys.exit(f"life {life} ended before it was ready")
    if die_after is not None:
        time.sleep(die_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


async def turns_in_history(url: str) -> dict[str, list[str]]:
    """Return the texts of every conversation, as the database holds them."""

    def now() -> datetime:
        return datetime.now(UTC)

    async with open_stores(url, MASTER_KEY, now, timedelta(minutes=1)) as stores:
        return {
            f"fault:{line}": [
                turn.text
                for turn in await stores.history.recent(ConversationId(f"fault:{line}"), 10_000)
            ]
            for line in range(CONVERSATIONS)
        }


def main() -> None:
    """Kill `--kills` times, then let one life finish; print the judgement's material."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--turns", type=int, required=True)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw, kills, in_work = random.Random(options.seed), 0, 0
    for life in range(1, options.kills + 1):
        before = len(Platform(options.folder).record())
        # Early lives die soon, so that the work lasts for all the kills that were asked for.
        if spend_a_life(options.url, options.folder, options.turns, life, draw.random() * 0.06):
            break
        kills += 1
        in_work += before < options.turns
    finished = spend_a_life(options.url, options.folder, options.turns, options.kills + 1, None)
    print(  # noqa: T201 - the result, for the test that started this program
        json.dumps(
            {
                "finished": finished,
                "kills": kills,
                "kills_in_work": in_work,
                "record": Platform(options.folder).record(),
                "history": anyio.run(turns_in_history, options.url),
            }
        )
    )


if __name__ == "__main__":
    main()
