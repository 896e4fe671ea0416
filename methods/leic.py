"""LEIC: label enhancement by joint implicit representation clustering (Lu, Li, Jia, IJCAI 2023).

A latent z of features and labels, a cluster, and the label distribution d of each row explain its features, its labels
and which rows have similar labels. Networks, constants and initial weights are those of the released code
(Yunan-Lu/LEIC). The graph is checked against that code's output; the evidence lower bound is written from the published
description of the model and is not checked against the authors' numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Dirichlet, Normal, kl_divergence

from bench.methods.api import Fit, Problem, Split, register
from bench.methods.enhancement.neighbours import ROWS_PER_BLOCK, smallest, square_matrix_guard
from bench.methods.enhancement.two_stage import TwoStage

LARGEST = 10_000
"""Rows at most: a step works on all pairs of rows."""
SQUARE_MATRICES = 6
"""Of N x N in a step, forward and backward; and as many of N x (c + 1) latent dimensions."""


class Rows(NamedTuple):
    """All training rows; labels without positives are left out."""

    x: Tensor
    """[N, D] features in [0, 1]."""
    smoothed: Tensor
    """[N, D] L x, what every graph convolution sees, L the normalised adjacency."""
    y: Tensor
    """[N, c]."""
    adjacency: Tensor
    """[N, N] of rows with similar labels."""


class ClusteringNetwork(nn.Module):
    """Posteriors of z, cluster and d, and the conditional distributions of z and x, each linear or graph-linear."""

    def __init__(self, features: int, labels: int, latent: int) -> None:
        super().__init__()
        self.clusters = labels + 1
        self.latent_mean = graph_convolution(features, latent)
        self.latent_std = graph_convolution(features, latent)
        self.cluster = graph_convolution(features, self.clusters)
        self.concentration = nn.Linear(features, labels)
        self.prior_mean = nn.Linear(labels, self.clusters * latent)
        self.prior_std = nn.Linear(labels, self.clusters * latent)
        self.feature_mean = nn.Linear(latent, features)
        self.feature_std = nn.Linear(latent, features)

    def clusters_of(self, rows: Rows) -> Tensor:
        """[N, C] q(cluster)."""
        return self.cluster(rows.smoothed).softmax(1)

    def latent_of(self, rows: Rows) -> Normal:
        """q(z), [N, latent]."""
        return Normal(self.latent_mean(rows.smoothed), positive(self.latent_std(rows.smoothed)), validate_args=False)

    def prior_of(self, d: Tensor) -> Normal:
        """p(z | d, cluster), [N, C, latent]."""
        shape = (len(d), self.clusters, -1)
        return Normal(self.prior_mean(d).view(shape), positive(self.prior_std(d)).view(shape), validate_args=False)

    def degrees_of(self, rows: Rows, clusters: Tensor, strength: Tensor) -> Dirichlet:
        """q(d) = Dir(delta + ``strength`` y)."""
        delta = spread(positive(self.concentration(rows.x)), clusters.detach(), rows.y)
        return Dirichlet(delta + strength * rows.y, validate_args=False)

    def features_of(self, z: Tensor) -> Normal:
        """p(x | z)."""
        return Normal(self.feature_mean(z), positive(self.feature_std(z)), validate_args=False)


@register(
    "LEIC",
    family="label enhancement",
    paper="Lu, Li, Jia, Label Enhancement via Joint Implicit Representation Clustering, IJCAI 2023",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    strength=4.0,
    latent=64,
    neighbours=20,
    epochs=100,
)
class LEIC(TwoStage):
    """max E[ln p(x | z) + ln p(y | d) + ln p(A | z)] - KL(cluster) - KL(z) - KL(d); the degrees are the mean of q(d).

    q(d) = Dir(delta + ``strength`` y), where delta spreads a positive linear function of x over the labels by their
    normalised co-occurrence in the row's clusters, of which there are c + 1. A joins two rows where one is among the
    ``neighbours`` of most similar labels (by cosine) of the other, itself counted; all rows where there are fewer.

    Options: also ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; ``latent`` size of z;
    ``epochs``, each one step of Adam on all rows, whatever minimum of steps the protocol has. Memory: matrices of
    N x N; at most 10 000 rows. A label that is not known counts as absent. A label without positives has degree 0.

    Departs from the release: 100 steps, where it has 10 to 480 by data set; a row is always among its own neighbours,
    and of equally similar rows the first are taken.
    """

    strength: Tensor
    latent: int
    neighbours: int
    epochs: int

    degrees_sum_to_one = True

    def __init__(self, problem: Problem, **hyperparameters: object) -> None:
        super().__init__(problem, **hyperparameters)
        if self.latent < 1 or self.neighbours < 1:
            raise ValueError(
                f"LEIC's latent size and neighbours are at least 1; they are {self.latent} and {self.neighbours}"
            )

    def recover(self, train: Split, fit: Fit) -> Tensor:
        """Mean of q(d) with the last step's parameters."""
        self.guard(train.x)
        used = train.y.sum(0) > 0
        if not bool(used.any()):
            raise ValueError("LEIC recovers degrees from labels, and no training row has any")
        rows = prepared_rows(train.x, train.y[:, used], self.neighbours)
        network = ClusteringNetwork(rows.x.shape[1], rows.y.shape[1], self.latent).to(train.x)
        strength = self.strength.to(train.x)
        # Drawing is the loop's, so equal seeds give equal bytes; a hundred steps on all pairs of rows are not recorded.
        fit(
            network,
            lambda batch: -lower_bound(network, rows, strength),
            epochs=self.epochs,
            batch_size=len(train.x),
            exact=True,
            optimiser="adam",
            weight_decay=0.0,
        )
        with torch.no_grad():
            degrees = network.degrees_of(rows, network.clusters_of(rows), strength).mean
        found = degrees.new_zeros(train.y.shape)
        found[:, used] = degrees
        return found

    def guard(self, x: Tensor) -> None:
        """Refuse more rows than the method is for, and matrices that memory does not hold, before making them."""
        rows, beside = len(x), (self.problem.n_labels + 1) * self.latent
        if rows > LARGEST:
            needed = SQUARE_MATRICES * rows * (rows + beside) * x.element_size() / 1e9
            raise ValueError(
                f"LEIC takes at most {LARGEST} training rows, since it works on all pairs of them, and there are "
                f"{rows}, which would take {needed:.0f} GB of memory; give it a smaller data set"
            )
        square_matrix_guard("LEIC", x, matrices=math.ceil(SQUARE_MATRICES * (1 + beside / rows)))


