"""The embedding model: MiniLM's six layers, from token ids to vectors.

Texts are laid end to end instead of side by side, so there is no padding to compute and a text has
the same vector alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

LAYERS = 6
HIDDEN = 384
HEADS = 12
_EPS = 1e-12

Linear = Callable[[Tensor], Tensor]
MakeLinear = Callable[[str, Tensor, Tensor], Linear]
"""From the name of a linear, its weight (outputs, inputs) and bias (outputs,) to what applies it."""

_PARTS = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attended": ("attention.output.dense",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
}


def linear_weights(base: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield name, weight (outputs, inputs) and bias (outputs,) of each linear of the base model.

    Query, key and value of a layer are one linear, "<layer>.qkv".
    """
    for layer in range(LAYERS):
        for part, names in _PARTS.items():
            keys = [f"encoder.layer.{layer}.{name}" for name in names]
            weight = torch.cat([base[f"{key}.weight"] for key in keys])
            bias = torch.cat([base[f"{key}.bias"] for key in keys])
            yield f"{layer}.{part}", weight, bias


class Encoder:
    """MiniLM from token ids to one vector a text. Safe to use from several threads.

    Source: Wang et al. 2020, arXiv:2002.10957; the layers are BERT's, arXiv:1810.04805.
    """

    def __init__(self, base: Mapping[str, Tensor], make_linear: MakeLinear) -> None:
        """Take the base model's tensors by their names in the file, float32."""
        # Half of the words' bytes are enough; the rounding is smaller than any weight's own noise.
        self._words = base["embeddings.word_embeddings.weight"].half()
        kinds = base["embeddings.token_type_embeddings.weight"]
        self._places = base["embeddings.position_embeddings.weight"] + kinds[0]
        self._norms = {
            key.removesuffix(".weight"): (base[key], base[f"{key.removesuffix('.weight')}.bias"])
            for key in base
            if key.endswith("LayerNorm.weight")
        }
        self._linears = {name: make_linear(name, w, b) for name, w, b in linear_weights(base)}

    def pooled(self, windows: Sequence[Sequence[int]]) -> Tensor:
        """Return mean and maximum over the tokens of each window.

        Args:
            windows: B lists of token ids, none empty.

        Returns:
            Shape (B, 2 * HIDDEN), float32.
        """
        lengths = [len(window) for window in windows]
        ids = torch.tensor([token for window in windows for token in window])
        places = torch.cat([torch.arange(length) for length in lengths])
        x = self._norm("embeddings.LayerNorm", self._words[ids].float() + self._places[places])
        for layer in range(LAYERS):
            x = self._layer(layer, x, lengths)
        return torch.stack([torch.cat((t.mean(0), t.amax(0))) for t in x.split_with_sizes(lengths)])

    def _layer(self, layer: int, x: Tensor, lengths: Sequence[int]) -> Tensor:
        # x: (N, HIDDEN), the tokens of all texts.
        at = f"encoder.layer.{layer}"
        attended = _attended(self._linears[f"{layer}.qkv"](x), lengths)
        x = self._norm(
            f"{at}.attention.output.LayerNorm", x + self._linears[f"{layer}.attended"](attended)
        )
        inner = gelu(self._linears[f"{layer}.up"](x))
        return self._norm(f"{at}.output.LayerNorm", x + self._linears[f"{layer}.down"](inner))

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self._norms[name]
        return layer_norm(x, (HIDDEN,), weight, bias, _EPS)


def _attended(qkv: Tensor, lengths: Sequence[int]) -> Tensor:
    """Return what each token attends to, within its own text: (N, HIDDEN) of (N, 3 * HIDDEN)."""
    parts = []
    for text in qkv.split_with_sizes(list(lengths)):
        q, k, v = text.view(1, len(text), 3, HEADS, HIDDEN // HEADS).permute(2, 0, 3, 1, 4)
        parts.append(scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).flatten(1))
    return torch.cat(parts)


class PlainLinear:
    """A linear in float32."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight, self._bias = weight, bias

    def __call__(self, x: Tensor) -> Tensor:
        """Return (N, outputs) of (N, inputs), float32."""
        return linear(x, self._weight, self._bias)


class Int8Linear:
    """A linear whose weight and input are 8-bit integers: one scale an output, one a token.

    Scales of the input are a token's own, so no text changes the score of another in its batch.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Take weight (outputs, inputs) and bias (outputs,), float32."""
        self._scales = (weight.abs().amax(1) / 127).clamp_(min=1e-12)
        whole = (weight / self._scales.unsqueeze(1)).round_().to(torch.int8)
        self._packed = torch.ops.onednn.qlinear_prepack(whole, None)
        self._zeros = torch.zeros(len(weight), dtype=torch.long)
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """Return (N, outputs) of (N, inputs), float32."""
        scales = x.abs().amax(1, keepdim=True).div_(127).clamp_(min=1e-12)
        # Added 128 makes them unsigned, which the kernel takes off again; the half rounds.
        whole = x.div(scales).add_(128.5).to(torch.uint8)
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            whole, 1.0, 128, self._packed, self._scales, self._zeros, None, 1.0, 0,
            torch.float32, "none", [], "",
        )  # fmt: skip
        return torch.addcmul(self._bias, product, scales)


def fastest_linear(weight: Tensor, bias: Tensor) -> Linear:
    """Return the linear in the form that this CPU multiplies fastest.

    Without these instructions the integer kernel is slow, or overflows between its steps.
    """
    able = torch.cpu.get_capabilities()
    if any(able.get(name, False) for name in ("avx512_vnni", "avx_vnni", "amx_int8")):
        return Int8Linear(weight, bias)
    return PlainLinear(weight, bias)
