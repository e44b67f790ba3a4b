"""The last layer and its losses, without ever holding the scores of all tokens of the vocabulary.

A softmax over a large vocabulary is most of the memory of a training step and much of its time. The
gradient of each loss here with respect to the hidden state is known in closed form, so it is made
along with the loss, for a few tokens at a time, and their scores are forgotten at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import linear

_AT_ONCE = 1 << 23
"""Scores held at a time, 32 MB."""


def log_likelihoods(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return the log-probability of each target in nats, shape (N,), float32.

    Args:
        hidden: of the place before each target, shape (N, H).
        weight: of the head, shape (V, H), frozen.
        targets: shape (N,), int64.
    """
    found: Tensor = _LogLikelihoods.apply(hidden, weight, targets)  # type: ignore[no-untyped-call]
    return found


def divergences(hidden: Tensor, base_hidden: Tensor, weight: Tensor) -> Tensor:
    """Return KL(base || policy) over the vocabulary at each place in nats, shape (N,), float32.

    Args:
        hidden: the policy's last hidden states, shape (N, H).
        base_hidden: the base's at the same places, shape (N, H), without gradient.
        weight: of the head they share, shape (V, H), frozen.

    Source: distillation's loss (Hinton et al. 2015, arXiv:1503.02531) at temperature 1, less the
    entropy of the base, which is constant.
    """
    found: Tensor = _Divergences.apply(hidden, base_hidden, weight)  # type: ignore[no-untyped-call]
    return found


def _chunks(rows: int, vocabulary: int) -> list[slice]:
    each = max(1, _AT_ONCE // vocabulary)
    return [slice(start, start + each) for start in range(0, rows, each)]


class _LogLikelihoods(Function):
    """d log p(y) / d h = W[y] - sum over v of p(v) W[v]."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:  # noqa: ANN401
        wants_gradient = ctx.needs_input_grad[0]
        found, gradients = [], []
        for part in _chunks(len(hidden), len(weight)):
            scores = linear(hidden[part], weight).float()
            total = scores.logsumexp(1, keepdim=True)
            found.append((scores.gather(1, targets[part, None]) - total).squeeze(1))
            if wants_gradient:
                share = scores.sub_(total).exp_().to(weight.dtype)
                gradients.append(weight[targets[part]] - share @ weight)
        if wants_gradient:
            ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (gradient,) = ctx.saved_tensors
        return upstream[:, None].to(gradient.dtype) * gradient, None, None


class _Divergences(Function):
    """d KL / d h = sum over v of (policy(v) - base(v)) W[v]."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, base_hidden: Tensor, weight: Tensor) -> Tensor:  # noqa: ANN401
        found, gradients = [], []
        for part in _chunks(len(hidden), 2 * len(weight)):
            policy = linear(hidden[part], weight).float().log_softmax(1)
            base = linear(base_hidden[part], weight).float().log_softmax(1)
            share = base.exp()
            found.append((share * (base - policy)).sum(1))
            gradients.append((policy.exp_().sub_(share)).to(weight.dtype) @ weight)
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (gradient,) = ctx.saved_tensors
        return upstream[:, None].to(gradient.dtype) * gradient, None, None
