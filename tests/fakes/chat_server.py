"""An OpenAI-compatible server in a thread, for programs that run as processes of their own.

What it answers hangs on the last message, so that a test writes its script where it is read.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANGS = "count for ever"
"""Sends "one two three " and then nothing until the client goes away, while `hangs` is True."""
REFUSES = "refuse this"
"""Answers with HTTP 400."""
IS_DOWN = "be down"
"""Answers with HTTP 503."""


@dataclass
class ChatServer:
    """Where it listens and what it was asked."""

    base_url: str
    prompts: list[list[dict[str, str]]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    """What each prompt was for."""
    loras: dict[str, str] = field(default_factory=dict)
    """Loaded at run time, by name, with their folders."""
    hangs: bool = True
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client hung up in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer
    ending: threading.Event

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [{"id": "fake-model", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/load_lora_adapter"):
            self.chat.loras[body["lora_name"]] = body["lora_path"]
            return self._json(200, "Success")
        self.chat.models.append(body["model"])
        self.chat.prompts.append(body["messages"])
        said = body["messages"][-1]["content"]
        if said == REFUSES:
            self._json(400, {"error": {"message": "that is refused", "type": "bad"}})
        elif said == IS_DOWN:
            self._json(503, {"error": {"message": "overloaded", "type": "down"}})
        elif said == HANGS and self.chat.hangs:
            self._stream(["one ", "two ", "three "], hangs=True)
        else:
            self._stream([word + " " for word in f"You said: {said}".split(" ")])

    def _stream(self, pieces: list[str], *, hangs: bool = False) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            for piece in pieces:
                self._event({"role": "assistant", "content": piece}, None)
            while hangs and not self.ending.wait(0.02):
                self.wfile.write(b": still here\n\n")
            self._event({}, "stop")
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.chat.left.set()

    def _event(self, delta: dict[str, str], finish: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk: dict[str, Any] = {"id": "1", "object": "chat.completion.chunk", "created": 0}
        line = json.dumps(chunk | {"model": "fake-model", "choices": [choice]})
        self.wfile.write(f"data: {line}\n\n".encode())
        self.wfile.flush()

    def _json(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        return  # a client that hung up is part of the tests


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """Serve on a free port of loopback while the body runs."""
    chat, ending = ChatServer(""), threading.Event()
    handler = type("Handler", (_Handler,), {"chat": chat, "ending": ending})
    with _Server(("127.0.0.1", 0), handler) as server:
        chat.base_url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield chat
        finally:
            ending.set()
            server.shutdown()
            thread.join()
