"""ConLE: label enhancement by contrastive learning of features and labels (Wang et al., IJCAI 2023)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods.api import Batch, Fit, Split, register
from bench.methods.enhancement.two_stage import TwoStage

ROWS_PER_BLOCK = 4096


class ContrastiveNetwork(nn.Module):
    """Z of the features, Q of the labels, and the degrees' logits of both."""

    def __init__(self, features: int, labels: int, hidden: int) -> None:
        super().__init__()
        self.of_features = leaky_layers(features, hidden, hidden)
        self.of_labels = leaky_layers(labels, hidden, hidden)
        self.decoder = leaky_layers(2 * hidden, hidden, labels)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Z and Q [B, hidden], and the logits [B, c]."""
        z, q = self.of_features(x), self.of_labels(y)
        return z, q, self.decoder(torch.cat([z, q], -1))


def leaky_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.01), nn.Linear(hidden, outputs))


@register(
    "ConLE",
    family="label enhancement",
    paper="Wang et al., Contrastive Label Enhancement, IJCAI 2023",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    hidden=64,
    temperature=0.5,
    distance_weight=0.001,
    margin_weight=0.001,
    margin=0.05,
    epochs=30,
    batch_size=128,
)
class ConLE(TwoStage):
    """con(Z, Q) + con(Q, Z) + ``distance_weight`` |y - d|^2 + ``margin_weight`` max(max_neg d - min_pos d + ``margin``,
    0), means over the rows, with d = softmax of a network of Z (of x) and Q (of y).

    Options: ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; those above; ``temperature`` of
    con; ``hidden``, the width of all layers; ``epochs`` and ``batch_size`` of the recovery network under Adam.

    Departs from the release: the authors' code was not found, and PyLDL's is followed but for batches, 30 epochs of
    Adam (there 1000 full batches of SGD), |y - d|^2 as a mean over the rows (there a sum, whose weight grows with
    their number), and one softmax (there the recovered degrees are softmax of softmax, nearly uniform).
    """

    hidden: int
    temperature: Tensor
    distance_weight: Tensor
    margin_weight: Tensor
    margin: Tensor
    epochs: int
    batch_size: int

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        """d, of the features and the logical labels."""
        network = ContrastiveNetwork(self.problem.n_features, self.problem.n_labels, self.hidden).to(train.x)

        def objective(batch: Batch) -> Tensor:
            z, q, logits = network(batch.x, batch.y)
            return self.recovery_loss(z, q, logits, batch.y)

        fit(
            network,
            objective,
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimiser="adam",
            weight_decay=0.0,
            records=True,
        )
        with torch.no_grad():
            parts = [
                network(x, y.to(x.dtype))[2].softmax(-1)
                for x, y in zip(train.x.split(ROWS_PER_BLOCK), train.y.split(ROWS_PER_BLOCK), strict=True)
            ]
        return torch.cat(parts)

    def recovery_loss(self, z: Tensor, q: Tensor, logits: Tensor, y: Tensor) -> Tensor:
        d = logits.softmax(-1)
        contrast = contrastive_loss(z, q, self.temperature) + contrastive_loss(q, z, self.temperature)
        distance = (y - d).square().sum(-1).mean()
        return contrast + self.distance_weight * distance + self.margin_weight * margin_loss(d, y, self.margin)


def contrastive_loss(u: Tensor, v: Tensor, temperature: Tensor) -> Tensor:
    """Mean over the rows of -log of e^(cos(u_i, v_i) / t) / (sum_j e^((cos(u_i, u_j) - [i = j]) / t) +
    sum_(j != i) e^(cos(u_i, v_j) / t)): the pair itself is not in the denominator, so that it may be negative.
    """
    u, v = F.normalize(u, dim=-1, eps=1e-12), F.normalize(v, dim=-1, eps=1e-12)
    own = torch.eye(u.shape[0], dtype=u.dtype, device=u.device)
    pairs = u @ v.T / temperature
    others = torch.cat([(u @ u.T - own) / temperature, pairs.masked_fill(own > 0, -1e4)], -1)
    return (others.logsumexp(-1) - pairs.diagonal()).mean()


def margin_loss(d: Tensor, y: Tensor, margin: Tensor) -> Tensor:
    """Mean of max(largest d of a negative - smallest d of a positive + margin, 0); of none they are 0 and 1."""
    largest = torch.where(y > 0, 0, d).amax(-1)
    smallest = torch.where(y > 0, d, 1).amin(-1)
    return (largest - smallest + margin).clamp(min=0).mean()
