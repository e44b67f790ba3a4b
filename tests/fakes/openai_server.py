"""An OpenAI-compatible server on loopback that does as it is told, faults included.

It speaks HTTP/1.1 on a bare socket, so that it can break a stream off anywhere and see at once
when the other side hangs up. One answer per connection.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream

KNOWN = frozenset(("model", "messages", "stream", "stream_options", "seed", "stop", "max_tokens"))
KNOWN |= {"temperature", "top_p"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP error, or any answer that is no stream."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A streamed answer.

    `wait` is awaited before the headers, `wait_first` before the first piece, `wait_last` before
    the end. `breaks` drops the connection where the end would be; `finish` None leaves out the
    reason; `raw` replaces the stream's lines.
    """

    pieces: Sequence[str] = ("Hello", " there", ".")
    finish: str | None = "stop"
    usage: Mapping[str, object] | None = None
    wait: anyio.Event | None = None
    wait_first: anyio.Event | None = None
    wait_last: anyio.Event | None = None
    breaks: bool = False
    raw: Sequence[str] | None = None
    thoughts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A request that came in."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class FakeOpenAIServer:
    """Plays `script` for chat completions, then plain answers; remembers every call."""

    def __init__(self) -> None:
        self.base_url = ""
        self.script: list[Answer | Refusal] = []
        self.calls: list[Call] = []
        self.models: list[dict[str, object]] = [{"id": "m", "object": "model"}]
        self.models_refusal: Refusal | None = None
        self._listing = anyio.Event()
        self.resume_listing()
        self.strict = False
        self.loras: dict[str, str] | None = None
        self.loras_refusal: Refusal | None = None
        self.usage: Mapping[str, object] | None = {"prompt_tokens": 7, "completion_tokens": 3}
        self.open_streams = 0
        self.most_open_streams = 0
        self.hung_up = anyio.Event()

    @property
    def completions(self) -> list[Mapping[str, Any]]:
        """The bodies of the chat completions asked for."""
        return [call.body for call in self.calls if call.path == "/v1/chat/completions"]

    def pause_listing(self) -> None:
        """Leave questions for the models unanswered until `resume_listing`."""
        self._listing = anyio.Event()

    def resume_listing(self) -> None:
        """Answer questions for the models."""
        self._listing.set()

    async def handle(self, stream: SocketStream) -> None:
        """Answer one connection."""
        async with stream:
            try:
                call = await _read(stream)
                self.calls.append(call)
                await self._answer(stream, call)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                self.hung_up.set()

    async def _answer(self, stream: SocketStream, call: Call) -> None:
        if call.path == "/v1/chat/completions":
            await self._complete(stream, call)
        elif call.path == "/v1/models":
            await self._listing.wait()
            listed = Refusal(200, {"object": "list", "data": self.models})
            await _send(stream, self.models_refusal or listed)
        else:
            await _send(stream, self._lora(call))

    def _lora(self, call: Call) -> Refusal:
        if self.loras is None:
            return Refusal(404, {"detail": "Not Found"})
        if self.loras_refusal is not None:
            return self.loras_refusal
        name = call.body["lora_name"]
        if call.path.endswith("/unload_lora_adapter"):
            if self.loras.pop(name, None) is None:
                return _error(404, f"The lora adapter '{name}' cannot be found.")
        elif name in self.loras:
            return _error(400, f"The lora adapter '{name}' has already been loaded.")
        elif call.body["lora_path"].endswith("missing"):
            return _error(404, f"Loading lora {name} failed: No adapter found")
        else:
            self.loras[name] = call.body["lora_path"]
        return Refusal(200, "Success")

    async def _complete(self, stream: SocketStream, call: Call) -> None:
        unknown = call.body.keys() - KNOWN
        if self.strict and unknown:
            refusal = Refusal(422, {"detail": f"Unexpected fields in the request: {unknown}"})
            return await _send(stream, refusal)
        served = {model["id"] for model in self.models} | (self.loras or {}).keys()
        if call.body["model"] not in served:
            return await _send(stream, _error(404, f"The model `{call.body['model']}` is not here"))
        step = self.script.pop(0) if self.script else Answer()
        if isinstance(step, Refusal):
            return await _send(stream, step)
        self.open_streams += 1
        self.most_open_streams = max(self.most_open_streams, self.open_streams)
        try:
            await self._play(stream, step, call)
        finally:
            self.open_streams -= 1

    async def _play(self, stream: SocketStream, step: Answer, call: Call) -> None:
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                try:
                    await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    self.hung_up.set()
                    tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            try:
                await self._whole_stream(stream, step, call)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                self.hung_up.set()
            tasks.cancel_scope.cancel()

    async def _whole_stream(self, stream: SocketStream, step: Answer, call: Call) -> None:
        await _awaited(step.wait)
        await stream.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )
        await self._lines(stream, step, call)

    async def _lines(self, stream: SocketStream, step: Answer, call: Call) -> None:
        if step.raw is not None:
            await _chunks(stream, step.raw)
            await stream.send(b"0\r\n\r\n")
            return
        await _chunks(stream, [_piece(call, {"role": "assistant", "content": ""})])
        await _awaited(step.wait_first)
        thoughts = [_piece(call, {"reasoning_content": thought}) for thought in step.thoughts]
        await _chunks(stream, thoughts + [_piece(call, {"content": text}) for text in step.pieces])
        await _awaited(step.wait_last)
        if not step.breaks:
            await _chunks(stream, self._end(step, call))
            await stream.send(b"0\r\n\r\n")

    def _end(self, step: Answer, call: Call) -> list[str]:
        finish = [_piece(call, {}, step.finish)] if step.finish else []
        usage = step.usage or self.usage
        if usage and call.body.get("stream_options", {}).get("include_usage"):
            finish.append(_data({"id": "c", "choices": [], "usage": usage}))
        return [*finish, "data: [DONE]\n\n"]


@asynccontextmanager
async def openai_server() -> AsyncIterator[FakeOpenAIServer]:
    """Yield a running server on a free port of loopback."""
    server = FakeOpenAIServer()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    server.base_url = f"http://127.0.0.1:{port}/v1"
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server.handle)
        yield server
        tasks.cancel_scope.cancel()


def _error(status: int, message: str) -> Refusal:
    return Refusal(status, {"error": {"message": message, "type": "x", "code": status}})


def _data(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _piece(call: Call, delta: Mapping[str, object], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _data({"id": "c", "model": call.body["model"], "choices": [choice]})


async def _awaited(event: anyio.Event | None) -> None:
    if event is not None:
        await event.wait()


async def _chunks(stream: SocketStream, texts: Sequence[str]) -> None:
    for body in map(str.encode, texts):
        await stream.send(b"%x\r\n%s\r\n" % (len(body), body))


async def _send(stream: SocketStream, answer: Refusal) -> None:
    is_text = isinstance(answer.body, str)
    body = str(answer.body).encode() if is_text else json.dumps(answer.body).encode()
    kind = "text/html" if is_text else "application/json"
    head = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} Said"]
    lines += [f"{name}: {value}" for name, value in (head | dict(answer.headers)).items()]
    await stream.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def _read(stream: SocketStream) -> Call:
    received = b""
    while b"\r\n\r\n" not in received:
        received += await stream.receive()
    head, body = received.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)
    }
    while len(body) < int(headers.get("content-length", 0)):
        body += await stream.receive()
    return Call(first.split()[1], headers, json.loads(body or b"{}"))
