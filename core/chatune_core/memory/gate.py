"""The write gate: whether a message says something worth remembering. On the path of every message."""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chatune_core.errors import ConfigurationError
from chatune_core.memory.gate_features import BUCKETS, MOST_CHARACTERS, gate_features

BUNDLED_GATE = Path(__file__).parent / "weights"
CARD_FILE = "gate.json"
WEIGHTS_FILE = "gate.int8"
_REMEDY = "Train the gate again, or install Chatune again for the weights that come with it."
_ASKED = re.compile(
    r"\b(?:remember|note|don't forget|do not forget) (?:that|this|my|i)\b|\bfrom (?:now|today) on\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]")


class GateCard(BaseModel):
    """What belongs to the weights: which file, and how its whole numbers become a probability.

    It is 1 / (1 + exp(-(bias + scale * sum / sqrt(count)))) over the features of a message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    version: str
    weights_sha256: str
    scale: float = Field(gt=0)
    bias: float
    threshold: float = Field(gt=0, lt=1)


class WriteGate:
    """Tells what is worth a closer look; safe in threads, some 0.1 ms a message, whatever it is."""

    def __init__(self, card: GateCard, weights: array[int]) -> None:
        """Take `BUCKETS` whole numbers from -127 to 127."""
        self._card, self._weights = card, weights

    @classmethod
    def open(cls, folder: Path = BUNDLED_GATE) -> WriteGate:
        """Load the weights in `folder`.

        Raises:
            ConfigurationError: if a file is missing or has another hash than its card says.
        """
        try:
            card = GateCard.model_validate_json((folder / CARD_FILE).read_bytes())
            content = (folder / WEIGHTS_FILE).read_bytes()
        except (OSError, ValidationError) as error:
            raise ConfigurationError(
                f"The weights of the write gate in {str(folder)!r} cannot be read.", _REMEDY
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if found != card.weights_sha256 or len(content) != BUCKETS:
            raise ConfigurationError(
                f"The weights of the write gate have SHA-256 {found}, but {card.weights_sha256} "
                "was expected.", _REMEDY,
            )  # fmt: skip
        weights = array("b")
        weights.frombytes(content)
        return cls(card, weights)

    def score(self, text: str) -> float:
        """Return how likely it is that `text` says something worth remembering, from 0 to 1."""
        features = gate_features(text)
        weights = self._weights
        total = sum([weights[feature] for feature in features])
        exponent = self._card.bias + self._card.scale * total / math.sqrt(len(features))
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, exponent))))

    def worth_remembering(self, text: str) -> bool:
        """Return whether `text` is to be read more closely: likely worth it, or asked for."""
        read = text[:MOST_CHARACTERS]
        if not _LETTER.search(read):
            return False
        return _ASKED.search(read) is not None or self.score(read) >= self._card.threshold
