"""A moderation service: what it is sent, and every way in which it can fail."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.moderation.moderator import Classifier
from chatune_core.moderation.remote import (
    TEXTS_AT_ONCE,
    RemoteSettings,
    open_remote_classifier,
)
from chatune_core.moderation.verdicts import Category, Role

pytestmark = pytest.mark.anyio

Script = Callable[[dict[str, Any]], tuple[int, object]]


@dataclass
class Service:
    """Answers by `script`; remembers what it was sent."""

    script: Script
    url: str = ""
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    hang: threading.Event = field(default_factory=threading.Event)


@contextmanager
def service(script: Script) -> Iterator[Service]:
    serving = Service(script)
    serving.hang.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            serving.sent.append((self.path, self.headers["authorization"], body))
            serving.hang.wait(30)
            status, answer = serving.script(body)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                return  # a client that has given up is part of the tests

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        serving.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield serving
        finally:
            serving.hang.set()
            server.shutdown()
            thread.join()


def judged(body: dict[str, Any]) -> tuple[int, object]:
    """Score hate by the number at the end of each text, as OpenAI's endpoint would show it."""
    return 200, {
        "results": [
            {
                "flagged": False,
                "category_scores": {
                    "hate": float(text.split()[-1]),
                    "hate/threatening": 0.01,
                    "self-harm/intent": 0.3,
                    "self-harm": 0.2,
                    "illicit": 0.9,
                },
            }
            for text in body["input"]
        ]
    }


def settings(url: str, **more: Any) -> RemoteSettings:  # noqa: ANN401
    return RemoteSettings(url, "judge-1", "s3cret", **{"retry_after": timedelta(0), **more})


async def test_scores_of_subcategories_count_for_their_category() -> None:
    with service(judged) as serving:
        async with open_remote_classifier(settings(serving.url)) as classifier:
            port: Classifier = classifier
            [scores] = await port.scores(["say 0.7"], Role.USER)

    assert scores == {Category.HATE: 0.7, Category.SELF_HARM: 0.3}
    assert serving.sent == [
        ("/v1/moderations", "Bearer s3cret", {"model": "judge-1", "input": ["say 0.7"]})
    ]
    assert "s3cret" not in repr(settings(serving.url))


async def test_many_texts_go_in_few_requests_and_keep_their_order() -> None:
    texts = [f"text {i / 100}" for i in range(TEXTS_AT_ONCE + 5)]

    with service(judged) as serving:
        async with open_remote_classifier(settings(serving.url)) as classifier:
            scores = await classifier.scores(texts, Role.USER)

    assert [one[Category.HATE] for one in scores] == [max(0.01, i / 100) for i in range(len(texts))]
    assert len(serving.sent) == 2


async def test_an_operator_says_what_a_category_means() -> None:
    with service(judged) as serving:
        chosen = settings(serving.url, labels={"illicit": Category.VIOLENCE})
        async with open_remote_classifier(chosen) as classifier:
            [scores] = await classifier.scores(["say 0.7"], Role.USER)

    assert scores[Category.VIOLENCE] == 0.9


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_passing_failure_is_tried_again(status: int) -> None:
    answers = iter([(status, {"error": {"message": "busy"}}), (status, {"error": {}})])

    with service(lambda body: next(answers, None) or judged(body)) as serving:
        async with open_remote_classifier(settings(serving.url)) as classifier:
            [scores] = await classifier.scores(["say 0.7"], Role.USER)

    assert scores[Category.HATE] == 0.7
    assert len(serving.sent) == 3


async def test_a_service_that_stays_down_ends_the_check_after_the_retries() -> None:
    with service(lambda body: (503, {"error": {"message": "down for good"}})) as serving:
        async with open_remote_classifier(settings(serving.url, retries=1)) as classifier:
            with pytest.raises(RetryLater, match="down for good"):
                await classifier.scores(["say 0.7"], Role.USER)

    assert len(serving.sent) == 2


async def test_a_service_that_hangs_ends_the_check_in_time() -> None:
    with service(judged) as serving:
        serving.hang.clear()
        chosen = settings(serving.url, answer_for=timedelta(milliseconds=100), retries=1)
        async with open_remote_classifier(chosen) as classifier:
            with pytest.raises(RetryLater, match="took too long"):
                await classifier.scores(["say 0.7"], Role.USER)

    assert len(serving.sent) == 2


@pytest.mark.parametrize(
    ("status", "said"), [(401, "refuses the API key"), (404, "has no endpoint for moderation")]
)
async def test_what_would_fail_again_is_not_tried_again(status: int, said: str) -> None:
    with service(lambda body: (status, {"error": {"message": "no s3cret"}})) as serving:
        async with open_remote_classifier(settings(serving.url)) as classifier:
            with pytest.raises(GenerationFailed, match=said) as caught:
                await classifier.scores(["say 0.7"], Role.USER)

    assert len(serving.sent) == 1
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        [],
        {"results": []},
        {"results": [{"category_scores": None}]},
        {"results": [{"category_scores": {"hate": "very"}}]},
    ],
)
async def test_an_answer_of_another_shape_is_a_passing_failure(answer: object) -> None:
    with service(lambda body: (200, answer)) as serving:
        async with open_remote_classifier(settings(serving.url, retries=0)) as classifier:
            with pytest.raises(RetryLater):
                await classifier.scores(["say 0.7"], Role.USER)
