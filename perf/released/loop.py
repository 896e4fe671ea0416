"""The loop of FLEM's released program, written anew from its description: what of it costs time, without its code.

Rows are made into tensors one by one, and a DataLoader without workers collates them. The estimator's first layers are
evaluated twice. Torch's AdamW has AMSGrad, and the gradient's norm a queue. After each epoch four metrics of
scikit-learn are taken of validation scores that were collected row by row, and the best model is written to a file.

``python -m perf.released --rewrite`` runs it where the data set is.
"""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from sklearn import metrics as scikit
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from bench.system import reading, writing

EPOCHS, BATCH, HIDDEN = 30, 64, 128
WEIGHT = 0.001
"""alpha and beta."""


class Rows(Dataset):
    """Rows of a split, each made into tensors when it is asked for."""

    def __init__(self, split: str) -> None:
        start = Path("datasets", "data", f"VOC2007_{split}_").as_posix()
        self.x = reading.array(f"{start}features_imagenet_resnet50.npy")
        csr = reading.arrays(f"{start}labels.npz")
        self.y = sparse.csr_matrix((csr["data"], csr["indices"], csr["indptr"]), shape=csr["shape"]).toarray()

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {"x": torch.Tensor(self.x[row]), "y": torch.Tensor(self.y[row])}


class Block(nn.Module):
    """A + W A with A = BatchNorm(LeakyReLU(Linear(x))), A evaluated for each of its two uses."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(inputs, outputs), nn.LeakyReLU(), nn.BatchNorm1d(outputs))
        self.second = nn.Linear(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + self.second(self.first(x))


class Model(nn.Module):
    """The classifier f and the estimator g of FLEM-D."""

    def __init__(self, features: int, labels: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(features, labels)
        self.of_features, self.of_labels = Block(features, HIDDEN), Block(labels, HIDDEN)
        self.decoder = Block(2 * HIDDEN, labels)
        for name, value in self.named_parameters():
            if value.dim() == 2:
                nn.init.kaiming_normal_(value)
            elif "bias" in name:
                nn.init.zeros_(value)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        z = self.classifier(x)
        degrees = self.decoder(torch.cat([self.of_features(x), self.of_labels(y)], 1))
        with torch.no_grad():
            hardness = torch.where(y > 0, 1.0, z.sigmoid())  # gamma+ = 0, gamma- = 1
        p = degrees.sigmoid()
        interaction = -(hardness * (y * p.clamp(1e-7).log() + (1 - y) * (1 - p).clamp(1e-7).log())).mean()
        enhancement = F.cross_entropy(degrees, z.detach().softmax(1))
        distribution = F.cross_entropy(z, degrees.detach().softmax(1))
        consistency = F.binary_cross_entropy_with_logits(z, y)
        return WEIGHT * (enhancement + distribution) + (1 - WEIGHT) * (interaction + consistency)


def measured(model: Model, rows: Rows) -> dict[str, float]:
    """Four metrics of the classifier's scores on a split."""
    model.eval()
    scores: list[np.ndarray] = []
    truth: list[np.ndarray] = []
    with torch.no_grad():
        for batch in DataLoader(rows, BATCH):
            scores.extend(model.classifier(batch["x"]).numpy())
            truth.extend(batch["y"].numpy())
    y, z = np.array(truth), np.array(scores)
    there = y.sum(0) > 0
    return {
        "Hamming": float(scikit.hamming_loss(y, (z > 0).astype(float))),
        "Ranking": float(scikit.label_ranking_loss(y, z)),
        "Coverage": (float(scikit.coverage_error(y, z)) - 1) / y.shape[1],
        "mAP": float(scikit.average_precision_score(y[:, there], z[:, there], average="macro")),
    }


def main() -> None:
    torch.manual_seed(0)
    train, validation, test = (Rows(split) for split in ("train", "val", "test"))
    model = Model(train.x.shape[1], train.y.shape[1])
    groups = [
        {"params": [value for name, value in model.named_parameters() if "bias" not in name], "weight_decay": 1e-4},
        {"params": [value for name, value in model.named_parameters() if "bias" in name]},
    ]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, amsgrad=True)
    norms: deque[float] = deque([float("inf")], maxlen=5)
    best, kept = 1.0, Path("best.pt")
    for _ in range(EPOCHS):
        model.train()
        total = 0.0
        for batch in DataLoader(train, BATCH, shuffle=True):
            optimiser.zero_grad()
            loss = model.loss(batch["x"], batch["y"])
            loss.backward()
            largest = max(norms)
            norm = float(nn.utils.clip_grad_norm_(model.parameters(), 5 * largest))
            norms.append(min(norm, 2 * largest, 1.0))
            optimiser.step()
            total += loss.item()
        hamming = measured(model, validation)["Hamming"]
        print(f"loss {total:.4f}, validation Hamming loss {hamming:.4f}", flush=True)
        if hamming < best:
            best, state = hamming, io.BytesIO()
            torch.save(model.state_dict(), state)
            writing.write(kept, state.getvalue())
    model.load_state_dict(torch.load(io.BytesIO(reading.content(kept))))
    for name, value in measured(model, test).items():
        print(f"{name}: {value:.6f}")


if __name__ == "__main__":
    main()
