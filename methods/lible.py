"""LIBLE: label enhancement by a label information bottleneck (Zheng, Zhu, Tang, CVPR 2023).

With noise of sigma the KL of 256 dimensions outweighs the labels' bits: the posterior may fall to N(0, 1) whatever x
is, and every row's degrees are then nearly the same. Noise of mu, as released (``official``), falls with the mean and
leaves more of x in z.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods.api import Batch, Fit, Split, register
from bench.methods.enhancement.two_stage import TwoStage

ROWS_PER_BLOCK = 4096
DECAY, DECAY_EVERY = 0.9, 20
LEAST_GAP = 1e-2


class Bottleneck(nn.Module):
    """q(z | x), a normal distribution, and the labels' logits of z."""

    def __init__(self, features: int, labels: int, hidden: int) -> None:
        super().__init__()
        self.encoder = sigmoid_layers(features, hidden, hidden, 2 * hidden)
        self.decoder = nn.Linear(hidden, labels)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of z, [B, hidden] each."""
        mean, raw = self.encoder(x).chunk(2, -1)
        return mean, F.softplus(raw)


class GapNetwork(nn.Module):
    """The bottleneck, d(z), whose softmax is the degrees, and g(z), the gap between d and the labels."""

    def __init__(self, bottleneck: Bottleneck, labels: int, hidden: int) -> None:
        super().__init__()
        self.bottleneck = bottleneck
        self.degrees = sigmoid_layers(hidden, hidden, hidden // 2, labels)
        self.gap = sigmoid_layers(hidden, hidden, hidden // 2, 1)


def sigmoid_layers(*widths: int) -> nn.Sequential:
    """Linear layers with a sigmoid after each but the last."""
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.Sigmoid())]
    return nn.Sequential(*layers[:-1])


@register(
    "LIBLE",
    family="label enhancement",
    paper="Zheng, Zhu, Tang, Label Information Bottleneck for Label Enhancement, CVPR 2023",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    hidden=256,
    kl_weight=1.0,
    gap_weight=0.001,
    pretraining_epochs=200,
    pretraining_rate=5e-3,
    epochs=100,
    rate=1e-3,
    batch_size=128,
    official=False,
)
class LIBLE(TwoStage):
    """CE(y, decoder(z)) + ``kl_weight`` KL(q(z | x), N(0, 1)) + ``gap_weight`` mean[(y - d)^2 / 2g^2 + log |g|], in
    bits but for the last; first without that term for ``pretraining_epochs`` at ``pretraining_rate``, then all of it
    for ``epochs`` at ``rate``, by Adam. d and g are networks of z; y in CE is not divided by its sum; the degrees are
    softmax(d).

    Options: ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; those above; ``hidden``, width and
    size of z; ``batch_size``; ``official``: as released, z = mu + mu eps, which is also drawn for the degrees, and a
    learning rate that decays every 20 batches.

    Departs from the release: z = mu + sigma eps (there sigma has no part in z), the degrees are those of z = mu (there
    of one draw), the second learning rate is times .9 every 20 epochs (there every 20 batches), and |g| is .01 at
    least, for log |g| has no minimum. The two weights are the authors' for SJAFFE; for Yeast_alpha they give 10 and 1.
    """

    hidden: int
    kl_weight: Tensor
    gap_weight: Tensor
    pretraining_epochs: int
    pretraining_rate: Tensor
    epochs: int
    rate: Tensor
    batch_size: int
    official: bool

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        """softmax(d) at the posterior mean."""
        labels = self.problem.n_labels
        bottleneck = Bottleneck(self.problem.n_features, labels, self.hidden).to(train.x)
        network = GapNetwork(bottleneck, labels, self.hidden).to(train.x)
        mean, std = train.x.mean(0), train.x.std(0, correction=0)
        scale = torch.where(std > 0, std, 1)

        def first(batch: Batch) -> Tensor:
            return self.bottleneck_loss(bottleneck, (batch.x - mean) / scale, batch.y)[0]

        def second(batch: Batch) -> Tensor:
            loss, z = self.bottleneck_loss(bottleneck, (batch.x - mean) / scale, batch.y)
            return loss + self.gap_weight * gap_loss(network.degrees(z), network.gap(z), batch.y)

        by_adam = partial(fit, batch_size=self.batch_size, optimiser="adam", weight_decay=0.0, records=True)
        by_adam(bottleneck, first, epochs=self.pretraining_epochs, learning_rate=float(self.pretraining_rate))
        schedule = by_batch if self.official else by_epoch
        by_adam(network, second, epochs=self.epochs, learning_rate=float(self.rate), schedule=schedule)
        with torch.no_grad():
            blocks = [bottleneck.encode((x - mean) / scale)[0] for x in train.x.split(ROWS_PER_BLOCK)]
            if self.official:
                blocks = [mu + mu * torch.randn(mu.shape).to(mu) for mu in blocks]
            return torch.cat([network.degrees(z).softmax(-1) for z in blocks])

    def bottleneck_loss(self, bottleneck: Bottleneck, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The loss without the gap's term, and the z [B, hidden] it was computed at."""
        mean, std = bottleneck.encode(x)
        z = mean + (mean if self.official else std) * torch.randn_like(mean)
        return label_bits(bottleneck.decoder(z), y) + self.kl_weight * gaussian_kl_bits(mean, std), z


def label_bits(logits: Tensor, y: Tensor) -> Tensor:
    """-sum_j y_j log2 softmax_j, averaged over the rows; a row without labels adds nothing."""
    return -(y * logits.log_softmax(-1)).sum(-1).mean() / math.log(2)


def gaussian_kl_bits(mean: Tensor, std: Tensor) -> Tensor:
    """KL of N(mean, std^2) to N(0, 1) in bits: summed over the dimensions, averaged over the rows."""
    return 0.5 * (mean.square() + std.square() - 1 - 2 * std.log()).sum(-1).mean() / math.log(2)


def gap_loss(d: Tensor, g: Tensor, y: Tensor) -> Tensor:
    """Mean of (y - d)^2 / (2 g^2) + log |g|; d, y [B, c] and g [B, 1]. A regression: d is no distribution yet."""
    size = g.abs().clamp(min=LEAST_GAP)
    return (0.5 * (y - d).square() / size.square() + size.log()).mean()


def by_epoch(epoch: Tensor, step: Tensor) -> Tensor:
    return DECAY ** ((epoch - 1) / DECAY_EVERY).floor()


def by_batch(epoch: Tensor, step: Tensor) -> Tensor:
    return DECAY ** (step / DECAY_EVERY).floor()
