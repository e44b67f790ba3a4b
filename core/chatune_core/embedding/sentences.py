"""Sentences as vectors, by the bundled embedding model. Loads torch only when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chatune_core.embedding.tensors import BASE_FILE, read_tensors
from chatune_core.embedding.windows import WindowTokenizer, batches
from chatune_core.generation.bundled import bundled_embedding_model

if TYPE_CHECKING:
    from chatune_core.embedding.encoder import Encoder

BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class SentenceEncoder:
    """Texts to unit vectors whose product says how alike they are. Blocking; safe in threads.

    Source: Reimers and Gurevych 2019, arXiv:1908.10084: the mean over tokens, at length one.
    """

    name = f"minilm-l6-v2-{BASE_SHA256[:12]}"
    """Model and hash; vectors of another name cannot be compared with these."""

    def __init__(self, tokenizer: WindowTokenizer, encoder: Encoder) -> None:
        self._tokenizer, self._encoder = tokenizer, encoder

    @classmethod
    def open(cls) -> SentenceEncoder:
        """Load the bundled embedding model.

        Raises:
            ConfigurationError: if it is not installed, or has another hash than it should.
        """
        from chatune_core.embedding.encoder import Encoder, fastest_linear

        folder = bundled_embedding_model()
        base = read_tensors(folder / BASE_FILE, BASE_SHA256)
        encoder = Encoder(base, lambda _, weight, bias: fastest_linear(weight, bias))
        return cls(WindowTokenizer.open(folder), encoder)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return shape (B, 384), each row of length one, in the order of the B texts.

        Args:
            texts: of any number and length. A long text has the mean of its windows' vectors.
        """
        import torch

        windows = (
            (i, window) for i, text in enumerate(texts) for window in self._tokenizer.windows(text)
        )
        sums = np.zeros((len(texts), 384), np.float32)
        with torch.inference_mode():
            for batch in batches(windows):
                pooled = self._encoder.pooled([window for _, window in batch])
                means = torch.nn.functional.normalize(pooled[:, :384]).numpy()
                np.add.at(sums, [i for i, _ in batch], means)
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        return sums
