"""LEVI: label enhancement by variational inference (Xu, Shu, Geng, ICML 2020; Xu et al., TPAMI 2023).

The authors': encoder, decoders and loss; the defaults are the TPAMI code's for classification, and the recovery track
runs the ICML code's recipe (``bench.toml``, ``recovery.recipes``). Ours, where the sources leave it open: in
classification mini-batches instead of the full batch, 30 epochs, and the linear predictor of the second stage (theirs
is kernel regression, ``predictor = "svr"`` its linear form; see
:class:`bench.methods.enhancement.two_stage.TwoStage`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods.api import Batch, Fit, Split, register
from bench.methods.enhancement.networks import initialise_xavier
from bench.methods.enhancement.two_stage import TwoStage

ROWS_PER_BLOCK = 4096


class VariationalNetwork(nn.Module):
    """q(z | x, y) with z's last c coordinates the degrees' pre-activations, and p(x | z)."""

    def __init__(self, features: int, labels: int, hidden: int, latent: int, dropout: float, sigmoid_x: bool) -> None:
        super().__init__()
        self.labels = labels
        self.encoder = nn.Sequential(
            nn.Linear(features + labels, hidden),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 2 * latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.Tanh(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, features),
            *([nn.Sigmoid()] if sigmoid_x else []),
        )
        initialise_xavier(self)

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of z, [B, latent] each."""
        mean, raw = self.encoder(torch.cat([x, y], -1)).chunk(2, -1)
        return mean, F.softplus(raw) + 1e-8

    def degrees(self, z: Tensor) -> Tensor:
        """[B, c] pre-activations of the degrees."""
        return z[..., -self.labels :]


@register(
    "LEVI",
    family="label enhancement",
    paper="Xu, Shu, Geng, Variational Label Enhancement, ICML 2020; Xu et al., TPAMI 2023",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    hidden=500,
    latent=0,
    kl_weight=0.01,
    reconstruction_weight=0.01,
    dropout=0.1,
    x_output="linear",
    epochs=30,
    batch_size=128,
    decay=1e-5,
)
class LEVI(TwoStage):
    """BCE(sigmoid(z_c), y) + ``kl_weight`` KL + ``reconstruction_weight`` MSE(x), each a mean over its elements.

    Options: ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; ``hidden`` width; ``latent`` size
    of z, 0 for max(200, c); ``dropout``; ``x_output`` of the feature decoder, "linear" (TPAMI) or "sigmoid" (ICML);
    ``epochs``, ``batch_size`` and ``decay`` (L2 in the gradient) of the recovery network under Adam.
    """

    hidden: int
    latent: int
    kl_weight: Tensor
    reconstruction_weight: Tensor
    dropout: Tensor
    x_output: str
    epochs: int
    batch_size: int
    decay: Tensor

    def recover(self, train: Split, fit: Fit) -> Tensor:
        """sigmoid of the posterior mean's last c coordinates, the network in evaluation mode."""
        network = self.network().to(train.x)
        low, high = train.x.amin(), train.x.amax()
        scale = torch.where(high > low, high - low, 1)  # one minimum and maximum over the whole matrix

        def objective(batch: Batch) -> Tensor:
            return self.recovery_loss(network, (batch.x - low) / scale, batch.y)

        fit(
            network,
            objective,
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimiser="adam",
            weight_decay=float(self.decay),
            records=True,
        )
        with torch.no_grad():
            parts = [
                network.degrees(network.encode((x - low) / scale, y.to(x.dtype))[0]).sigmoid()
                for x, y in zip(train.x.split(ROWS_PER_BLOCK), train.y.split(ROWS_PER_BLOCK), strict=True)
            ]
        return torch.cat(parts)

    def network(self) -> VariationalNetwork:
        labels = self.problem.n_labels
        latent = self.latent or max(200, labels)
        if latent < labels:
            raise ValueError(
                f"LEVI's latent size {latent} is below the number of labels {labels}, whose degrees are part of it; "
                "give latent = 0 or at least that number"
            )
        if self.x_output not in ("linear", "sigmoid"):
            raise ValueError(f"LEVI's x_output is 'linear' or 'sigmoid', not {self.x_output!r}")
        return VariationalNetwork(
            self.problem.n_features, labels, self.hidden, latent, float(self.dropout), self.x_output == "sigmoid"
        )

    def recovery_loss(self, network: VariationalNetwork, x: Tensor, y: Tensor) -> Tensor:
        mean, std = network.encode(x, y)
        z = mean + std * torch.randn_like(std)
        label_loss = F.binary_cross_entropy_with_logits(network.degrees(z), y)
        reconstruction = F.mse_loss(network.decoder(z), x)
        kl = gaussian_kl(mean, std)
        return label_loss + self.kl_weight * kl + self.reconstruction_weight * reconstruction


def gaussian_kl(mean: Tensor, std: Tensor) -> Tensor:
    """KL of N(mean, std^2) to N(0, 1), averaged over rows and latent dimensions (the released code's mean)."""
    variance = std.square()
    return 0.5 * (mean.square() + variance - (variance + 1e-12).log() - 1).mean()
