"""The embedding model as a classifier: a LoRA merged in, then one linear for all categories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear

from chatune_core.embedding.encoder import Encoder, Linear, fastest_linear


class WindowScorer:
    """The encoder and the heads on it: windows of tokens to logits."""

    def __init__(self, encoder: Encoder, weight: Tensor, bias: Tensor) -> None:
        """Take the heads as one linear: weight (C, 2 * HIDDEN) and bias (C,), float32."""
        self._encoder, self._weight, self._bias = encoder, weight, bias

    def __call__(self, windows: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return one logit a category for each window."""
        with torch.inference_mode():
            pooled = self._encoder.pooled(windows)
            logits: list[list[float]] = linear(pooled, self._weight, self._bias).tolist()
        return logits


def merged_scorer(
    base: Mapping[str, Tensor],
    trained: Mapping[str, Tensor],
    form: Callable[[Tensor, Tensor], Linear] = fastest_linear,
) -> WindowScorer:
    """Return the base model with the trained LoRA added to its weights, and the trained heads.

    Args:
        base: the base model's tensors by their names in the file, float32.
        trained: "<linear>.a" (rank, inputs), "<linear>.b" (outputs, rank), "heads.weight" and
            "heads.bias", float32; linears may be left out.
        form: makes what applies a weight and bias; the results differ by rounding alone.
    """

    def merged(name: str, weight: Tensor, bias: Tensor) -> Linear:
        if f"{name}.a" in trained:
            weight = weight + trained[f"{name}.b"] @ trained[f"{name}.a"]
        return form(weight, bias)

    return WindowScorer(Encoder(base, merged), trained["heads.weight"], trained["heads.bias"])
