"""A model's tokenizer with its chat template, read from files, without importing transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatune_core.errors import ConfigurationError, GenerationFailed
from chatune_core.generation.requests import ChatMessage

if TYPE_CHECKING:
    from jinja2 import Template
    from tokenizers import Tokenizer

# A word joiner: invisible, and it keeps a person's "<|im_end|>" from becoming that token.
_BREAK = "\N{WORD JOINER}"


class ModelTokenizer:
    """Chat messages to tokens and tokens to text.

    What people write never becomes a special token: one that is spelled out in a message is
    broken by an invisible character, so that nobody can end their turn and speak as the system.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        template: Template,
        eos_tokens: frozenset[int],
        named_tokens: dict[str, str],
    ) -> None:
        self._tokenizer, self._template = tokenizer, template
        self._eos_tokens, self._named_tokens = eos_tokens, named_tokens
        added = tokenizer.get_added_tokens_decoder().values()
        self._special = tuple(token.content for token in added if token.special)
        self._merges_system = not self._accepts_system()
        self._overhead = self._measure_overhead()
        self._end_of_answer = self._find_end_of_answer()

    @property
    def eos_tokens(self) -> frozenset[int]:
        """The tokens that end a turn."""
        return self._eos_tokens

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Return the prompt for the next assistant turn, the generation prompt included.

        Raises:
            GenerationFailed: if the template refuses the order of the messages.
        """
        return self._encode(self._render(messages, opens_answer=True))

    def encode_completion(self, text: str) -> list[int]:
        """Return the tokens that follow `encode_chat` when the model answers `text` and ends there."""
        return [*self._encode(self._harmless(text)), *self._end_of_answer]

    def encode_text(self, text: str) -> list[int]:
        """Return the tokens of plain text, with no template around it."""
        return self._encode(self._harmless(text))

    def count_tokens(self, message: ChatMessage) -> int:
        """Return how many prompt tokens `message` takes, its template overhead included.

        The sum over all messages is never less than the length of their `encode_chat`. What a
        template adds once (a default system message, the opening of the answer) is counted with
        every user message, since there is no telling which will be alone.
        """
        return len(self._encode(self._harmless(message.content))) + self._overhead[message.role]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of `tokens` without special tokens; broken UTF-8 becomes U+FFFD."""
        return self._tokenizer.decode(list(tokens), skip_special_tokens=True)

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _harmless(self, text: str) -> str:
        for special in self._special:
            if special in text:
                text = text.replace(special, special[0] + _BREAK + special[1:])
        return text

    def _render(self, messages: Sequence[ChatMessage], opens_answer: bool) -> str:
        from jinja2 import TemplateError

        turns = [{"role": m.role, "content": self._harmless(m.content)} for m in messages]
        if self._merges_system:
            turns = _with_system_in_first_turn(turns)
        try:
            return self._template.render(
                messages=turns, add_generation_prompt=opens_answer, **self._named_tokens
            )
        except TemplateError as error:
            raise GenerationFailed(f"the model's chat template refuses this: {error}") from error

    def _accepts_system(self) -> bool:
        self._merges_system = False
        try:
            text = self._render(
                [ChatMessage("system", "q9x"), ChatMessage("user", "hi")], opens_answer=True
            )
        except GenerationFailed:
            return False
        return "q9x" in text

    def _find_end_of_answer(self) -> list[int]:
        """Return the token that closes an answer in the template, of the several that may end it."""
        user, assistant = ChatMessage("user", "x"), ChatMessage("assistant", "x")
        rendered = self._encode(self._render([user, assistant], opens_answer=False))
        opened = len(self._encode(self._render([user], opens_answer=True)))
        closing = [token for token in rendered[opened:] if token in self._eos_tokens]
        named = self._tokenizer.token_to_id(self._named_tokens.get("eos_token", ""))
        ends = [*closing, *([named] if named is not None else []), *sorted(self._eos_tokens)]
        return ends[:1]

    def _measure_overhead(self) -> dict[str, int]:
        """Return the tokens each role costs beside its content, rounded up."""
        user, assistant = ChatMessage("user", "x"), ChatMessage("assistant", "x")
        system = ChatMessage("system", "x")
        content = len(self._encode("x"))

        def length(*messages: ChatMessage, opens_answer: bool = False) -> int:
            return len(self._encode(self._render(messages, opens_answer)))

        first = length(user, opens_answer=True) - content
        answer = max(
            length(user, assistant) - length(user),
            length(user, assistant, user, opens_answer=True) - 2 * first - 2 * content,
        )
        framed = length(system, user, opens_answer=True) - first - 2 * content
        # Content may merge with the frame into other tokens than "x" does, hence one to spare.
        each = max(answer - content, 2) + 1
        return {"user": first + 1, "assistant": each, "system": max(framed, each)}


def _with_system_in_first_turn(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    system = [turn["content"] for turn in turns if turn["role"] == "system"]
    others = [turn for turn in turns if turn["role"] != "system"]
    if not system or not others:
        return others or [{"role": "user", "content": "\n\n".join(system)}]
    first = others[0] | {"content": "\n\n".join([*system, others[0]["content"]])}
    return [first, *others[1:]]


def load_tokenizer(folder: Path) -> ModelTokenizer:
    """Return the tokenizer of a model folder in the Hugging Face layout.

    Raises:
        ConfigurationError: if the folder has no tokenizer or no chat template.
    """
    template = _environment().from_string(chat_template(folder))
    settings = _json(folder / "tokenizer_config.json")
    backend = _backend(folder)
    return ModelTokenizer(
        backend,
        template,
        _eos_tokens(folder, settings, backend),
        _named_tokens(settings),
    )


def chat_template(folder: Path) -> str:
    """Return the Jinja source of the folder's default chat template.

    Raises:
        ConfigurationError: if there is none.
    """
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template = _json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(template, list):
        named = {entry["name"]: entry["template"] for entry in template}
        template = named.get("default")
    if not isinstance(template, str):
        raise ConfigurationError(
            f"The model in {str(folder)!r} has no chat template.",
            "Choose an instruct or chat model, or add its chat_template.jinja to the folder.",
        )
    return template


def _backend(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    # Older models carry a sentencepiece file only; transformers knows how to convert it.
    from transformers import AutoTokenizer

    try:
        backend: Tokenizer = AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"The model in {str(folder)!r} has no usable tokenizer.",
            "Add its tokenizer.json to the folder.",
        ) from error
    return backend


def _eos_tokens(folder: Path, settings: dict[str, Any], tokenizer: Tokenizer) -> frozenset[int]:
    tokens: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        value = _json(folder / name).get("eos_token_id")
        tokens.update([value] if isinstance(value, int) else value or ())
    end_of_turn = _named_tokens(settings).get("eos_token")
    if end_of_turn is not None:
        token = tokenizer.token_to_id(end_of_turn)
        tokens.update([] if token is None else [token])
    return frozenset(tokens)


def _named_tokens(settings: dict[str, Any]) -> dict[str, str]:
    named = {}
    for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
        value = settings.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            named[name] = text
    return named


def _environment() -> Any:  # noqa: ANN401
    """Return the sandbox in which chat templates run, with the names that templates expect."""
    from datetime import datetime

    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(
        value, ensure_ascii=False, **options
    )
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    value: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return value
