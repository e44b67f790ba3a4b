"""What was trained is what the engine serves: the same answers that transformers and PEFT give."""

from pathlib import Path
from typing import Any

import pytest
import torch

from chatune_core.generation.engine import open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.loading import ModelSettings, open_runner
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    GenerationRequest,
    LoraId,
    RequestId,
    Sampling,
)
from chatune_core.learning.trainer import train
from chatune_core.messages import ConversationId, UserId
from fakes.learned import QUESTIONS, dataset, recipe, tastes
from fakes.tiny_models import reference, write_model

pytestmark = [
    pytest.mark.anyio,
    # peft asks transformers 5 for a name that it renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]

BROKEN = "\N{REPLACEMENT CHARACTER}"
TOKENS = 12


def greedy(model: Any, prompt: list[int], ends: frozenset[int]) -> list[int]:  # noqa: ANN401
    made: list[int] = []
    with torch.no_grad():
        while len(made) < TOKENS and not ends.intersection(made):
            made.append(int(model(torch.tensor([prompt + made])).logits[0, -1].argmax()))
    return [token for token in made if token not in ends]


async def test_the_engine_answers_as_the_trained_model_does(tmp_path: Path) -> None:
    from peft import PeftModel

    base = write_model(tmp_path / "model", "llama")
    trained = train(
        dataset(tastes(20)), base, tmp_path / "lora", tmp_path / "work", recipe(epochs=4)
    )
    settings = ModelSettings(
        tmp_path,
        model=str(base),
        device="cpu",
        dtype="float32",
        weights="unpacked",
        slots=2,
        context_tokens=128,
    )
    opened = open_runner(settings, lambda stage, done: None)

    answers = []
    async with open_engine(
        opened.runner, opened.tokenizer, opened.model, EngineSettings()
    ) as engine:
        await engine.place_lora(LoraId("trained"), str(trained.folder))
        for question in QUESTIONS[:3]:
            request = GenerationRequest(
                RequestId(question),
                (ChatMessage("user", question),),
                Sampling(temperature=0.0, max_tokens=TOKENS),
                UserId("somebody"),
                ConversationId("somewhere"),
                lora=LoraId("trained"),
            )
            events = [event async for event in engine.stream(request)]
            answers.append("".join(event.text for event in events if isinstance(event, Delta)))

    tuned = PeftModel.from_pretrained(reference(base), str(trained.folder))
    prompts = [opened.tokenizer.encode_chat([ChatMessage("user", q)]) for q in QUESTIONS[:3]]
    made = [greedy(tuned, prompt, opened.tokenizer.eos_tokens) for prompt in prompts]
    expected = [opened.tokenizer.decode(tokens) for tokens in made]
    # A random model writes broken characters, and a half one at the end is not shown.
    assert [answer.rstrip(BROKEN) for answer in answers] == [
        text.rstrip(BROKEN) for text in expected
    ]
    bare = [greedy(reference(base), prompt, opened.tokenizer.eos_tokens) for prompt in prompts]
    assert made != bare
