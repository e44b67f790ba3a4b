"""What an OpenAI-compatible server is asked beside completions: its models, its LoRAs, its health."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx2
from openai import (
    APIConnectionError,
    APIStatusError,
    AsyncOpenAI,
    AuthenticationError,
    NotFoundError,
    OpenAIError,
    PermissionDeniedError,
)
from openai.types.chat import ChatCompletion

from chatune_core.errors import ConfigurationError, RetryLater
from chatune_core.generation.openai_errors import translated, words_of
from chatune_core.generation.openai_settings import OpenAISettings
from chatune_core.generation.requests import LoraId

NO_KEY = "none"
"""Sent when no key is configured; without it the library would send the environment's."""


@asynccontextmanager
async def open_client(settings: OpenAISettings) -> AsyncIterator[AsyncOpenAI]:
    """Yield a client that waits no longer than `connect_for` to connect, and never retries."""
    timeout = httpx2.Timeout(None, connect=settings.connect_for.total_seconds())
    async with AsyncOpenAI(
        base_url=settings.base_url,
        api_key=settings.api_key or NO_KEY,
        max_retries=0,
        timeout=timeout,
    ) as client:
        yield client


async def served_models(client: AsyncOpenAI, settings: OpenAISettings) -> Mapping[str, int | None]:
    """Return the context length of each model that the server lists, None where it gives none."""
    with anyio.fail_after(settings.connect_for.total_seconds()):
        listed = await client.get("/models", cast_to=object)
    # Taken apart by hand: the library's own page fails on an answer of another shape.
    models = listed.get("data") if isinstance(listed, Mapping) else None
    return {
        str(model["id"]): _length(model.get("max_model_len"))
        for model in (models if isinstance(models, Sequence) else ())
        if isinstance(model, Mapping) and "id" in model
    }


async def load_lora(client: AsyncOpenAI, settings: OpenAISettings, lora: LoraId, path: str) -> None:
    """Have vLLM load the LoRA in the folder `path` of its own file system; repeatable.

    Raises:
        ConfigurationError: if the server does not load LoRAs at run time.
        GenerationFailed: if the LoRA is not one for its model.
        RetryLater: if the server failed in passing.
    """
    body = {"lora_name": lora, "lora_path": path}
    await _post_lora(client, settings, "/load_lora_adapter", body, done="already been loaded")


async def unload_lora(client: AsyncOpenAI, settings: OpenAISettings, lora: LoraId) -> None:
    """Have vLLM forget the LoRA; one that it does not hold is no error. See `load_lora`."""
    body = {"lora_name": lora}
    await _post_lora(client, settings, "/unload_lora_adapter", body, done="cannot be found")


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """How a server stands: one line for people, and what to do if `ok` is False."""

    ok: bool
    line: str
    remedy: str = ""


async def check_server(settings: OpenAISettings) -> ServerCheck:
    """Return whether the server answers and serves the model; asks it for at most one token."""
    async with open_client(settings) as client:
        try:
            return await _checked(client, settings)
        except TimeoutError:
            return _unreachable(settings, "no answer in time")
        except APIConnectionError as error:
            return _unreachable(settings, words_of(error, settings))
        except AuthenticationError as error:
            said = words_of(error, settings)
            return ServerCheck(
                False, f"{settings.base_url} refuses the API key: {said}", "Set the right API key."
            )
        except OpenAIError as error:
            return _no_answer(settings, words_of(error, settings))


async def _checked(client: AsyncOpenAI, settings: OpenAISettings) -> ServerCheck:
    try:
        listed = await served_models(client, settings)
    except APIStatusError as error:
        if isinstance(error, AuthenticationError):
            raise
        listed = {}
    if settings.model in listed:
        length = listed[settings.model]
        context = f", {length} tokens of context" if length else ""
        return ServerCheck(True, f"{settings.base_url} serves {settings.model!r}{context}")
    # Not every server lists what it serves, so the model is asked for a token.
    try:
        with anyio.fail_after(settings.first_token_for.total_seconds()):
            # Once more, since some servers close the connection after an error on the list.
            patient = client.with_options(max_retries=1)
            answer: object = await patient.chat.completions.create(
                model=settings.model, messages=[{"role": "user", "content": "Hi"}], max_tokens=1
            )
    except APIStatusError as error:
        if not listed:
            raise
        return ServerCheck(
            False,
            f"{settings.base_url} does not serve {settings.model!r}: {words_of(error, settings)}",
            f"Set the model to one that it serves: {', '.join(sorted(listed))}.",
        )
    if not isinstance(answer, ChatCompletion):
        return _no_answer(settings, "that is no chat completion")
    return ServerCheck(True, f"{settings.base_url} serves {settings.model!r}")


def _unreachable(settings: OpenAISettings, said: str) -> ServerCheck:
    return ServerCheck(
        False,
        f"{settings.base_url} cannot be reached: {said}",
        "Start the server, or mend base_url.",
    )


def _no_answer(settings: OpenAISettings, said: str) -> ServerCheck:
    return ServerCheck(
        False,
        f"{settings.base_url} does not answer for {settings.model!r}: {said}",
        "Check base_url (it usually ends with /v1), the model's name and the server's log.",
    )


def _length(length: object) -> int | None:
    return length if isinstance(length, int) else None


async def _post_lora(
    client: AsyncOpenAI, settings: OpenAISettings, path: str, body: Mapping[str, str], done: str
) -> None:
    try:
        with anyio.fail_after(settings.first_token_for.total_seconds()):
            # Once more, since some servers close a connection that looked open; to repeat it is
            # safe, for what is done already counts as done.
            patient = client.with_options(max_retries=1)
            await patient.post(path, body=body, cast_to=httpx2.Response)
    except TimeoutError as error:
        reason = f"{settings.base_url} did not answer for {body['lora_name']!r} in time"
        raise RetryLater(reason, settings.retry_after) from error
    except APIStatusError as error:
        said = words_of(error, settings)
        if done in said:
            return
        # Nothing is wrong with the LoRA.
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            problem = f"{settings.base_url} lets nobody load LoRAs: {said}."
            raise ConfigurationError(problem, "Set the right API key.") from error
        # vLLM answers a LoRA that it cannot find with 404 too; a missing route has FastAPI's words.
        if isinstance(error, NotFoundError) and said in ("Not Found", "File Not Found"):
            raise ConfigurationError(
                f"{settings.base_url} does not load LoRAs at run time.",
                "Start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.",
            ) from error
        raise translated(error, settings, body["lora_name"], settings.retry_after) from error
    except OpenAIError as error:
        raise translated(error, settings, body["lora_name"], settings.retry_after) from error
