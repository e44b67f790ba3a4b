"""The model that is trained: the base, frozen, with a LoRA on it that can be set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from chatune_core.errors import ConfigurationError
from chatune_core.learning.base_model import load_base, quiet
from chatune_core.learning.batches import Batch
from chatune_core.learning.head import divergences, log_likelihoods

WEIGHTS = "adapter_model.safetensors"
_SAME = 2e-2
"""Relative difference that rounding in bfloat16 explains and a wrong mask or position does not."""


class Policy:
    """A causal language model with a new LoRA on every linear layer but its head.

    The LoRA's weights are float32 whatever the base is; the products are in the base's precision.
    """

    def __init__(
        self,
        base: Path,
        rank: int,
        alpha: int,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
        recompute: bool = False,
    ) -> None:
        """Load the model in the folder `base`; the LoRA starts as no change at all.

        `recompute` keeps only the borders of layers for the way back (Chen et al. 2016,
        arXiv:1604.06174): slower by a third, and several times less memory.

        Raises:
            ConfigurationError: if transformers cannot load the folder or PEFT has no place for a LoRA.
        """
        self.device, self._dtype = device, dtype
        self._peft = _with_lora(load_base(base, dtype, device), rank, alpha, seed, base)
        self._causal = self._peft.get_base_model()
        plain = self._head_is_plain()
        self._head: Tensor | None = self._causal.get_output_embeddings().weight if plain else None
        if recompute:
            _compute_layers_twice(self._causal)
        # transformers keeps no keys and values where it computes layers twice.
        self.shares = not recompute and self._can_share()

    @property
    def weights(self) -> dict[str, torch.nn.Parameter]:
        """What is trained, by name, float32."""
        return {n: p for n, p in sorted(self._peft.named_parameters()) if p.requires_grad}

    def log_likelihoods(self, batch: Batch) -> Tensor:
        """Return the log-probability of each completion token in nats, shape (N,), float32."""
        with self._precision():
            hidden = self._hidden(batch)
            if self._head is not None:
                return log_likelihoods(hidden, self._head, batch.targets)
            return self._own_head(hidden).gather(1, batch.targets[:, None]).squeeze(1)

    def divergences(self, batch: Batch) -> Tensor:
        """Return KL(base || policy) at each completion token in nats, shape (N,), float32."""
        with self._precision():
            with self.bare():
                base = self._hidden(batch)
            hidden = self._hidden(batch)
            if self._head is not None:
                return divergences(hidden, base, self._head)
            expected = self._own_head(base)
            return (expected.exp() * (expected - self._own_head(hidden))).sum(1)

    @contextmanager
    def bare(self) -> Iterator[None]:
        """Compute as the base does, without the LoRA and without gradients."""
        with self._peft.disable_adapter(), torch.no_grad():
            yield

    def save(self, folder: Path, base_name: str) -> str:
        """Write the LoRA to `folder` in PEFT's layout; return the sha256 of its weights in hex."""
        from peft import get_peft_model_state_dict

        config = self._peft.peft_config["default"]
        config.inference_mode, config.base_model_name_or_path = True, base_name
        # PEFT keeps them as a set, whose order is another in every process.
        config.target_modules = sorted(config.target_modules)
        config.save_pretrained(str(folder))
        # "auto" would ask a model hub whether the vocabulary has grown; it never does here.
        state: Mapping[str, Tensor] = get_peft_model_state_dict(
            self._peft, save_embedding_layers=False
        )
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        content = save(tensors, metadata={"format": "pt"})
        (folder / WEIGHTS).write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def _hidden(self, batch: Batch) -> Tensor:
        """Return the last state before each completion token, (N, H), or its scores, (N, V)."""
        shared = batch.shared if self.shares else 0
        return self._states(batch.tokens, shared)[batch.row, batch.before - shared]

    def _states(self, tokens: Tensor, shared: int) -> Tensor:
        """Return the states or scores of `tokens` (B, T) from place `shared` on, (B, T - shared, .).

        The first `shared` tokens are the same in all rows (a persona, mostly) and are computed
        once: under causal attention they do not depend on what follows. Gradients flow through
        the keys and values that the rows get from them.
        """
        model = self._causal if self._head is None else self._causal.base_model
        if shared:
            begun = model(tokens[:1, :shared], use_cache=True).past_key_values
            begun.batch_repeat_interleave(len(tokens))
            found = model(tokens[:, shared:], past_key_values=begun, use_cache=True)
        else:
            found = model(tokens, use_cache=False)
        states: Tensor = found.logits if self._head is None else found.last_hidden_state
        return states

    def _can_share(self) -> bool:
        """Return whether this model computes the same from a shared beginning; not all do."""
        probe = torch.tensor([[1, 2, 3, 4, 5], [1, 2, 3, 6, 7]], device=self.device)
        with torch.no_grad(), self._precision():
            whole = self._states(probe, 0)[:, 3:].float()
            try:
                found = self._states(probe, 3).float()
            except (AttributeError, TypeError, ValueError, RuntimeError):
                return False
        return bool((found - whole).norm() <= _SAME * whole.norm())

    @staticmethod
    def _own_head(scores: Tensor) -> Tensor:
        return scores.float().log_softmax(1)

    def _precision(self) -> AbstractContextManager[Any]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self._dtype)

    def _head_is_plain(self) -> bool:
        """Return whether the scores are the head's weight times the last state and no more.

        Some models have a bias, scale the product or cap it; theirs are computed by themselves.
        """
        head = self._causal.get_output_embeddings()
        if head is None or getattr(head, "bias", None) is not None:
            return False
        probe = torch.tensor([[1, 2]], device=self.device)
        with torch.no_grad():
            states = self._causal.base_model(probe, use_cache=False).last_hidden_state
            whole = self._causal(probe, use_cache=False).logits
        return bool(torch.equal(head(states), whole))


def _with_lora(causal: Any, rank: int, alpha: int, seed: int, base: Path) -> Any:  # noqa: ANN401
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    torch.manual_seed(seed)
    with quiet():
        try:
            return get_peft_model(causal, config)
        except ValueError as error:
            raise ConfigurationError(
                f"PEFT cannot put a LoRA on the model in {str(base)!r}: {error}.",
                "Choose a model with linear layers that transformers and PEFT support.",
            ) from error


def _compute_layers_twice(causal: Any) -> None:  # noqa: ANN401
    name = "activation_checkpointing_enable"  # as transformers renamed it within version 5
    enable = getattr(causal, name, None) or causal.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    for module in causal.modules():
        # They ask for training mode. Only they get it: the model's own dropout stays off.
        module.training = bool(getattr(module, "gradient_checkpointing", False))
