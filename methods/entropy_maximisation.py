"""Entropy maximisation and asymmetric pseudo-labels of unknown labels (Zhou, Chen, Wang, Chen, Heng, ECCV 2022).

With p = sigmoid(z), q = 1 - p and nl(p) = -log(p + epsilon), both losses are the mean of u nl(p) + v nl(q), where u and
v are 1 and 0 of a positive, 0 and 1 of a known negative, -alpha p and -alpha q of an unknown label, whose entropy is so
maximised, and beta s and beta (1 - s) of a pseudo-label s. The gradient at the logits, times the number of entries, is

    p q [v / (q + epsilon) - u / (p + epsilon)],

and of an unknown label alpha p q [log(p + epsilon) - log(q + epsilon) + p / (p + epsilon) - q / (q + epsilon)], about
alpha p q z: it draws z to 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

import torch
from torch import Tensor

from bench.methods.api import Batch, Fit, LinearMethod, Problem, Split, register
from bench.methods.losses import negative_log

# Published values by data set (the paper's VOC is VOC12, its COCO is COCO14), and those of every other, for which there
# are none. The warm-up is a share of the epochs, of which the authors have ten.
PUBLISHED = {
    "alpha": {"VOC07": 0.2, "VOC12": 0.2, "COCO14": 0.1, "COCO17": 0.1, "NUS": 0.1, "CUB": 0.01},
    "beta": {"VOC07": 0.02, "VOC12": 0.02, "COCO14": 0.9, "COCO17": 0.9, "NUS": 0.2, "CUB": 0.4},
    "warm_up": {"VOC07": 0.5, "VOC12": 0.5, "COCO14": 0.5, "COCO17": 0.5, "NUS": 0.4, "CUB": 0.3},
}
ELSEWHERE = {"alpha": 0.1, "beta": 0.2, "warm_up": 0.5}


@register(
    "EM",
    family="partial labels",
    paper="Zhou et al., Acknowledging the Unknown for Multi-label Learning with Single Positive Labels, ECCV 2022",
    alpha=None,
    epsilon=1e-5,
)
class EntropyMaximisation(LinearMethod):
    """Mean of nl(p) where y = 1, nl(1-p) of known negatives, -alpha [p nl(p) + (1-p) nl(1-p)] of unknown labels.

    Options: ``alpha``, the weight of the entropy, without which it is the published one of the data set, else .1;
    ``epsilon`` in nl(p) = -log(p + epsilon).

    Unknown labels settle near p = .5, so a label is predicted from p = .75 on, as the authors do. Where all labels are
    known, no entropy is left: it is the cross-entropy, at that threshold.

    Departs from the release: it has no known negatives, and ends where validation first gets no better.
    """

    decision_threshold = log(3)
    alpha: Tensor
    epsilon: Tensor

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        for option, values in PUBLISHED.items():
            if option in hyperparameters and hyperparameters[option] is None:
                hyperparameters[option] = values.get(problem.dataset, ELSEWHERE[option])
        super().__init__(problem, **hyperparameters)

    def objective(self, batch: Batch) -> Tensor:
        p, q = torch.sigmoid(batch.z), torch.sigmoid(-batch.z)
        u, v = self.factors(batch, p, q)
        return (u * negative_log(p, self.epsilon) + v * negative_log(q, self.epsilon)).mean()

    def factors(self, batch: Batch, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """u and v [B, c], the factors of nl(p) and nl(q); they carry gradients."""
        if batch.observed is None:
            return batch.y, 1 - batch.y
        known = batch.observed > 0
        return torch.where(known, batch.y, -self.alpha * p), torch.where(known, 1 - batch.y, -self.alpha * q)


@register(
    "EM+APL",
    family="partial labels",
    paper="Zhou et al., Acknowledging the Unknown for Multi-label Learning with Single Positive Labels, ECCV 2022",
    alpha=None,
    beta=None,
    warm_up=None,
    negative_share=0.9,
    epsilon=1e-5,
)
class AsymmetricPseudoLabels(EntropyMaximisation):
    """EM, and beta [s nl(p) + (1-s) nl(1-p)] in place of the entropy of labels with a pseudo-label s.

    After each epoch from w = E ``warm_up`` of E epochs on, the unknown labels with the lowest p of each class,
    ``negative_share`` U / (E - w) of its U unknown ones, get the pseudo-label s = p, and keep it.

    Options: ``alpha`` and ``epsilon`` as in EM; ``beta``, the weight of pseudo-labels, and ``warm_up``, a share of the
    epochs: without them the published ones of the data set, else .2 and .5; ``negative_share``.

    Where all labels are known, there is nothing to label: it is EM.

    Departs from the release: as EM does; the warm-up scales with the epochs; of equal p the first row is taken; and an
    epoch of one batch gives pseudo-labels, too.
    """

    beta: Tensor
    warm_up: Tensor
    negative_share: Tensor
    pseudo_labels: Tensor
    prepare_ignores = ("alpha", "beta", "warm_up", "negative_share", "epsilon")

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        super().__init__(problem, **hyperparameters)
        # -1 where there is none; one number in memory until models are stacked
        self.register_buffer("pseudo_labels", torch.tensor(-1.0).expand(problem.n_samples, problem.n_labels))

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        return {"row": torch.arange(train.x.shape[0])}

    def factors(self, batch: Batch, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        u, v = super().factors(batch, p, q)
        s = self.pseudo_labels.index_select(0, batch.extra["row"])
        return torch.where(s < 0, u, self.beta * s), torch.where(s < 0, v, self.beta * (1 - s))

    def after_epoch(
        self, train: Split, extra: Mapping[str, Tensor], logits: Tensor, epoch: int, epochs: int
    ) -> dict[str, Tensor]:
        """Pseudo-labels of the surest negatives, class by class."""
        # Shares as they were written, for .9 of a float32 would lose a label by rounding.
        warm_up_share, negative_share = round(float(self.warm_up), 6), round(float(self.negative_share), 6)
        warm_up = min(round(epochs * warm_up_share), epochs - 1)
        if train.observed is None or epoch < warm_up:
            return {}
        free = ~train.observed & (self.pseudo_labels < 0)
        count = (negative_share * (~train.observed).sum(0).double() / (epochs - warm_up)).long()
        order = logits.masked_fill(~free, torch.inf).argsort(dim=0, stable=True)
        first = torch.arange(len(logits), device=logits.device).unsqueeze(1) < count
        chosen = torch.zeros_like(free).scatter_(0, order, first) & free
        return {"pseudo_labels": torch.where(chosen, torch.sigmoid(logits), self.pseudo_labels)}
