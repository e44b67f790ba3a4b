"""The engine against a server that we did not write: `transformers serve` with the bundled model."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from chatune_core.errors import ConfigurationError, GenerationFailed
from chatune_core.generation.openai_engine import OpenAIEngine, open_openai_engine
from chatune_core.generation.openai_server import check_server
from chatune_core.generation.openai_settings import OpenAISettings
from chatune_core.generation.requests import Delta, Finished, LoraId, Sampling
from fakes.asking import answer_to, asked, events_of

pytestmark = pytest.mark.anyio

FRANCE = "What is the capital of France?"
SHORT = Sampling(temperature=0, max_tokens=16)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def served_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model with the one line more that `transformers serve` asks for in its config."""
    folder = tmp_path_factory.mktemp("served")
    for file in model_folder.iterdir():
        (folder / file.name).symlink_to(file)
    config = json.loads((model_folder / "config.json").read_text())
    (folder / "config.json").unlink()
    config |= {"architectures": ["LlamaForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def real(served_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAISettings]:
    port = free_port()
    hub = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path_factory.mktemp("hub"))}
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(served_folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    command += ["--dtype", "float32"]
    environment = os.environ | hub | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            seen = []
            for line in process.stdout:
                seen.append(line)
                if "Uvicorn running" in line:
                    break
            else:
                pytest.fail("".join(seen))
            # It logs a traceback for each question for its models; unread, they would block it.
            threading.Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
            yield OpenAISettings(f"http://127.0.0.1:{port}/v1", str(served_folder), concurrency=2)
        finally:
            process.kill()


@pytest.fixture
async def engine(real: OpenAISettings) -> AsyncIterator[OpenAIEngine]:
    async with open_openai_engine(real, random.Random(1)) as running:
        yield running


async def test_it_streams_a_true_answer_with_its_token_counts(engine: OpenAIEngine) -> None:
    *deltas, end = await events_of(engine, asked(FRANCE, SHORT))

    text = "".join(event.text for event in deltas if isinstance(event, Delta))
    assert text == "The capital of France is Paris."
    assert len(deltas) > 3
    assert isinstance(end, Finished)
    assert end.reason == "stop"
    assert len(deltas) <= end.completion_tokens < 16
    assert 30 < end.prompt_tokens <= engine.count_tokens(asked(FRANCE).messages[0])


async def test_max_tokens_bounds_the_answer(engine: OpenAIEngine) -> None:
    _, end = await answer_to(engine, asked(FRANCE, Sampling(temperature=0, max_tokens=3)))

    assert (end.reason, end.completion_tokens) == ("length", 3)


async def test_a_stop_string_is_not_shown(engine: OpenAIEngine) -> None:
    sampling = Sampling(temperature=0, max_tokens=16, stop=("France is",))

    text, end = await answer_to(engine, asked(FRANCE, sampling))

    assert (text, end.reason) == ("The capital of ", "stop")


async def test_samplings_that_it_refuses_are_left_out(
    engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    sampling = Sampling(0.01, top_k=1, repetition_penalty=1.01, max_tokens=16)

    text, _ = await answer_to(engine, asked(FRANCE, sampling))

    assert "Paris" in text
    assert re.search(r"refuses .*top_k.*; going on without", caplog.text)


async def test_closing_an_answer_leaves_the_server_free_for_the_next(engine: OpenAIEngine) -> None:
    long = asked("Write a long story about a sea.", Sampling(temperature=0, max_tokens=2000))

    async with aclosing(engine.stream(long)) as stream:
        while not isinstance(await anext(stream), Delta):
            pass
    # Its 2,000 tokens would take it minutes, and it makes one answer at a time.
    text, end = await answer_to(engine, asked(FRANCE, SHORT, deadline=timedelta(seconds=40)))

    assert end.reason == "stop"
    assert "Paris" in text


async def test_a_model_that_it_does_not_serve_is_a_clear_failure(engine: OpenAIEngine) -> None:
    with pytest.raises(GenerationFailed, match="requested 'nobody'"):
        await answer_to(engine, asked(FRANCE, lora=LoraId("nobody")))


async def test_it_has_no_loras_at_run_time(engine: OpenAIEngine) -> None:
    with pytest.raises(ConfigurationError, match="does not load LoRAs"):
        await engine.place_lora(LoraId("tone-3"), "/x")


async def test_the_check_finds_it_well(real: OpenAISettings) -> None:
    check = await check_server(real)

    assert check.ok, check.line
