"""The control of label enhancement that has nothing to estimate: FLEM's classifier loss with the true distributions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.job.inputs import minmax_scaled
from bench.methods.api import Batch, Fit, LinearMethod, Split, register
from study.controls.label_distributions import mixed
from study.converged.simulated.data import training_part


@register(
    "LD-true",
    family="ablation",
    paper="a control of Zhao et al., IJCAI 2022: d is the true distribution of simulated data",
    grid={"beta": [1e-4, 1e-3, 1e-2, 1e-1]},
    beta=0.001,
)
class TrueDistributions(LinearMethod):
    """beta L_LD + (1 - beta) L_SC with the true d: what no estimator of d can be expected to exceed. Options: ``beta``.

    A simulated set is made from its name, so d is made again here; features and labels hold nothing of it.
    """

    beta: Tensor
    prepare_ignores = ("beta",)

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        x, y, degrees = training_part(self.problem.dataset)
        features, given = (minmax_scaled({"train": array})["train"] for array in (x, train.x.cpu().numpy()))
        if not np.array_equal(y, train.y.cpu().numpy()) or not np.allclose(features, given, atol=1e-4):
            raise ValueError(f"the instances of {self.problem.dataset} are not those that its name stands for")
        return {"distribution": torch.from_numpy(degrees)}

    def objective(self, batch: Batch) -> Tensor:
        distribution = -(batch.extra["distribution"] * batch.z.log_softmax(-1)).sum(-1).mean()
        return mixed(self.beta, distribution, batch)
