"""Shared parts of losses: cross-entropies, focal modulation, class and instance weights, expected positives.

Every function of tensors is on [B, c] and safe under ``torch.vmap``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Published values of the re-balancing map's centre mu and of the negative scale lambda: Wu et al. 2020 (VOC-MLT,
# COCO-MLT) and Huang et al. 2021 (Reuters). For every other set there is none, and .2 and 2 are used.
PUBLISHED_MU = {"VOC07": 0.3, "VOC12": 0.3, "COCO14": 0.2, "COCO17": 0.2, "Reuters": 0.9}
PUBLISHED_NEGATIVE_SCALE = {"VOC07": 5.0, "VOC12": 5.0, "COCO14": 2.0, "COCO17": 2.0, "Reuters": 2.0}
DEFAULT_MU = 0.2
DEFAULT_NEGATIVE_SCALE = 2.0


def cross_entropy(z: Tensor, y: Tensor) -> Tensor:
    """-y log sigmoid(z) - (1-y) log sigmoid(-z), elementwise."""
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


def negative_log(p: Tensor, epsilon: Tensor | float) -> Tensor:
    """-log(p + epsilon), elementwise: bounded by -log(epsilon), and its gradient in p by 1 / epsilon.

    Finite at epsilon = 0 too: below the dtype's smallest normal number it is constant.
    """
    return -torch.log((p + epsilon).clamp(min=torch.finfo(p.dtype).tiny))


def bounded_cross_entropy(z: Tensor, y: Tensor, epsilon: Tensor) -> Tensor:
    """-y log(p + epsilon) - (1-y) log(1 - p + epsilon), elementwise.

    Its gradient in z is p (1-p) [(1-y) / (1 - p + epsilon) - y / (p + epsilon)].
    """
    return negative_log(torch.sigmoid(torch.where(y > 0, z, -z)), epsilon)


def smoothed_cross_entropy(z: Tensor, y: Tensor, smoothing: Tensor, epsilon: Tensor) -> Tensor:
    """-t log(p + epsilon) - (1-t) log(1 - p + epsilon), t = 1 - smoothing of positives and smoothing of others.

    Elementwise. Its gradient in z is p (1-p) [(1-t) / (1 - p + epsilon) - t / (p + epsilon)].
    """
    target = torch.where(y > 0, 1 - smoothing, smoothing)
    return target * negative_log(z.sigmoid(), epsilon) + (1 - target) * negative_log((-z).sigmoid(), epsilon)


def focal_modulation(z: Tensor, y: Tensor, gamma: Tensor) -> Tensor:
    """(1 - p_t)^gamma with p_t the probability given to the truth; gradients flow through it (Lin et al., eq. 4)."""
    miss = torch.sigmoid(torch.where(y > 0, -z, z))  # 1 - p_t without cancellation
    return miss.pow(gamma)


def class_balanced_weight(positives: Tensor, beta: float) -> Tensor:
    """[c] (1 - beta) / (1 - beta^n_j): the inverse effective number of samples (Cui et al. 2019, eq. 3).

    n_j = 0 would divide by zero and counts as 1.
    """
    n = positives.clamp(min=1)
    return (1 - beta) / (1 - beta**n)


def rebalanced_weight(y: Tensor, positives: Tensor, alpha: Tensor, beta: Tensor, mu: Tensor) -> Tensor:
    """[B, c] alpha + sigmoid(beta (r - mu)), r_ij = (1/n_j) / sum_{l: y_il = 1} 1/n_l (Wu et al. 2020, eqs. 4-5).

    A row without positives has r = inf and so the weight alpha + 1 everywhere; n_j = 0 counts as 1.
    """
    inverse = 1 / positives.clamp(min=1)
    r = inverse / (y * inverse).sum(-1, keepdim=True)
    return alpha + torch.sigmoid(beta * (r - mu))


def negative_tolerant_bias(positives: Tensor, rows: int, kappa: Tensor) -> Tensor:
    """[c] nu_j = -kappa log(N/n_j - 1) (Wu et al. 2020, eq. 9); n_j is kept within [1, N-1]."""
    n = positives.clamp(1, rows - 1)
    return -kappa * torch.log((rows - n) / n)


def shifted_probability(z: Tensor, y: Tensor, margin: Tensor) -> Tensor:
    """Probability given to the truth, to a negative with a margin: p where y=1, min(1 - p + m, 1) where y=0.

    The asymmetric probability shifting of Ridnik et al. 2021; at least 1e-8, as their release has it in its logarithms.
    """
    p_t = torch.sigmoid(torch.where(y > 0, z, -z))  # 1 - p without cancellation
    return (p_t + margin * (1 - y)).clamp(1e-8, 1)


def asymmetric_weight(p_t: Tensor, y: Tensor, gamma_positive: Tensor, gamma_negative: Tensor) -> Tensor:
    """(1 - p_t)^gamma with a gamma of the positives and one of the negatives; a constant, as the release has it."""
    return (1 - p_t.detach()).pow(torch.where(y > 0, gamma_positive, gamma_negative))


def expected_positives_penalty(p: Tensor, k: Tensor) -> Tensor:
    """((sum over the labels of p, mean over the batch) - k)^2 / c^2 (Cole et al. 2021): the batch's rows have k labels
    on average. Its gradient in z is 2 (mean row sum of p - k) p (1-p) / (B c^2)."""
    return ((p.sum(-1).mean() - k) / p.shape[-1]).square()