def lower_bound(network: ClusteringNetwork, rows: Rows, strength: Tensor) -> Tensor:
    """The evidence lower bound of all rows, summed, at one drawn z and one drawn d of each.

    ln N(x; z) + ln Bernoulli(y; d) + ln Bernoulli(A; sigmoid(z z')) - KL(q(cluster), uniform)
    - sum_k q(k) KL(q(z), p(z | d, k)) - KL(q(d), Dir(1)).
    """
    clusters, latent = network.clusters_of(rows), network.latent_of(rows)
    degrees = network.degrees_of(rows, clusters, strength)
    z, d = latent.rsample(), degrees.rsample()
    explained = (
        network.features_of(z).log_prob(rows.x).sum()
        + Bernoulli(d, validate_args=False).log_prob(rows.y).sum()
        - F.binary_cross_entropy_with_logits(z @ z.T, rows.adjacency, reduction="sum")
    )
    posterior = Normal(latent.loc[:, None], latent.scale[:, None], validate_args=False)
    uniform = Categorical(torch.ones_like(clusters), validate_args=False)
    divergence = (
        kl_divergence(Categorical(clusters, validate_args=False), uniform).sum()
        + (clusters * kl_divergence(posterior, network.prior_of(d)).sum(-1)).sum()
        + kl_divergence(degrees, Dirichlet(torch.ones_like(d), validate_args=False)).sum()
    )
    return explained - divergence


def spread(given: Tensor, clusters: Tensor, y: Tensor) -> Tensor:
    """[N, c]: ``given`` [N, c] times D_i^-1/2 S_i D_i^-1/2, S_i = sum_k q_ik (sum_m q_mk y_m y_m') the co-occurrence of
    labels in the row's ``clusters`` [N, C], D_i its row sums.

    S_i = sum_m w_im y_m y_m' with w = q q', so that no [N, c, c] is made.
    """
    weight = clusters @ clusters.T
    root = (weight @ (y * y.sum(1, keepdim=True))).sqrt()
    return ((given / root) @ y.T * weight) @ y / root


def prepared_rows(x: Tensor, y: Tensor, neighbours: int) -> Rows:
    low, high = x.amin(0), x.amax(0)
    x = (x - low) / torch.where(high > low, high - low, 1)
    joined = adjacency(y, neighbours)
    smoothed = normalised(joined) @ x.double()
    return Rows(x, smoothed.to(x), y.to(x), joined.to(x))


def adjacency(labels: Tensor, neighbours: int) -> Tensor:
    """[N, N] float64, 0 or 1: rows of which one is among the other's nearest by cosine, itself counted.

    A row without labels is equally far from all. Of equally near rows the first are taken: products of labels are
    whole numbers, so that equal rows have equal similarities.
    """
    labels = labels.double()
    square = labels.square().sum(1)
    joined = torch.zeros(len(labels), len(labels), dtype=torch.float64, device=labels.device)
    for start in range(0, len(labels), ROWS_PER_BLOCK):
        own = slice(start, start + ROWS_PER_BLOCK)
        distance = -(labels[own] @ labels.T) / (square[own, None] * square).sqrt().clamp(min=1e-12)
        distance.diagonal(start).fill_(-torch.inf)
        joined[own].scatter_(1, smallest(distance, neighbours)[1], 1.0)
    return torch.maximum(joined, joined.T)


def normalised(joined: Tensor) -> Tensor:
    """deg^-1/2 A deg^-1/2; every row is joined to itself, so no degree is 0."""
    root = joined.sum(1).sqrt()
    return joined / (root[:, None] * root)


def positive(value: Tensor) -> Tensor:
    return F.softplus(value) + 1e-4


def graph_convolution(inputs: int, outputs: int) -> nn.Linear:
    """The linear part, which sees smoothed inputs; weights and biases uniform up to 1 / sqrt(outputs)."""
    layer = nn.Linear(inputs, outputs)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(outputs**-0.5), outputs**-0.5)
    return layer
