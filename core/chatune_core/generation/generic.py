"""The forward of any transformers causal model whose cache is plain keys and values.

Slower than the lean one, for every family that it does not know: transformers' own modules run
over the slot cache, once for the decode rows and once for each prompt chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache, DynamicLayer
from transformers.pytorch_utils import Conv1D

from chatune_core.generation.cache import SlotCache
from chatune_core.generation.lora import ActiveLoras, ResidentLoras
from chatune_core.generation.lora_files import Site
from chatune_core.generation.step import Step


@dataclass(slots=True)
class _Group:
    """Which rows of the cache the present call of the model reads and writes."""

    rows: slice
    length: int
    write_index: Tensor
    loras: ActiveLoras | None


class _SlotLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer of the slot cache, as transformers' attention modules see it."""

    def __init__(self, cache: SlotCache, layer: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._slot_cache, self._layer = cache, layer
        self.group: _Group | None = None

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> tuple[Tensor, Tensor]:
        """Store the new keys and values and return all that the rows hold."""
        group = self.group
        assert group is not None
        fresh = torch.cat((key_states, value_states), 1).transpose(1, 2).flatten(0, 1)
        self._slot_cache.table(self._layer).index_put_((group.write_index,), fresh)
        keys, values = self._slot_cache.keys_values[self._layer]
        return keys[group.rows, :, : group.length], values[group.rows, :, : group.length]

    def get_seq_length(self) -> int:
        """Return how many tokens are cached; positions and masks are given, so none."""
        return 0


class GenericForward:
    """A transformers model and one step through it."""

    def __init__(self, model: nn.Module, layer_types: frozenset[str]) -> None:
        self._model, self._layer_types = model, layer_types
        self._group: _Group | None = None
        self._layers: list[_SlotLayer] = []
        self._sites = lora_sites(model)
        for name in self._sites:
            model.get_submodule(name).register_forward_hook(self._hook(name))

    @property
    def sites(self) -> Mapping[str, Site]:
        """See Forward.sites."""
        return self._sites

    def logits(self, step: Step, cache: SlotCache, loras: ResidentLoras) -> Tensor:
        """See Forward.logits."""
        if not self._layers:
            self._layers = [_SlotLayer(cache, layer) for layer in range(cache.layers)]
        parts: list[Tensor] = []
        if step.decodes:
            group = self._group_of(step, loras, 0, step.decodes, slice(0, step.decodes))
            at = torch.arange(step.longest, device=step.tokens.device)
            seen = at < step.lengths.unsqueeze(1)
            parts.append(self._run(step, group, slice(0, step.decodes), (-1, 1), seen[:, None, :]))
        for stretch in step.stretches:
            tokens = slice(stretch.offset, stretch.offset + stretch.count)
            rows = slice(stretch.row, stretch.row + 1)
            group = self._group_of(step, loras, stretch.offset, stretch.count, rows)
            at = torch.arange(group.length, device=step.tokens.device)
            seen = at <= step.positions[tokens].unsqueeze(1)
            parts.append(self._run(step, group, tokens, (1, -1), seen[None]))
        last = torch.cat(parts)
        # The last token of each decode row and of each chunk, in the order of the step.
        ends = [*range(step.decodes), *(s.offset + s.count - 1 for s in step.stretches)]
        return last[torch.searchsorted(torch.tensor(ends, device=last.device), step.wanted)]

    def forget_cache(self) -> None:
        """Let go of the cache of the last step; the next step may bring another."""
        self._layers, self._group = [], None

    def _group_of(
        self, step: Step, loras: ResidentLoras, offset: int, count: int, rows: slice
    ) -> _Group:
        tokens = slice(offset, offset + count)
        longest = int(step.positions[tokens].max()) + 1
        active = loras.active(step.loras[tokens], step.tokens.device)
        return _Group(rows, longest, step.write_index[tokens], active)

    def _run(
        self, step: Step, group: _Group, tokens: slice, shape: tuple[int, int], seen: Tensor
    ) -> Tensor:
        """Run one call of the model and return the logits of the last token of each row."""
        self._group = group
        for layer in self._layers:
            layer.group = group
        dtype = self._layers[0]._slot_cache.keys_values.dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        mask = mask.masked_fill_(~seen, torch.finfo(dtype).min).unsqueeze(1)
        output = self._model(
            input_ids=step.tokens[tokens].view(shape),
            position_ids=step.positions[tokens].view(shape),
            attention_mask=dict.fromkeys(self._layer_types, mask) if self._layer_types else mask,
            past_key_values=Cache(layers=list(self._layers)),
            use_cache=True,
            logits_to_keep=1,
        )
        last: Tensor = output.logits[:, -1]
        return last

    def _hook(self, name: str) -> Any:  # noqa: ANN401
        def add_loras(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            active = self._group.loras if self._group else None
            if active is None:
                return None
            # Outside of decode rows all tokens of a call are of one chunk and one LoRA.
            flat = active.add(name, inputs[0].flatten(0, -2), output.flatten(0, -2))
            return flat.view(output.shape)

        return add_loras


def lora_sites(model: nn.Module) -> dict[str, Site]:
    """Return the linears of a transformers model that a LoRA may change, by name."""
    sites = {}
    head = model.get_output_embeddings()  # type: ignore[operator]
    for name, module in model.named_modules():
        if module is head:
            continue
        if isinstance(module, nn.Linear):
            inputs, outputs = module.in_features, module.out_features
        elif isinstance(module, Conv1D):
            inputs, outputs = module.nx, module.nf
        else:
            continue
        sites[name] = Site(name, inputs, outputs, 0, outputs)
    return sites
