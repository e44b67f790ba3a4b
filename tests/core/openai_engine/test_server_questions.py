"""What the server is asked beside completions: its context, its LoRAs, its health."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.errors import ConfigurationError, GenerationFailed, RetryLater
from chatune_core.generation.openai_engine import DEFAULT_CONTEXT_TOKENS, OpenAIEngine
from chatune_core.generation.openai_server import check_server
from chatune_core.generation.openai_settings import OpenAISettings
from chatune_core.generation.requests import LoraId
from fakes.asking import answer_to, asked
from fakes.openai_server import FakeOpenAIServer, Refusal

Open = Callable[..., AbstractAsyncContextManager[OpenAIEngine]]

pytestmark = pytest.mark.anyio

TONE = LoraId("tone-3")


async def test_the_context_is_the_configured_one(server: FakeOpenAIServer, opened: Open) -> None:
    server.models = [{"id": "m", "max_model_len": 32768}]

    async with opened(context_tokens=1000) as engine:
        assert engine.context_tokens == 1000


async def test_the_context_is_else_what_the_server_says(
    server: FakeOpenAIServer, opened: Open
) -> None:
    server.models = [{"id": "n", "max_model_len": 5}, {"id": "m", "max_model_len": 32768}]

    async with opened() as engine:
        assert engine.context_tokens == 32768


@pytest.mark.parametrize("answer", [None, Refusal(500, "no"), Refusal(200, "<html>")])
async def test_the_context_is_else_a_default_and_the_log_says_so(
    server: FakeOpenAIServer, opened: Open, caplog: pytest.LogCaptureFixture, answer: Refusal | None
) -> None:
    server.models_refusal = answer

    async with opened() as engine:
        assert engine.context_tokens == DEFAULT_CONTEXT_TOKENS

    assert "set context_tokens" in caplog.text


async def test_a_server_that_starts_later_is_asked_then(
    server: FakeOpenAIServer, opened: Open
) -> None:
    server.models = [{"id": "m", "max_model_len": 32768}]
    server.pause_listing()

    async with opened(connect_for=timedelta(seconds=0.05)) as engine:
        before = engine.context_tokens
        server.resume_listing()
        await answer_to(engine, asked())

        assert (before, engine.context_tokens) == (DEFAULT_CONTEXT_TOKENS, 32768)


async def test_a_wrong_key_stops_the_start(server: FakeOpenAIServer, opened: Open) -> None:
    server.models_refusal = Refusal(401, {"error": {"message": "sk-secret is wrong"}})

    with pytest.raises(ConfigurationError, match="refuses the API key") as raised:
        async with opened():
            pass

    assert "sk-secret" not in str(raised.value)


def test_a_base_url_without_a_scheme_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="http://"):
        OpenAISettings("localhost:8000/v1", "m")


async def test_a_placed_lora_answers_and_a_dropped_one_does_not(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.loras = {}

    await engine.place_lora(TONE, "/loras/tone-3")
    await answer_to(engine, asked(lora=TONE))
    assert server.loras == {"tone-3": "/loras/tone-3"}

    await engine.drop_lora(TONE)
    with pytest.raises(GenerationFailed, match="does not serve"):
        await answer_to(engine, asked(lora=TONE))


async def test_placing_and_dropping_twice_is_harmless(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.loras = {}

    await engine.place_lora(TONE, "/loras/tone-3")
    await engine.place_lora(TONE, "/loras/tone-3")
    await engine.drop_lora(TONE)
    await engine.drop_lora(TONE)

    assert server.loras == {}


async def test_a_folder_that_is_no_lora_is_refused_with_the_servers_words(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.loras = {}

    with pytest.raises(GenerationFailed, match="No adapter found"):
        await engine.place_lora(TONE, "/loras/missing")


@pytest.mark.parametrize("what", ["place", "drop"])
async def test_a_server_without_loras_at_run_time_is_a_configuration_error(
    engine: OpenAIEngine, what: str
) -> None:
    with pytest.raises(ConfigurationError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
        await (engine.place_lora(TONE, "/x") if what == "place" else engine.drop_lora(TONE))


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_key_is_no_fault_of_the_lora(
    server: FakeOpenAIServer, engine: OpenAIEngine, status: int
) -> None:
    server.loras, server.loras_refusal = {}, Refusal(status, {"error": {"message": "no"}})

    with pytest.raises(ConfigurationError, match="Set the right API key"):
        await engine.place_lora(TONE, "/loras/tone-3")


async def test_a_server_that_does_not_answer_in_time_is_no_fault_of_the_lora(
    server: FakeOpenAIServer, opened: Open
) -> None:
    server.loras = {}
    async with opened(first_token_for=timedelta(0)) as engine:
        with pytest.raises(RetryLater, match="did not answer for 'tone-3' in time"):
            await engine.place_lora(TONE, "/loras/tone-3")


async def test_a_server_that_is_down_places_nothing(opened: Open) -> None:
    async with opened(base_url="http://127.0.0.1:9/v1") as engine:
        with pytest.raises(RetryLater):
            await engine.place_lora(TONE, "/x")


async def test_the_check_names_the_model_and_its_context(
    server: FakeOpenAIServer, settings: OpenAISettings
) -> None:
    server.models = [{"id": "m", "max_model_len": 32768}]

    check = await check_server(settings)

    assert check.ok
    assert check.line == f"{server.base_url} serves 'm', 32768 tokens of context"


async def test_the_check_asks_a_server_that_does_not_list_its_models_for_a_token(
    server: FakeOpenAIServer, settings: OpenAISettings
) -> None:
    server.models_refusal = Refusal(500, "no")
    server.script = [Refusal(200, {"id": "c", "choices": []})]

    check = await check_server(settings)

    assert check.ok
    assert server.completions[0]["max_tokens"] == 1


async def test_the_check_offers_the_models_that_are_served(
    server: FakeOpenAIServer, settings: OpenAISettings
) -> None:
    server.models = [{"id": "qwen"}, {"id": "llama"}]

    check = await check_server(settings)

    assert not check.ok
    assert "does not serve 'm'" in check.line
    assert check.remedy == "Set the model to one that it serves: llama, qwen."


@pytest.mark.parametrize(
    ("refusal", "line", "remedy"),
    [
        (Refusal(401, {"error": {"message": "bad sk-secret"}}), "refuses the API key", "key"),
        (Refusal(200, "<html>"), "does not answer", "/v1"),
        (Refusal(404, {"detail": "Not Found"}), "does not answer", "/v1"),
    ],
)
async def test_the_check_says_what_to_mend(
    server: FakeOpenAIServer, settings: OpenAISettings, refusal: Refusal, line: str, remedy: str
) -> None:
    server.models_refusal = refusal
    server.script = [refusal]

    check = await check_server(settings)

    assert not check.ok
    assert line in check.line
    assert remedy in check.remedy
    assert "sk-secret" not in check.line


async def test_the_check_says_when_nothing_answers(settings: OpenAISettings) -> None:
    check = await check_server(replace(settings, base_url="http://127.0.0.1:9/v1"))

    assert not check.ok
    assert "cannot be reached" in check.line
    assert "Start the server" in check.remedy


async def test_the_check_does_not_wait_for_a_server_that_hangs(
    server: FakeOpenAIServer, settings: OpenAISettings
) -> None:
    server.pause_listing()

    check = await check_server(replace(settings, connect_for=timedelta(seconds=0.05)))

    assert not check.ok
    assert "no answer in time" in check.line
