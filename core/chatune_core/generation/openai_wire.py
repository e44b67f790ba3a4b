"""A generation request as the parameters of a chat completion, and what a server refuses of them."""

import json
import re
from collections.abc import Collection
from typing import Any

import openai

from chatune_core.generation.requests import GenerationRequest, Sampling

OPTIONAL = frozenset(
    {
        "temperature",
        "top_p",
        "seed",
        "stop",
        "stream_options",
        "top_k",
        "min_p",
        "repetition_penalty",
    }
)
"""What a request can do without: dropped when the server refuses it, with one line in the log."""

BEYOND_OPENAI = frozenset({"top_k", "min_p", "repetition_penalty"})
"""Taken by vLLM, SGLang and others, unknown to OpenAI's own schema."""


def parameters(
    request: GenerationRequest, model: str, seed: int, refused: Collection[str]
) -> dict[str, Any]:
    """Return the keyword arguments of `chat.completions.create`, less what was `refused`.

    Samplings that are off are left out, so that a strict server has nothing to refuse.
    """
    wanted = _sampling(request.sampling) | {
        "model": model,
        "messages": [
            {"role": message.role, "content": _encodable(message.content)}
            for message in request.messages
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": seed,
    }
    if "max_tokens" in refused:
        wanted["max_completion_tokens"] = wanted.pop("max_tokens")
    wanted = {name: value for name, value in wanted.items() if name not in refused}
    extra = {name: wanted.pop(name) for name in BEYOND_OPENAI & wanted.keys()}
    return wanted | ({"extra_body": extra} if extra else {})


def newly_refused(error: openai.APIStatusError, refused: Collection[str]) -> frozenset[str]:
    """Return the names in a 400 or 422 that can be left out, or renamed, in another try."""
    if error.status_code not in (400, 422):
        return frozenset()
    words = set(re.findall(r"\w+", f"{error.message} {json.dumps(error.body, default=str)}"))
    named = OPTIONAL & words
    # OpenAI's newer models want `max_completion_tokens` and name both in their refusal.
    if {"max_tokens", "max_completion_tokens"} <= words:
        named |= {"max_tokens"}
    return named - frozenset(refused)


def _sampling(sampling: Sampling) -> dict[str, Any]:
    greedy = sampling.temperature == 0
    limits = {
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "repetition_penalty": _unless(sampling.repetition_penalty, 1.0),
        "top_p": None if greedy else _unless(sampling.top_p, 1.0),
        "top_k": None if greedy else _unless(sampling.top_k, 0),
        "min_p": None if greedy else _unless(sampling.min_p, 0.0),
    }
    return {name: value for name, value in limits.items() if value is not None}


def _unless(value: float, off: float) -> float | None:
    return None if value == off else value


def _encodable(text: str) -> str:
    # A lone surrogate (broken UTF-8 from a terminal) cannot be sent as JSON in UTF-8.
    return text.encode("utf-8", "replace").decode()
