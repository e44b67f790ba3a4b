"""A good answer, from request to end."""

import anyio
import pytest

from chatune_core.generation.openai_engine import OpenAIEngine
from chatune_core.generation.requests import ChatMessage, Delta, Finished, LoraId, Sampling
from chatune_core.ports import Generator
from fakes.asking import answer_to, asked, events_of
from fakes.openai_server import Answer, FakeOpenAIServer

pytestmark = pytest.mark.anyio


def test_the_engine_is_a_generator(engine: OpenAIEngine) -> None:
    port: Generator = engine

    assert port.model == "m"


async def test_an_answer_comes_in_pieces_and_then_its_end(engine: OpenAIEngine) -> None:
    events = await events_of(engine, asked())

    assert events[:-1] == [Delta("Hello"), Delta(" there"), Delta(".")]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"
    assert 0 <= events[-1].queued_s <= events[-1].first_token_s <= events[-1].total_s


async def test_the_servers_token_counts_are_reported(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    details = {"cached_tokens": 30}
    counts = {"prompt_tokens": 40, "completion_tokens": 9, "prompt_tokens_details": details}
    server.script = [Answer(usage=counts)]

    _, end = await answer_to(engine, asked())

    assert (end.prompt_tokens, end.cached_prompt_tokens, end.completion_tokens) == (40, 30, 9)


async def test_without_counts_from_the_server_they_are_estimated(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.usage = None

    _, end = await answer_to(engine, asked("Hi"))

    assert end.prompt_tokens == engine.count_tokens(ChatMessage("user", "Hi"))
    assert end.completion_tokens == 3


async def test_the_request_reaches_the_server_whole(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    sampling = Sampling(0.5, 0.8, 40, 0.05, 1.1, seed=11, max_tokens=64, stop=("END",))

    await answer_to(engine, asked("Hi", sampling))

    assert server.completions == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.5,
            "top_p": 0.8,
            "top_k": 40,
            "min_p": 0.05,
            "repetition_penalty": 1.1,
            "seed": 11,
            "max_tokens": 64,
            "stop": ["END"],
        }
    ]


async def test_samplings_that_are_off_are_not_sent(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    await answer_to(engine, asked("Hi", Sampling(temperature=0, top_p=0.5, top_k=3, min_p=0.1)))

    sent = server.completions[0]
    assert sent["temperature"] == 0
    assert not sent.keys() & {"top_p", "top_k", "min_p", "repetition_penalty", "stop"}


async def test_a_drawn_seed_is_sent_and_reported(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    ends = [(await answer_to(engine, asked()))[1] for _ in range(2)]

    assert [sent["seed"] for sent in server.completions] == [end.seed for end in ends]
    assert ends[0].seed != ends[1].seed


async def test_a_lora_is_asked_for_as_the_model(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.loras = {"tone-3": "/loras/tone-3"}

    _, end = await answer_to(engine, asked(lora=LoraId("tone-3")))

    assert server.completions[0]["model"] == "tone-3"
    assert (end.model, end.lora) == ("m", "tone-3")


async def test_broken_text_from_a_terminal_is_sent_with_marks_for_what_is_broken(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    await answer_to(engine, asked("caf\udce9"))

    assert server.completions[0]["messages"][0]["content"] == "caf?"


async def test_a_full_completion_ends_with_reason_length(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer(finish="length")]

    _, end = await answer_to(engine, asked())

    assert end.reason == "length"


async def test_a_stop_string_that_the_server_ignores_ends_the_answer_and_hangs_up(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer(("One", " tw", "o E", "N", "D three"), wait_last=anyio.Event())]
    sampling = Sampling(temperature=0, stop=("END",))

    text, end = await answer_to(engine, asked("Hi", sampling))

    assert (text, end.reason) == ("One two ", "stop")
    assert end.completion_tokens == 5
    await server.hung_up.wait()


async def test_the_beginning_of_a_stop_string_is_shown_if_nothing_follows(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer(("THE E", "N"))]

    text, _ = await answer_to(engine, asked("Hi", Sampling(temperature=0, stop=("END",))))

    assert text == "THE EN"


async def test_a_character_split_over_two_pieces_comes_whole(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer(("so \ud83d", "\ude00!"))]

    events = await events_of(engine, asked())

    assert events[:-1] == [Delta("so "), Delta("😀!")]


async def test_thoughts_are_not_shown(server: FakeOpenAIServer, engine: OpenAIEngine) -> None:
    server.script = [Answer(("Yes",), thoughts=("let me", " see"))]

    text, _ = await answer_to(engine, asked())

    assert text == "Yes"


async def test_an_empty_answer_has_an_end_too(
    server: FakeOpenAIServer, engine: OpenAIEngine
) -> None:
    server.script = [Answer(())]

    text, end = await answer_to(engine, asked())

    assert (text, end.reason) == ("", "stop")
