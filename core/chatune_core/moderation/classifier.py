"""The embedded classifier: scores a text in seven categories. Loads torch only when it is opened."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chatune_core.embedding.tensors import BASE_FILE, read_tensors
from chatune_core.embedding.windows import WindowTokenizer, batches
from chatune_core.generation.bundled import bundled_embedding_model
from chatune_core.moderation.classifier_weights import (
    CARD_FILE,
    CATEGORIES,
    WEIGHTS_FILE,
    Card,
    read_card,
)
from chatune_core.moderation.verdicts import Category

if TYPE_CHECKING:
    from chatune_core.moderation.classifier_encoder import WindowScorer

BUNDLED_WEIGHTS = Path(__file__).parent / "weights"


class Classifier:
    """Scores texts by category, on the CPU. Blocking; safe to use from several threads."""

    def __init__(
        self, name: str, card: Card, tokenizer: WindowTokenizer, scorer: WindowScorer
    ) -> None:
        self.name = name
        """Version and hash; another for any other weight, calibration or threshold."""
        self.thresholds_review: Mapping[Category, float] = card.thresholds_review
        """The scores from which a person should look."""
        self.thresholds_act: Mapping[Category, float] = card.thresholds_act
        """The scores from which something may be done at once."""
        self._tokenizer, self._scorer = tokenizer, scorer
        self._calibration = [card.calibration[category] for category in CATEGORIES]

    @classmethod
    def open(cls, folder: Path = BUNDLED_WEIGHTS) -> Classifier:
        """Load the weights in `folder`, with the bundled embedding model that they change.

        Raises:
            ConfigurationError: if a file is missing or has another hash than its card says.
        """
        from chatune_core.moderation.classifier_encoder import merged_scorer

        card = read_card(folder)
        base = bundled_embedding_model()
        scorer = merged_scorer(
            read_tensors(base / BASE_FILE, card.base_sha256),
            read_tensors(folder / WEIGHTS_FILE, card.weights_sha256),
        )
        digest = hashlib.sha256((folder / CARD_FILE).read_bytes()).hexdigest()
        name = f"chatune-minilm-{card.version}-{digest[:12]}"
        return cls(name, card, WindowTokenizer.open(base), scorer)

    def scores(self, texts: Sequence[str]) -> list[dict[Category, float]]:
        """Return calibrated scores from 0 to 1 for each text, in order.

        Args:
            texts: of any number and length, as the normaliser leaves them. A long text has the
                highest score of its windows.
        """
        return [
            {
                category: calibration.probability(logit)
                for category, logit, calibration in zip(
                    CATEGORIES, logits, self._calibration, strict=True
                )
            }
            for logits in text_logits(texts, self._tokenizer, self._scorer)
        ]


def text_logits(
    texts: Sequence[str], tokenizer: WindowTokenizer, scorer: WindowScorer
) -> list[list[float]]:
    """Return the logits of each text in the order of `CATEGORIES`: the highest of its windows."""
    best = [[-math.inf] * len(CATEGORIES) for _ in texts]
    windows = ((i, window) for i, text in enumerate(texts) for window in tokenizer.windows(text))
    for batch in batches(windows):
        for (i, _), logits in zip(batch, scorer([window for _, window in batch]), strict=True):
            best[i] = [max(pair) for pair in zip(best[i], logits, strict=True)]
    return best
