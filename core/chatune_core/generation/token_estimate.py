"""How many tokens a message can take at most, for servers whose tokenizer is not at hand."""

import math
import unicodedata

from chatune_core.generation.requests import ChatMessage

TEMPLATE_TOKENS = 16
"""Room for the marks that a chat template puts around one message; known templates take 3 to 10."""
SYSTEM_TOKENS = 64
"""The same for the system message, where some templates add dates, tools or a default persona."""


def most_tokens(message: ChatMessage, bytes_per_token: float = 1.0) -> int:
    """Return a number of tokens that `message` does not exceed.

    The tokenizers in use (byte-level BPE, SentencePiece with byte fallback) spend at most one
    token on one UTF-8 byte, after NFC normalisation at the most; that is the bound with
    `bytes_per_token` 1, and two to five times the truth on ordinary text. An operator who knows
    the model and the languages spoken may raise it (3 suits English), at the risk that the server
    now and then refuses a prompt as too long. A template that invents a system message for
    prompts without one is not covered.
    """
    text = message.content
    longest = max(_bytes(text), _bytes(unicodedata.normalize("NFC", text)))
    overhead = SYSTEM_TOKENS if message.role == "system" else TEMPLATE_TOKENS
    return math.ceil(longest / bytes_per_token) + overhead


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
