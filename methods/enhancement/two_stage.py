"""Label enhancement in two stages: recover each training label's degree, then train the linear classifier on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.methods.api import Batch, Fit, LinearMethod, Problem, Split

PREDICTORS = ("soft-bce", "svr")


class TwoStage(LinearMethod):
    """A method that says how degrees are recovered (:meth:`recover`); the second stage is the same for all.

    ``predictor`` "soft-bce": cross-entropy of the logits with the targets ``mix`` d + (1 - ``mix``) y, where d are the
    recovered degrees in [0, 1]; degrees that sum to 1 over the labels are first stretched to [0, 1] row by row, since a
    row of two labels would otherwise have no target above the threshold.

    ``predictor`` "svr": the linear form of the multi-output support vector regression that the authors of LEVI use:
    mean of .5 max(|t - z| - ``tolerance``, 0)^2 + ``penalty`` sum_j max(0, -sign(t_j) z_j), where t is sigmoid(d)
    stretched row by row to [-1, 1]. It has no mixing weight: give such a row ``grid = {}``.
    """

    mix: Tensor
    predictor: str
    penalty: Tensor
    tolerance: Tensor

    shared_defaults: ClassVar = {"mix": 1.0, "predictor": "soft-bce", "penalty": 0.1, "tolerance": 1e-3}
    prepare_ignores: ClassVar = ("mix", "penalty", "tolerance")
    degrees_sum_to_one: ClassVar[bool] = False
    """True where the recovered degrees of a row sum to 1 over the labels."""

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        super().__init__(problem, **hyperparameters)
        if self.predictor not in PREDICTORS:
            raise ValueError(f"the predictor is one of {', '.join(PREDICTORS)}, not {self.predictor!r}")

    def recover(self, train: Split, fit: Fit) -> Tensor:
        """[N, c] degrees of the training rows, not negative. ``fit`` trains a recovery network."""
        raise NotImplementedError(f"{type(self).__name__} does not recover degrees")

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        degrees = self.recover(train, fit)
        if not bool(torch.isfinite(degrees).all()):
            raise ValueError("the recovered degrees are not finite; the recovery has diverged")
        if self.predictor == "svr":
            t = torch.sigmoid(degrees.double())
            target = torch.where(_varied(t), 2 * stretched(t) - 1, 0)
        else:
            target = stretched(degrees) if self.degrees_sum_to_one else degrees
        return {"degrees": degrees, "target": target}

    def objective(self, batch: Batch) -> Tensor:
        target = batch.extra["target"]
        if self.predictor == "soft-bce":
            return F.binary_cross_entropy_with_logits(batch.z, self.mix * target + (1 - self.mix) * batch.y)
        # The square root's gradient at 0 is infinite; the clamp keeps it out.
        distance = (target - batch.z).square().sum(-1).clamp(min=1e-24).sqrt()
        wrong_sign = (-target.sign() * batch.z).clamp(min=0).sum(-1)
        return (0.5 * (distance - self.tolerance).clamp(min=0).square() + self.penalty * wrong_sign).mean()

    def distribution(self, train: Split, extra: Mapping[str, Tensor]) -> Tensor:
        return extra["degrees"]


def stretched(degrees: Tensor) -> Tensor:
    """Each row to [0, 1] by its own minimum and maximum; a row that is constant up to rounding becomes zeros."""
    low, high = degrees.amin(1, keepdim=True), degrees.amax(1, keepdim=True)
    varied = _varied(degrees)
    return torch.where(varied, (degrees - low) / torch.where(varied, high - low, 1), 0)


def _varied(degrees: Tensor) -> Tensor:
    """[N, 1]: whether a row's degrees differ by more than the rounding of float32."""
    low, high = degrees.amin(1, keepdim=True), degrees.amax(1, keepdim=True)
    return high - low > 1e-6 * high.abs()
