"""The classifier's trained weights on disk: a LoRA and heads, with a card that pins them by hash."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chatune_core.errors import ConfigurationError
from chatune_core.moderation.verdicts import Category

if TYPE_CHECKING:
    from torch import Tensor

CATEGORIES = (
    Category.HARASSMENT,
    Category.HATE,
    Category.SEXUAL,
    Category.SELF_HARM,
    Category.VIOLENCE,
    Category.SPAM,
    Category.INJECTION,
)
"""In the order of the heads."""
CARD_FILE = "card.json"
WEIGHTS_FILE = "lora.safetensors"
_REMEDY = "Train the classifier again, or install Chatune again for the weights that come with it."


class Calibration(BaseModel):
    """From a head's logit to a probability: 1 / (1 + exp(-(scale * logit + offset))).

    Source: Platt 1999, fitted on rows that took no part in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: float = Field(gt=0)
    offset: float

    def probability(self, logit: float) -> float:
        """Return the probability, from 0 to 1."""
        # Beyond 30 the exponential may overflow, and the score is 0 or 1 to 12 digits.
        exponent = max(-30.0, min(30.0, self.scale * logit + self.offset))
        return 1 / (1 + math.exp(-exponent))


class Card(BaseModel):
    """What belongs to the weights: which file, which base model, how scores are read.

    The weights are tensors "<linear>.a" of shape (rank, inputs), "<linear>.b" of (outputs, rank),
    "heads.weight" and "heads.bias".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    version: str
    rank: int = Field(ge=1)
    weights_sha256: str
    base_sha256: str
    calibration: dict[Category, Calibration]
    thresholds_review: dict[Category, float]
    thresholds_act: dict[Category, float]


def read_card(folder: Path) -> Card:
    """Return the card in `folder`.

    Raises:
        ConfigurationError: if there is none, or one that says something else than a card.
    """
    try:
        return Card.model_validate_json((folder / CARD_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"The moderation weights in {str(folder)!r} have no card that can be read.", _REMEDY
        ) from error


def write_weights(folder: Path, weights: Mapping[str, Tensor]) -> str:
    """Write the tensors, float16, and return the file's SHA-256."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: tensor.detach().half() for name, tensor in weights.items()})
    (folder / WEIGHTS_FILE).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def write_card(folder: Path, card: Card) -> None:
    """Write the card beside its weights."""
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n")
