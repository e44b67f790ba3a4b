"""The engine over real forwards: what batching, arrival and neighbours must not change."""

import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
import torch
from anyio.lowlevel import checkpoint

from chatune_core.generation.bundled import bundled_chat_model
from chatune_core.generation.conversion import convert_once
from chatune_core.generation.engine import Engine, open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.loading import ModelSettings, OpenedModel, open_runner
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationRequest,
    LoraId,
    RequestId,
    Sampling,
)
from chatune_core.messages import ConversationId, UserId
from fakes.tiny_models import reference, reference_with, write_lora, write_model

pytestmark = [
    pytest.mark.anyio,
    # peft asks transformers 5 for a name that it renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]

HALF = "\N{REPLACEMENT CHARACTER}"
QUESTIONS = [
    "What is the capital of France?",
    "Tell me a joke.",
    "How does rain form? Explain it to a child of five years, in simple words, in one sentence.",
    "Hello!",
    "What is the capital of Italy?",
    "Name five animals that live in the sea.",
]


def unpacked(folder: Path, cache: Path) -> OpenedModel:
    settings = ModelSettings(
        cache,
        model=str(folder),
        device="cpu",
        dtype="float32",
        weights="unpacked",
        slots=4,
        context_tokens=128,
    )
    return open_runner(settings, lambda stage, done: None)


def engine_over(opened: OpenedModel) -> AbstractAsyncContextManager[Engine]:
    limits = EngineSettings(prefill_tokens_per_step=16)
    return open_engine(opened.runner, opened.tokenizer, opened.model, limits)


async def answers_at_random_times(
    engine: Engine, questions: Sequence[tuple[str, LoraId | None]], tokens: int
) -> list[str]:
    """Ask each question some steps after the one before, and return the answers in order."""
    texts = [""] * len(questions)
    pause = random.Random(5)

    async def ask(place: int, question: str, lora: LoraId | None) -> None:
        request = GenerationRequest(
            id=RequestId(str(place)),
            messages=(ChatMessage("user", question),),
            sampling=Sampling(temperature=0.0, max_tokens=tokens),
            user=UserId(f"user {place}"),
            conversation=ConversationId(f"talk {place}"),
            lora=lora,
        )
        async for event in engine.stream(request):
            if isinstance(event, Delta):
                texts[place] += event.text
        assert isinstance(event, Finished)

    async with anyio.create_task_group() as tasks:
        for place, (question, lora) in enumerate(questions):
            tasks.start_soon(ask, place, question, lora)
            later = engine.stats().steps + pause.randrange(6)
            while engine.stats().running and engine.stats().steps < later:
                await checkpoint()
    # A random model writes broken characters, and a half one at the end is not shown.
    return [text.rstrip(HALF) for text in texts]


def greedy(model: Any, opened: OpenedModel, question: str, tokens: int) -> str:  # noqa: ANN401
    """Return the answer of transformers' own generate to one question alone."""
    prompt = opened.tokenizer.encode_chat([ChatMessage("user", question)])
    made = model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        max_new_tokens=tokens,
        eos_token_id=list(opened.tokenizer.eos_tokens),
        pad_token_id=2,
    )
    new: list[int] = made[0, len(prompt) :].tolist()
    if new[-1] in opened.tokenizer.eos_tokens:
        new.pop()
    return opened.tokenizer.decode(new).rstrip(HALF)


async def test_greedy_answers_are_those_of_transformers_whenever_requests_arrive(
    tmp_path: Path,
) -> None:
    opened = unpacked(write_model(tmp_path / "model", "llama"), tmp_path)
    model = reference(tmp_path / "model")

    async with engine_over(opened) as engine:
        asked: list[tuple[str, LoraId | None]] = [(question, None) for question in QUESTIONS]
        texts = await answers_at_random_times(engine, asked * 2, tokens=25)

    expected = [greedy(model, opened, question, 25) for question in QUESTIONS]
    assert texts == expected * 2


async def test_each_lora_answers_for_itself_beside_the_others(tmp_path: Path) -> None:
    base = write_model(tmp_path / "model", "llama")
    opened = unpacked(base, tmp_path)
    folders = {
        LoraId(name): write_lora(tmp_path / name, base, seed)
        for seed, name in enumerate(["formal", "funny"])
    }

    async with engine_over(opened) as engine:
        for lora, folder in folders.items():
            await engine.place_lora(lora, str(folder))
        asked = [(question, lora) for question in QUESTIONS[:4] for lora in [*folders, None]]
        texts = await answers_at_random_times(engine, asked, tokens=15)

    models = {lora: reference_with(folder, base) for lora, folder in folders.items()}
    expected = [
        greedy(models[lora] if lora else reference(base), opened, question, 15)
        for question, lora in asked
    ]
    assert texts == expected
    assert len(set(expected[:3])) == 3


@pytest.mark.timeout(180)
async def test_the_bundled_model_answers_as_under_transformers(models_cache: Path) -> None:
    folder = convert_once(bundled_chat_model(), models_cache, lambda stage, done: None)
    opened = unpacked(folder, models_cache)

    async with engine_over(opened) as engine:
        asked: list[tuple[str, LoraId | None]] = [(question, None) for question in QUESTIONS]
        texts = await answers_at_random_times(engine, asked, tokens=12)

    model = reference(folder)
    assert texts == [greedy(model, opened, question, 12) for question in QUESTIONS]
    assert "Paris" in texts[0]
