"""XML-CNN (Liu, Chang, Wu, Yang, SIGIR 2017): text features of the paper, a 512-unit bottleneck before the labels.

Word embeddings, convolutions of several widths, dynamic max pooling into chunks of the document, a bottleneck with
ReLU, one sigmoid output a label, binary cross-entropy. Trained on the training split alone, stopped early by the
validation split's loss; the features of all splits are the bottleneck's activations, dropout off.

Texts are padded to the next of a few lengths instead of one long length. Pooling divides the padded length, so a short
text's features are not those that one long length would give; all splits are padded by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.datasets.dataset import SPLITS
from bench.datasets.features.word_vectors import PADDING, Vocabulary, WordVectors, vocabulary
from bench.datasets.raw import RawSet
from bench.errors import UsageError
from bench.metrics.classification import evaluate


@dataclass(frozen=True)
class Settings:
    """The paper's (SIGIR 2017, section 4.3) where it gives them: widths 2, 4, 8, 128 maps each, 512 units, dropout."""

    widths: tuple[int, ...] = (2, 4, 8)
    maps: int = 128
    chunks: int = 8
    bottleneck: int = 512
    embedding: int = 50
    words: int = 30000
    lengths: tuple[int, ...] = (64, 128, 256, 500)
    batch_size: int = 64
    learning_rate: float = 1e-3
    epochs: int = 30
    patience: int = 3
    seed: int = 0


class XMLCNN(nn.Module):
    """The network, with its bottleneck's activations as ``features`` and label logits as output."""

    def __init__(self, vectors: Tensor, labels: int, settings: Settings) -> None:
        super().__init__()
        self.chunks = settings.chunks
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=False, padding_idx=PADDING)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(vectors.shape[1], settings.maps, width, padding=width // 2) for width in settings.widths
        )
        pooled = len(settings.widths) * settings.maps * settings.chunks
        self.bottleneck = nn.Linear(pooled, settings.bottleneck)
        self.output = nn.Linear(settings.bottleneck, labels)
        self.word_dropout, self.dropout = nn.Dropout(0.25), nn.Dropout(0.5)

    def features(self, words: Tensor) -> Tensor:
        """[B, L] word rows -> [B, bottleneck]."""
        x = self.word_dropout(self.embedding(words)).transpose(1, 2)
        pooled = [
            F.adaptive_max_pool1d(convolution(x).relu(), self.chunks).flatten(1) for convolution in self.convolutions
        ]
        return self.bottleneck(torch.cat(pooled, 1)).relu()

    def forward(self, words: Tensor) -> Tensor:
        return self.output(self.dropout(self.features(words)))


@dataclass(frozen=True)
class TextFeatures:
    """Features of every split, and the card of the network that gave them."""

    x: dict[str, np.ndarray]
    """{split: [N, bottleneck] float32}."""
    card: dict[str, Any]
    """Settings, vocabulary, epochs, and the network's own metrics on every split."""


def extract(
    raw: RawSet,
    pretrained: WordVectors | None,
    settings: Settings | None = None,
    device: str = "cpu",
    report: Callable[[str], None] = print,
) -> TextFeatures:
    """Train the network on the training texts and return the bottleneck of all splits."""
    settings = settings or Settings()
    torch.manual_seed(settings.seed)
    train = raw.splits["train"]
    words = vocabulary([str(text) for text in train.items], pretrained, settings.words, settings.embedding)
    texts = {
        split: words.encode([str(text) for text in raw.splits[split].items], settings.lengths[-1]) for split in SPLITS
    }
    network = XMLCNN(torch.from_numpy(words.vectors), len(raw.label_names), settings).to(device)
    fitted_epochs, kept_epoch = _train(network, texts, raw, settings, device, report)
    network.eval()
    x, own = {}, {}
    for split in SPLITS:
        x[split], logits = _apply(network, texts[split], settings, device)
        metrics = evaluate(torch.from_numpy(raw.splits[split].y), torch.from_numpy(logits), 0.0)
        own[split] = {key: metrics[key] for key in ("hamming", "ranking", "average_precision", "micro_f1", "macro_f1")}
    return TextFeatures(x, _card(settings, words, pretrained, fitted_epochs, kept_epoch, own))


def _card(
    settings: Settings,
    words: Vocabulary,
    pretrained: WordVectors | None,
    epochs: int,
    kept: int,
    own: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    return {
        "network": "XML-CNN",
        "settings": asdict(settings),
        "word_vectors": pretrained.name if pretrained else "random",
        "words": len(words.words),
        "words_with_a_vector": words.known,
        "epochs": epochs,
        "kept_epoch": kept,
        "own_metrics": own,
    }


def _train(
    network: XMLCNN,
    texts: dict[str, list[np.ndarray]],
    raw: RawSet,
    settings: Settings,
    device: str,
    report: Callable[[str], None],
) -> tuple[int, int]:
    """(epochs trained, epoch kept); the network is left with the epoch of the lowest validation loss."""
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    y = torch.from_numpy(raw.splits["train"].y).float().to(device)
    y_val = torch.from_numpy(raw.splits["val"].y).float()
    best, kept, state = np.inf, 0, {name: value.clone() for name, value in network.state_dict().items()}
    random = np.random.default_rng(settings.seed)
    epoch = 0
    for epoch in range(1, settings.epochs + 1):
        network.train()
        total = 0.0
        batches = _batches(texts["train"], settings, random)
        for rows, padded in batches:
            loss = F.binary_cross_entropy_with_logits(network(padded.to(device)), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(rows)
        network.eval()
        _, logits = _apply(network, texts["val"], settings, device)
        validation = float(F.binary_cross_entropy_with_logits(torch.from_numpy(logits), y_val))
        report(f"XML-CNN epoch {epoch}: loss {total / len(y):.5f}, validation {validation:.5f}")
        if not np.isfinite(validation):
            raise UsageError(
                f"XML-CNN's validation loss is not finite in epoch {epoch}; are the word vectors too large?"
            )
        if validation < best:
            best, kept = validation, epoch
            state = {name: value.clone() for name, value in network.state_dict().items()}
        elif epoch - kept >= settings.patience:
            break
    network.load_state_dict(state)
    return epoch, kept


def _batches(
    texts: Sequence[np.ndarray], settings: Settings, random: np.random.Generator | None = None
) -> list[tuple[np.ndarray, Tensor]]:
    """(rows, [B, L] word rows) with texts of about one length together; in random order where ``random`` is given."""
    lengths = np.array([len(text) for text in texts])
    bucket = np.searchsorted(settings.lengths, lengths)
    batches = []
    for number, length in enumerate(settings.lengths):
        rows = np.flatnonzero(bucket == number)
        if random is not None:
            rows = random.permutation(rows)
        for start in range(0, len(rows), settings.batch_size):
            part = rows[start : start + settings.batch_size]
            padded = np.full((len(part), length), PADDING, dtype=np.int64)
            for place, row in enumerate(part):
                padded[place, : lengths[row]] = texts[row]
            batches.append((part, torch.from_numpy(padded)))
    return [batches[i] for i in random.permutation(len(batches))] if random is not None else batches


@torch.no_grad()
def _apply(
    network: XMLCNN, texts: Sequence[np.ndarray], settings: Settings, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """(features, logits) of all texts, in their order."""
    features = np.empty((len(texts), settings.bottleneck), dtype=np.float32)
    logits = np.empty((len(texts), network.output.out_features), dtype=np.float32)
    for rows, padded in _batches(texts, settings):
        activations = network.features(padded.to(device))
        features[rows] = activations.cpu().numpy()
        logits[rows] = network.output(activations).cpu().numpy()
    return features, logits
