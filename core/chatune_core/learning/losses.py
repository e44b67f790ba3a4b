"""The losses of the recipe, each with its source. Plain functions of log-probabilities."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def kto_loss(log_ratio: Tensor, good: Tensor, reference_point: Tensor, beta: float) -> Tensor:
    """Return each rated answer's KTO loss, before its class weight, in 0 to 1.

    Args:
        log_ratio: log-probability of each answer under the policy less that under the base, nats,
            shape (B,), float32.
        good: whether it was liked, shape (B,), bool.
        reference_point: z0, nats, a scalar without gradient; see `reference_point`.
        beta: > 0; how soon a difference from the reference point counts as enough.

    Source: Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7 and 8, with lambda left to the caller.
    """
    away = beta * (log_ratio - reference_point)
    return 1 - away.where(good, -away).sigmoid()


def reference_point(mismatched_log_ratio: Tensor) -> Tensor:
    """Return KTO's z0, an estimate of KL(policy || base) in nats a completion, at least 0.

    Args:
        mismatched_log_ratio: as `kto_loss`'s, of answers to other prompts, shape (B,).

    Source: Ethayarajh et al. 2024, arXiv:2402.01306, section 4.1: in place of samples from the
    policy, which are slow, answers are taken that belong to other prompts.
    """
    return mismatched_log_ratio.detach().mean().clamp(min=0)


def dpo_loss(chosen_log_ratio: Tensor, rejected_log_ratio: Tensor, beta: float) -> Tensor:
    """Return each pair's DPO loss in nats.

    Args:
        chosen_log_ratio: as `kto_loss`'s, of the preferred answers, shape (B,).
        rejected_log_ratio: of the others, shape (B,).
        beta: strength of the pull to the base, > 0.

    Source: Rafailov et al. 2023, arXiv:2305.18290, eq. 7.
    """
    return -logsigmoid(beta * (chosen_log_ratio - rejected_log_ratio))


def class_weights(good: int, bad: int) -> tuple[float, float]:
    """Return the weights of good and of bad answers, so that both count alike in all.

    They are 1 on average over the rows and at most 4. Source: Ethayarajh et al. 2024,
    arXiv:2402.01306, eq. 9, with the ratio 1 of the range that is advised there.
    """
    if not good or not bad:
        return 1.0, 1.0
    rows = good + bad
    return min(rows / (2 * good), 4.0), min(rows / (2 * bad), 4.0)
