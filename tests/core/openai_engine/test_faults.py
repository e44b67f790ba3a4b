"""What goes wrong between us and the server, and what the caller is told."""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.generation.openai_engine import OpenAIEngine
from chatune_core.generation.requests import Delta, GenerationEvent, LoraId, Sampling
from fakes.asking import answer_to, asked, events_of
from fakes.openai_server import Answer, FakeOpenAIServer, Refusal

Open = Callable[..., AbstractAsyncContextManager[OpenAIEngine]]


pytestmark = pytest.mark.anyio


def busy(**headers: str) -> Refusal:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refusal(429, {"error": {"message": "too many"}}, named)


async def collect(engine: OpenAIEngine, seen: list[GenerationEvent]) -> None:
    async for event in engine.stream(asked()):
        seen.append(event)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 408])
async def test_a_passing_failure_is_tried_again_before_any_text(
    server: FakeOpenAIServer, engine: OpenAIEngine, status: int
) -> None:
    server.script = [Refusal(status, "no")]

    text, _ = await answer_to(engine, asked())

    assert text == "Hello there."
    assert len(server.completions) == 2


async def test_a_short_retry_after_is_waited_for(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [busy(retry_after="0.02")]

    _, end = await answer_to(engine, asked())

    assert end.total_s >= 0.02
    assert len(server.completions) == 2


@pytest.mark.parametrize(
    "stated",
    [lambda: "90", lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=90))],
    ids=["seconds", "date"],
)
async def test_a_long_retry_after_is_passed_on(
    server: FakeOpenAIServer, engine: OpenAIEngine, stated: Callable[[], str]
) -> None:
    server.script = [busy(retry_after=stated())]

    with pytest.raises(RetryLater, match="too many") as raised:
        await events_of(engine, asked())

    assert timedelta(seconds=60) < raised.value.after <= timedelta(seconds=90)
    assert len(server.completions) == 1


async def test_a_lasting_outage_ends_the_tries(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Refusal(500, "no")] * 9

    with pytest.raises(RetryLater, match="500"):
        await events_of(engine, asked())

    assert len(server.completions) == 3


async def test_a_server_that_is_down_means_later(opened: Open) -> None:
    async with opened(base_url="http://127.0.0.1:9/v1") as engine:
        with pytest.raises(RetryLater, match=r"127\.0\.0\.1:9"):
            await events_of(engine, asked())


async def test_a_stream_that_breaks_before_its_text_is_tried_again(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer((), breaks=True)]

    text, _ = await answer_to(engine, asked())

    assert text == "Hello there."


@pytest.mark.parametrize("answer", [Answer(("Half",), breaks=True), Answer(("Half",), finish=None)])
async def test_a_stream_that_breaks_amid_its_text_is_not(
    server: FakeOpenAIServer, engine: OpenAIEngine, answer: Answer
) -> None:
    server.script = [answer]
    seen: list[GenerationEvent] = []

    with pytest.raises(RetryLater):
        await collect(engine, seen)

    assert seen == [Delta("Half")]
    assert len(server.completions) == 1


@pytest.mark.parametrize(
    "line",
    ['data: {"error": "out of memory"}\n\n', "data: <html>\n\n", "data: [1]\n\n", "<html>\n\n"],
)
async def test_a_stream_of_nonsense_means_later(
    server: FakeOpenAIServer, engine: OpenAIEngine, line: str
) -> None:
    server.script = [Answer(raw=(line,))] * 3

    with pytest.raises(RetryLater, match=r"127\.0\.0\.1"):
        await events_of(engine, asked())


async def test_a_first_token_that_does_not_come_means_later(
    server: FakeOpenAIServer, opened: Open
) -> None:
    server.script = [Answer(wait_first=anyio.Event())]

    async with opened(first_token_for=timedelta(seconds=0.05), retries=0) as engine:
        with pytest.raises(RetryLater):
            await events_of(engine, asked())

    await server.hung_up.wait()


async def test_headers_that_do_not_come_mean_later(server: FakeOpenAIServer, opened: Open) -> None:
    server.script = [Answer(wait=anyio.Event())]

    async with opened(first_token_for=timedelta(seconds=0.05), retries=0) as engine:
        with pytest.raises(RetryLater):
            await events_of(engine, asked())

    await server.hung_up.wait()


