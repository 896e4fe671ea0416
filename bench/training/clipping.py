"""Gradient clipping with a norm queue, as in the released FLEM code (``clip_gradient``; the paper does not mention it).

The queue holds the last five norms, at first only infinity. Each step clips the gradient's norm to five times the
queue's maximum M and appends min(norm before clipping, 2 M, 1). Infinity leaves at the fifth append, so steps 1 to 5
are not clipped; afterwards the limit is at most 5.
"""

from __future__ import annotations

import torch
from torch import Tensor

QUEUE_LENGTH = 5
FACTOR = 5.0


class NormQueue:
    """One queue per model of a stack, for one group of parameters."""

    def __init__(self, models: int, device: torch.device, dtype: torch.dtype) -> None:
        self.norms = torch.full((models, QUEUE_LENGTH), -torch.inf, device=device, dtype=dtype)
        self.norms[:, -1] = torch.inf  # leaves at the fifth append

    def scale(self, norm: Tensor) -> Tensor:
        """[K] factors for the gradients whose norms are ``norm`` [K]; appends the norms to the queues."""
        largest = self.norms.amax(1)
        # 1e-6 as in torch.nn.utils.clip_grad_norm_
        factor = (FACTOR * largest / (norm + 1e-6)).clamp(max=1.0)
        new = torch.minimum(norm, 2 * largest).clamp(max=1.0)
        self.norms.copy_(torch.cat([self.norms[:, 1:], new.unsqueeze(1)], 1))
        return factor
