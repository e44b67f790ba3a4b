"""The systems of the generation benchmark behind one face: ours, transformers' two, any server."""

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anyio
import torch
from generation_work import PAUSE_S, Ask, Timing, clock
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig, GenerationConfig

from chatune_core.generation.completion import ChatTokenizer
from chatune_core.generation.engine import open_engine
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
from chatune_core.ports import Generator

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Weights = Literal["auto", "unpacked", "int8", "int4"]
NO_END = -1
"""As end-of-sequence token: no token has it, so that every answer is as long as asked."""


class Endless:
    """A tokenizer whose turns never end, so that every answer has the tokens asked for."""

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self.eos_tokens: frozenset[int] = frozenset()

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        return self._tokenizer.encode_chat(messages)

    def count_tokens(self, message: ChatMessage) -> int:
        return self._tokenizer.count_tokens(message)

    def decode(self, tokens: Sequence[int]) -> str:
        return self._tokenizer.decode(tokens)


class Generating:
    """Any `Generator`, ours in-process or a server; each request is of another person."""

    def __init__(self, name: str, generator: Generator) -> None:
        self.name = name
        self.generator = generator
        self._asked = 0

    async def answer(self, ask: Ask) -> Timing:
        self._asked += 1
        name = f"bench:{self._asked}"
        request = GenerationRequest(
            RequestId(name),
            ask.messages,
            Sampling(temperature=0, max_tokens=ask.tokens),
            UserId(name),
            ConversationId(name),
            lora=ask.lora,
        )
        timing = Timing(clock())
        async for event in self.generator.stream(request):
            if isinstance(event, Delta) and not timing.first:
                timing.first = clock()
            elif isinstance(event, Finished):
                timing.done = clock()
                timing.tokens = event.completion_tokens
                timing.prompt_tokens = event.prompt_tokens
        timing.first = timing.first or timing.done
        return timing


def open_model(cache_dir: Path, weights: Weights, slots: int) -> OpenedModel:
    """Load the bundled model for our engine."""
    settings = ModelSettings(cache_dir, weights=weights, slots=slots)
    return open_runner(settings, lambda stage, done: None)


@asynccontextmanager
async def chatune(opened: OpenedModel, weights: str) -> AsyncIterator[Generating]:
    """Yield our engine, its answers made as long as asked."""
    settings = EngineSettings(queue_limit=1024)
    async with open_engine(
        opened.runner, Endless(opened.tokenizer), opened.model, settings
    ) as engine:
        yield Generating(f"chatune, {weights}", engine)


def open_transformers(folder: Path) -> "PreTrainedModel":
    """Load the same weights for transformers, in bfloat16."""
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, attn_implementation="sdpa"
    )
    return model


class StaticBatch:
    """`model.generate` over what waits, up to `limit` at once; who comes later waits for its end.

    It shows nothing before its end, so the first token comes with the last.
    """

    def __init__(self, model: "PreTrainedModel", tokenizer: ChatTokenizer, limit: int) -> None:
        self.name = "transformers generate, static batch"
        self._model, self._tokenizer, self._limit = model, tokenizer, limit
        self._waiting: list[tuple[Ask, Timing, anyio.Event]] = []
        self._device = anyio.Lock()

    async def answer(self, ask: Ask) -> Timing:
        timing, done = Timing(clock()), anyio.Event()
        self._waiting.append((ask, timing, done))
        async with self._device:
            if not done.is_set():
                # A moment to gather, or the first to come would be answered alone.
                if self._limit > len(self._waiting):
                    await anyio.sleep(4 * PAUSE_S)
                await self._batch()
        return timing

    async def _batch(self) -> None:
        batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
        prompts = [self._tokenizer.encode_chat(ask.messages) for ask, *_ in batch]
        tokens = max(ask.tokens for ask, *_ in batch)
        await anyio.to_thread.run_sync(self._generate, prompts, tokens)
        now = clock()
        for (ask, timing, done), prompt in zip(batch, prompts, strict=True):
            timing.first, timing.done, timing.tokens = now, now, ask.tokens
            timing.prompt_tokens = len(prompt)
            done.set()

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[Sequence[int]], tokens: int) -> None:
        longest = max(map(len, prompts))
        padded = torch.tensor([[0] * (longest - len(p)) + list(p) for p in prompts])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        made = self._model.generate(  # type: ignore[operator]
            input_ids=padded, attention_mask=mask, generation_config=_greedy(tokens)
        )
        assert made.shape[1] == longest + tokens


class ContinuousBatch:
    """transformers' continuous batching; open with `continuous_batch`."""

    def __init__(self, name: str, manager: Any, tokenizer: ChatTokenizer) -> None:  # noqa: ANN401
        self.name = name
        self._manager, self._tokenizer = manager, tokenizer
        self._asked = 0

    async def answer(self, ask: Ask) -> Timing:
        self._asked += 1
        name, timing, done = f"bench {self._asked}", Timing(clock()), anyio.Event()
        prompt = self._tokenizer.encode_chat(ask.messages)

        def came(output: Any) -> None:  # noqa: ANN401
            timing.first = timing.first or clock()
            if output.is_finished():
                assert output.error is None, output.error
                timing.done, timing.tokens = clock(), len(output.generated_tokens)
                done.set()

        self._manager.register_result_handler(name, came)
        self._manager.add_request(
            prompt, request_id=name, max_new_tokens=ask.tokens, streaming=True, eos_token_id=NO_END
        )
        await done.wait()
        timing.prompt_tokens = len(prompt)
        return timing


@asynccontextmanager
async def continuous_batch(
    model: "PreTrainedModel", tokenizer: ChatTokenizer, in_flight: int, small: bool
) -> AsyncIterator[ContinuousBatch]:
    """Yield transformers' continuous batching, as it comes or with a cache just large enough."""
    page, longest = 32, 448
    pages = math.ceil(longest / page) * in_flight + 4
    config = (
        ContinuousBatchingConfig(page_size=page, num_blocks=pages, max_batch_tokens=512)
        if small
        else ContinuousBatchingConfig()
    )
    with model.continuous_batching_context_manager(  # type: ignore[operator]
        generation_config=_greedy(64), continuous_batching_config=config, timeout=10
    ) as manager:
        kind = "small cache" if small else "as it comes"
        yield ContinuousBatch(f"transformers continuous batching, {kind}", manager, tokenizer)


def make_loras(folder: Path, model: Path, count: int, rank: int = 8) -> list[tuple[LoraId, str]]:
    """Write `count` random LoRAs on all linear layers; return their names and folders."""
    from peft import LoraConfig, get_peft_model

    made = []
    for number in range(count):
        torch.manual_seed(number)
        config = LoraConfig(r=rank, target_modules="all-linear", init_lora_weights=False)
        path = folder / f"lora-{number}"
        get_peft_model(open_transformers(model), config).save_pretrained(str(path))
        made.append((LoraId(path.name), str(path)))
    return made


def _greedy(tokens: int) -> GenerationConfig:
    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        do_sample=False,
        eos_token_id=NO_END,
        pad_token_id=0,
    )
