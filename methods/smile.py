"""SMILE: single-positive multi-label learning with label enhancement (Xu, Qiao, Lv, Geng, Zhang, NeurIPS 2022).

The authors' (palm-ml/smile): graph encoder, decoder, loss and its weights, epochs and batch size. Their classifier
learns from the recovered degrees without an influence on them, so that it is left out, and the classifier here is that
of the second stage which all methods of label enhancement share.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods.api import Batch, Fit, Split, register
from bench.methods.enhancement.neighbours import nearest_neighbours
from bench.methods.enhancement.two_stage import TwoStage
from bench.methods.losses import negative_log

ROWS_PER_BLOCK = 4096


class Graph(NamedTuple):
    """Directed edges from each of N rows to its k nearest, in the order of the rows they lead to."""

    neighbours: Tensor
    """[N, k]."""
    source: Tensor
    """[N k] the row that each edge comes from."""
    start: Tensor
    """[N] the first edge into each row."""
    incoming: Tensor
    """[N] the edges into each row; 0 where it is none's neighbour."""

    def into(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Sources [E] of the edges into the rows, row after row, and how many each has [B]."""
        count = self.incoming[rows]
        first = self.start[rows] - (count.cumsum(0) - count)
        edge = torch.repeat_interleave(first, count)
        return self.source[edge + torch.arange(len(edge), device=edge.device)], count

    def gathered(self, values: Tensor, count: Tensor) -> Tensor:
        """[B, width]: the sum of each row's ``values`` [E, width] over (out-degree k x in-degree)^1/2, a degree of 0
        counted as 1."""
        scale = (self.neighbours.shape[1] * count.clamp(min=1)).to(values).sqrt()[:, None]
        return torch.segment_reduce(values, "sum", lengths=count, axis=0, initial=0) / scale

    def adjacency(self, rows: Tensor) -> Tensor:
        """[B, B] bool: the edges among the rows."""
        return (self.neighbours[rows][:, :, None] == rows).any(1)


class BetaNetwork(nn.Module):
    """Two graph convolutions and a linear layer to the logits of d, and the decoder of [x; d] to x."""

    def __init__(self, features: int, labels: int) -> None:
        super().__init__()
        self.first = nn.Linear(features, labels)
        self.second = nn.Linear(labels, labels)
        for layer in (self.first, self.second):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.last = nn.Linear(labels, labels)
        self.hidden = nn.Sequential(nn.Linear(features + labels, labels), nn.ReLU(), nn.Linear(labels, labels))
        self.decoder = nn.Sequential(nn.Linear(2 * labels, features), nn.ReLU(), nn.Linear(features, features))

    def logits(self, graph: Graph, gathered: Tensor, rows: Tensor) -> Tensor:
        """[B, c] of the rows, of the ``gathered`` features [N, D] of all. The first convolution is computed where the
        second looks, so that a batch need not pass all N rows through it."""
        source, count = graph.into(rows)
        hidden = self.first(gathered[source]).relu()
        return self.last(self.second(graph.gathered(hidden, count)))


@register(
    "SMILE",
    family="label enhancement",
    paper="Xu, Qiao, Lv, Geng, Zhang, One Positive Label is Sufficient, NeurIPS 2022",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    neighbours=3,
    reconstruction_weight=0.001,
    kl_weight=1.0,
    official=False,
    epochs=25,
    batch_size=16,
)
class SMILE(TwoStage):
    """AN(d, y) + ``reconstruction_weight`` [MSE(x) + AN(r, y) + MSE(r r', A)] + ``kl_weight`` KL(Beta(d, 1 - d)),
    where d = sigmoid(encoder), r is drawn from Beta(d, 1 - d), and AN is the cross-entropy that assumes negatives;
    the divergence is from the uniform on [0, 1].

    Made for one known positive a row: labels that are not known count as negatives, as in the paper. Where all labels
    are known, the same loss takes all of them as they are. A row that is none's neighbour receives nothing from the
    graph, and its degrees are the same as those of all such rows.

    Options: also ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; ``neighbours``, the nearest
    rows that each row's edges lead to; ``official``, the released code's divergence; ``epochs`` and ``batch_size`` of
    the recovery network under Adam.

    Departs from the release: its divergence has the logarithms of Gamma with the wrong sign and lacks the terms of
    a + b, here it is the true one (``official`` keeps theirs); the classifier is the shared one, trained afterwards.
    """

    neighbours: int
    reconstruction_weight: Tensor
    kl_weight: Tensor
    official: bool
    epochs: int
    batch_size: int

    def recover(self, train: Split, fit: Fit) -> Tensor:
        """sigmoid of the encoder's logits, after training."""
        network = BetaNetwork(self.problem.n_features, self.problem.n_labels).to(train.x)
        graph = graph_of(train.x, self.neighbours)
        gathered = gathered_features(graph, train.x)
        # Drawing is the loop's, so equal seeds give equal bytes; the number of edges differs from batch to batch, which
        # no recording holds.
        fit(
            network,
            lambda batch: self.recovery_loss(network, graph, gathered, batch),
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimiser="adam",
            weight_decay=0.0,
            extra={"row": torch.arange(len(train.x), device=train.x.device)},
        )
        with torch.no_grad():
            every = torch.arange(len(train.x), device=train.x.device).split(ROWS_PER_BLOCK)
            return torch.cat([network.logits(graph, gathered, rows).sigmoid() for rows in every])

    def recovery_loss(self, network: BetaNetwork, graph: Graph, gathered: Tensor, batch: Batch) -> Tensor:
        row = batch.extra["row"]
        d = network.logits(graph, gathered, row).sigmoid()
        r = torch.distributions.Beta(d + 1e-5, 1 - d + 1e-5, validate_args=False).rsample()
        x = network.decoder(torch.cat([d, network.hidden(torch.cat([batch.x, d], 1))], 1))
        reconstruction = (
            F.mse_loss(x, batch.x) + assume_negative(r, batch.y) + F.mse_loss(r @ r.T, graph.adjacency(row).to(r))
        )
        return (
            assume_negative(d, batch.y)
            + self.reconstruction_weight * reconstruction
            + self.kl_weight * beta_kl(d, self.official)
        )


def assume_negative(p: Tensor, y: Tensor) -> Tensor:
    """Mean of -y ln(p + 1e-5) - (1 - y) ln(1 - p + 1e-5)."""
    return (y * negative_log(p, 1e-5) + (1 - y) * negative_log(1 - p, 1e-5)).mean()


def beta_kl(d: Tensor, official: bool) -> Tensor:
    """Mean KL of Beta(a, b) to the uniform, a = d + 1e-6 and b = 1 - d + 1e-6, or what the released code has for it:
    ln G(a) + ln G(b) + (a - 1) psi(a) + (b - 1) psi(b).

    The true one: ln G(a + b) - ln G(a) - ln G(b) + (a - 1) psi(a) + (b - 1) psi(b) + (2 - a - b) psi(a + b).
    """
    a, b = d + 1e-6, 1 - d + 1e-6
    gammas = torch.lgamma(a) + torch.lgamma(b)
    slopes = (a - 1) * torch.special.digamma(a) + (b - 1) * torch.special.digamma(b)
    if official:
        return (gammas + slopes).mean()
    total = a + b
    return (torch.lgamma(total) - gammas + slopes + (2 - total) * torch.special.digamma(total)).mean()


def graph_of(x: Tensor, neighbours: int) -> Graph:
    """Ties of equal distances go to the first rows."""
    if neighbours < 1:
        raise ValueError(f"SMILE's neighbours are at least 1, not {neighbours}")
    found = nearest_neighbours(x, neighbours)
    target, edge = found.flatten().sort(stable=True)
    count = torch.bincount(target, minlength=len(x))
    return Graph(found, edge // neighbours, count.cumsum(0) - count, count)


def gathered_features(graph: Graph, x: Tensor) -> Tensor:
    """[N, D] features as the first graph convolution sees them."""
    parts = []
    for rows in torch.arange(len(x), device=x.device).split(ROWS_PER_BLOCK):
        source, count = graph.into(rows)
        parts.append(graph.gathered(x[source], count))
    return torch.cat(parts)