async def test_silence_amid_the_answer_means_later(server: FakeOpenAIServer, opened: Open) -> None:
    server.script = [Answer(wait_last=anyio.Event())]

    async with opened(between_tokens_for=timedelta(seconds=0.05)) as engine:
        with pytest.raises(RetryLater, match="silent"):
            await events_of(engine, asked())

    assert len(server.completions) == 1


async def test_the_deadline_ends_an_answer_with_the_text_so_far(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer(("One", " two E"), wait_last=anyio.Event())]
    sampling = Sampling(temperature=0, stop=("END",))

    text, end = await answer_to(engine, asked("Hi", sampling, deadline=timedelta(seconds=0.1)))

    assert (text, end.reason) == ("One two E", "deadline")
    await server.hung_up.wait()


async def test_the_deadline_may_come_before_the_first_token(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer(wait=anyio.Event())]

    text, end = await answer_to(engine, asked(deadline=timedelta(seconds=0.05)))

    assert (text, end.reason) == ("", "deadline")
    assert end.completion_tokens == 0


async def test_no_try_is_begun_that_the_deadline_would_cut_off(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [busy(retry_after="5")]

    with pytest.raises(RetryLater):
        await events_of(engine, asked(deadline=timedelta(seconds=2)))


async def test_parameters_that_the_server_refuses_are_left_out_and_named_once(
    server: FakeOpenAIServer, engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.strict = True
    sampling = Sampling(0.5, top_k=5, min_p=0.1)

    with caplog.at_level(logging.WARNING):
        texts = [(await answer_to(engine, asked("Hi", sampling)))[0] for _ in range(2)]

    assert texts == ["Hello there."] * 2
    assert len(server.completions) == 3
    named = [record.getMessage() for record in caplog.records if "refuses" in record.getMessage()]
    assert named == [f"{server.base_url} refuses min_p, top_k; going on without"]


async def test_a_server_that_wants_the_newer_name_of_max_tokens_gets_it(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    wanted = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    server.script = [Refusal(400, {"error": {"message": wanted}})]

    await answer_to(engine, asked("Hi", Sampling(max_tokens=64)))

    assert server.completions[1]["max_completion_tokens"] == 64
    assert "max_tokens" not in server.completions[1]


@pytest.mark.parametrize(
    "words",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: the maximum context length is 8192",
        "the request exceeds the available context size, try increasing it",
        "Requested token count exceeds the model's maximum context length of 4096 tokens.",
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 and 512",
    ],
)
async def test_a_prompt_beyond_the_context_can_never_succeed(
    server: FakeOpenAIServer, engine: OpenAIEngine, words: str
) -> None:
    server.script = [Refusal(400, {"error": {"message": words}})] * 2

    with pytest.raises(GenerationFailed, match="too long"):
        await events_of(engine, asked())

    assert len(server.completions) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(401, "refuses the API key"), (403, "not allow"), (402, "refuses the")]
)
async def test_a_refusal_is_one_clear_line(
    server: FakeOpenAIServer, engine: OpenAIEngine, status: int, words: str
) -> None:
    server.script = [Refusal(status, {"error": {"message": "No.\nNever."}})]

    with pytest.raises(GenerationFailed, match=words) as raised:
        await events_of(engine, asked())

    assert str(raised.value).endswith(": No. Never.")


async def test_an_unknown_lora_can_never_succeed(engine: OpenAIEngine) -> None:
    with pytest.raises(GenerationFailed, match="does not serve 'nobody'"):
        await events_of(engine, asked(lora=LoraId("nobody")))


async def test_the_servers_own_filter_is_no_answer(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer((), finish="content_filter")]

    with pytest.raises(GenerationFailed, match="content filter"):
        await events_of(engine, asked())


async def test_the_api_key_is_in_no_error_log_or_repr(
    server: FakeOpenAIServer, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    server.script = [Refusal(401, {"error": {"message": "wrong key sk-secret"}}), Answer(())]

    with caplog.at_level(logging.DEBUG):
        async with opened() as engine:
            with pytest.raises(GenerationFailed) as raised:
                await events_of(engine, asked())
            await events_of(engine, asked())

    assert server.calls[-1].headers["authorization"] == "Bearer sk-secret"
    told = [str(raised.value), repr(engine), repr(engine._settings), caplog.text]
    assert not [text for text in told if "sk-secret" in text]


async def test_without_a_key_the_environments_is_not_sent(
    server: FakeOpenAIServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-someone-elses")

    async with opened(api_key=None) as engine:
        await answer_to(engine, asked())

    assert {call.headers["authorization"] for call in server.calls} == {"Bearer none"}
