"""VALEN: instance-dependent partial label learning (Xu et al., NeurIPS 2021), adapted to complete multi-label data.

The authors': the linear encoder (their released code uses no graph convolution), the Dirichlet posterior, the decoder,
the adjacency reconstruction, and the weights of all terms but one: on real-world data they weigh MSE(x) by 1 in their
main run and by .01 elsewhere, which is ours. Ours too: all positives are true, so the target stays y / sum(y) and is
not sharpened; the decoder is at most 512 wide; encoder and decoder train alone for 30 epochs by the shared optimiser;
the degrees are alpha / sum(alpha) over all labels; the classifier is then trained as LEVI's.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods.api import Batch, Fit, Split, register
from bench.methods.enhancement.neighbours import nearest_neighbours
from bench.methods.enhancement.networks import initialise_xavier
from bench.methods.enhancement.two_stage import TwoStage


class DirichletNetwork(nn.Module):
    """Linear encoder x -> e [B, c], and a decoder of a label distribution to x."""

    def __init__(self, features: int, labels: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(features, labels)
        nn.init.xavier_uniform_(self.encoder.weight)
        nn.init.zeros_(self.encoder.bias)
        width = min(features, hidden)
        self.decoder = nn.Sequential(nn.Linear(labels, width), nn.ReLU(), nn.Linear(width, features))
        initialise_xavier(self.decoder)


@register(
    "VALEN",
    family="label enhancement",
    paper="Xu, Qiao, Geng, Zhang, Instance-Dependent Partial Label Learning, NeurIPS 2021",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    hidden=512,
    neighbours=3,
    reconstruction_weight=0.01,
    label_weight=0.01,
    graph_weight=1.0,
    kl_weight=0.01,
    target_weight=20.0,
    epochs=30,
    batch_size=64,
)
class VALEN(TwoStage):
    """``reconstruction_weight`` MSE(x) + ``label_weight`` BCE(d, y) + ``graph_weight`` MSE(A) + ``kl_weight`` KL(alpha)
    + ``target_weight`` CE(y / sum(y), softmax e), where d is drawn from the Dirichlet posterior.

    Options: ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; the weights above; ``hidden``
    width of the decoder at most; ``neighbours`` of each row in the graph; ``epochs`` and ``batch_size`` of the
    recovery network.
    """

    hidden: int
    neighbours: int
    reconstruction_weight: Tensor
    label_weight: Tensor
    graph_weight: Tensor
    kl_weight: Tensor
    target_weight: Tensor
    epochs: int
    batch_size: int

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        """alpha / sum(alpha) over all labels."""
        network = DirichletNetwork(self.problem.n_features, self.problem.n_labels, self.hidden).to(train.x)
        graph = {
            "variant": torch.arange(train.x.shape[0], device=train.x.device),
            "neighbours": nearest_neighbours(train.x, self.neighbours),
        }
        fit(
            network,
            lambda batch: self.recovery_loss(network, batch),
            epochs=self.epochs,
            batch_size=self.batch_size,
            extra=graph,
            records=True,
        )
        with torch.no_grad():
            alpha = concentration(network.encoder(train.x))
        return alpha / alpha.sum(1, keepdim=True)

    def recovery_loss(self, network: DirichletNetwork, batch: Batch) -> Tensor:
        e = network.encoder(batch.x)
        d = torch.distributions.Dirichlet(sampling_concentration(e, batch.y), validate_args=False).rsample()
        similarity = (d @ d.T).sigmoid().softmax(-1)
        graph = adjacency(batch.extra["variant"], batch.extra["neighbours"]).to(similarity.dtype)
        return (
            self.reconstruction_weight * F.mse_loss(network.decoder(d), batch.x)
            + self.label_weight * F.binary_cross_entropy_with_logits(d, batch.y)
            + self.graph_weight * F.mse_loss(similarity, graph)
            + self.kl_weight * dirichlet_kl(concentration(e))
            + self.target_weight * cross_entropy_to(restricted(torch.ones_like(batch.y), batch.y), e)
        )


def concentration(e: Tensor) -> Tensor:
    """alpha of the posterior."""
    return (e / 4).exp().clamp(0.01, 30)


def restricted(degrees: Tensor, y: Tensor) -> Tensor:
    """Degrees of the positive labels alone, summing to 1; zeros in a row without positives."""
    positive = degrees * y
    total = positive.sum(-1, keepdim=True)
    return positive / torch.where(total > 0, total, 1)


def sampling_concentration(e: Tensor, y: Tensor) -> Tensor:
    """Concentration of d in the released code: not alpha, but softmax(e) on the positive labels, plus .01."""
    return restricted(e.softmax(-1), y) + 0.01


def dirichlet_kl(alpha: Tensor) -> Tensor:
    """KL of Dir(alpha) to Dir(1), averaged over the rows."""
    total = alpha.sum(-1, keepdim=True)
    norm = torch.lgamma(total.squeeze(-1)) - torch.lgamma(alpha).sum(-1) - math.lgamma(alpha.shape[-1])
    return (norm + ((alpha - 1) * (torch.digamma(alpha) - torch.digamma(total))).sum(-1)).mean()


def adjacency(row: Tensor, neighbours: Tensor) -> Tensor:
    """[B, B] block of the whole data set's graph: each row to itself and its k neighbours, 1 / (k + 1) each."""
    joined = torch.cat([row[:, None], neighbours], 1)
    return (joined[:, :, None] == row).any(1) / joined.shape[1]


def cross_entropy_to(target: Tensor, e: Tensor) -> Tensor:
    """-(1/B) sum t log(softmax(e) + 1e-12); a row whose target is zero everywhere adds nothing."""
    return -(target * (e.softmax(-1) + 1e-12).log()).sum(-1).mean()
