"""How many tokens a message can take at most, for servers whose tokenizer is not at hand."""

import math
import unicodedata

from chatune_core.generation.requests import ChatMessage

TEMPLATE_TOKENS = {"system": 64, "user": 40, "assistant": 16}
"""Room for what a chat template puts around a message: marks take 3 to 10 tokens; some templates
add dates to the system message, or put one of their own before a user who comes first."""


def most_tokens(message: ChatMessage, bytes_per_token: float = 1.0) -> int:
    """Return a number of tokens that `message` does not exceed.

    The tokenizers in use (byte-level BPE, SentencePiece with byte fallback) spend at most one
    token on one UTF-8 byte, after NFC normalisation at the most; that is the bound with
    `bytes_per_token` 1, and two to five times the truth on ordinary text. An operator who knows
    the model and the languages spoken may raise it (3 suits English), at the risk that the server
    now and then refuses a prompt as too long.
    """
    text = message.content
    longest = max(_bytes(text), _bytes(unicodedata.normalize("NFC", text)))
    return math.ceil(longest / bytes_per_token) + TEMPLATE_TOKENS[message.role]


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
