"""What people ask and what the model answers: every sentence names the message that it answers."""

import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from aiohttp import web

_ASKED = re.compile(r"(m\d+): (\d+) sentences?, (\d+) ms apart\s*\Z")
_SAID = re.compile(r"Sentence (\d+) of \d+ answers (m\d+)\.")


def question(name: str, random: random.Random) -> str:
    """Return a question: most answers are short, some take seconds, some take two messages."""
    count, pause = random.choices(
        [(random.randint(1, 6), 40), (12, 150), (90, 1)], weights=[85, 10, 5]
    )[0]
    return f"{name}: {count} sentences, {pause} ms apart"


def answer_to(asked: str) -> str:
    """Return the whole answer to a question."""
    return "".join(pieces_of(asked)).strip()


def sentences(text: str) -> list[tuple[str, int]]:
    """Return of which answer, and which of its, the whole sentences in `text` are."""
    return [(name, int(number)) for number, name in _SAID.findall(text)]


def pieces_of(asked: str) -> list[str]:
    """Return the answer as the model gives it, one sentence after the other."""
    return _pieces(asked)[0]


def _pieces(asked: str) -> tuple[list[str], float]:
    found = _ASKED.search(asked)
    if found is None:
        raise ValueError(f"nobody asks {asked!r}")
    name, count = found[1], int(found[2])
    whole = [f"Sentence {number} of {count} answers {name}. " for number in range(1, count + 1)]
    return whole, int(found[3]) / 1000


@asynccontextmanager
async def scripted_model() -> AsyncIterator[str]:
    """Yield the base URL of an OpenAI-compatible server that speaks slowly."""

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "script", "object": "model"}]})

    async def complete(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        pieces, pause = _pieces(body["messages"][-1]["content"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(_chunk({"role": "assistant", "content": piece}, None))
            await anyio.sleep(pause)
        await response.write(_chunk({}, "stop") + b"data: [DONE]\n\n")
        return response

    app = web.Application()
    app.add_routes([web.get("/v1/models", models), web.post("/v1/chat/completions", complete)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(5):
            await runner.cleanup()


def _chunk(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "script"}
    return f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n".encode()
