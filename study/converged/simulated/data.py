"""Simulated sets with known label distributions: how unequally the labels of an instance show in its features.

FLEM's argument is that an instance's relevant labels are relevant to different degrees, of which logical labels say
nothing and features much. Here that holds by construction. Of c labels, those relevant to instance i have degrees

    d_ij = exp(s g_ij) / sum over relevant k of exp(s g_ik),    g_ij ~ N(0, 1),    0 where label j is irrelevant,

and its features are x_i = sum_j d_ij p_j + noise. The strength s is 0 where all relevant labels of an instance show
alike; the larger it is, the more of them hardly show. The logical labels of training and test instances are 1 of every
relevant label. One draw has the same labels, prototypes p_j, g and noise at all strengths: these alone differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from bench.system import writing

STRENGTHS = (0.0, 0.5, 1.0, 2.0, 4.0)
ROWS = (200, 1000, 5000)
"""Training instances."""
CORRELATIONS = (0.0, 0.6)
"""Of the latent variables of two labels of one group."""
CORRELATED_ROWS = 1000
"""Training instances of the sets whose labels are correlated."""
DRAWS = 3
LABELS, GROUP, FEATURES = 12, 3, 48
VALIDATION_SHARE, TEST_ROWS = 0.25, 2000
"""Validation instances as a share of the training instances, and test instances."""
NOISE = 1.0
"""Standard deviation of a feature's noise; a prototype's coordinates have 1."""
HIGHEST, LOWEST = 0.35, 0.1
"""Shares of the instances to which the most and the least frequent label are relevant."""
NAME = re.compile(r"simulated-s(\d+(?:\.\d+)?)-c(\d+(?:\.\d+)?)-n(\d+)-r(\d+)")


@dataclass(frozen=True)
class Setting:
    """Parameters of a simulated set, and its name."""

    strength: float
    correlation: float
    rows: int
    """Training instances."""
    draw: int

    def __str__(self) -> str:
        return f"simulated-s{self.strength:g}-c{self.correlation:g}-n{self.rows}-r{self.draw}"


@dataclass(frozen=True)
class Simulated:
    """A simulated set; its training instances come first, then those of validation, then those of test."""

    x: np.ndarray
    """[N, D] float32."""
    y: np.ndarray
    """[N, c] int8."""
    degrees: np.ndarray
    """[N, c] float64: the true label distribution; rows sum to 1."""
    splits: dict[str, np.ndarray]
    """{split: row numbers}."""


SETTINGS = [
    Setting(strength, correlation, rows, draw)
    for draw, correlation, rows, strength in product(range(DRAWS), CORRELATIONS, ROWS, STRENGTHS)
    if correlation == CORRELATIONS[0] or rows == CORRELATED_ROWS
]
"""The study's sets, draw by draw: what is cut short has all strengths."""


def setting_of(name: str) -> Setting | None:
    """Parameters of the set of a name; None of any other name."""
    found = NAME.fullmatch(name)
    return Setting(float(found[1]), float(found[2]), int(found[3]), int(found[4])) if found else None


def made(setting: Setting) -> Simulated:
    """The set; the same on every machine, but for roundings in the degrees."""
    random = np.random.default_rng([setting.draw, setting.rows, round(1000 * setting.correlation)])
    sizes = {"train": setting.rows, "val": round(VALIDATION_SHARE * setting.rows), "test": TEST_ROWS}
    rows = sum(sizes.values())
    prototypes = random.standard_normal((LABELS, FEATURES))
    common = np.repeat(random.standard_normal((rows, LABELS // GROUP)), GROUP, axis=1)
    own = random.standard_normal((rows, LABELS))
    latent = np.sqrt(setting.correlation) * common + np.sqrt(1 - setting.correlation) * own
    # Thresholds are quantiles, so that the shares are exact; labels of all frequencies are in every group.
    shares = np.linspace(HIGHEST, LOWEST, LABELS)
    above = latent - np.array([np.quantile(latent[:, j], 1 - share) for j, share in enumerate(shares)])
    y = above > 0
    y[np.arange(rows), above.argmax(1)] = True  # no instance is without a label
    weights = np.where(y, np.exp(setting.strength * random.standard_normal((rows, LABELS))), 0)
    degrees = weights / weights.sum(1, keepdims=True)
    x = degrees @ prototypes + NOISE * random.standard_normal((rows, FEATURES))
    ends = np.cumsum(list(sizes.values()))
    parts = np.split(np.arange(rows), ends[:-1])
    # Three digits are the same whatever order a processor adds in.
    return Simulated(x.round(3).astype(np.float32), y.astype(np.int8), degrees, dict(zip(sizes, parts, strict=True)))


def make(folder: Path, settings: list[Setting] | None = None) -> list[Path]:
    """Write sets as ``.npz`` files that ``bench run`` reads; their features do not hold the degrees.

    Raises
    ------
    UsageError: where a file cannot be written.
    """
    paths = []
    for setting in SETTINGS if settings is None else settings:
        found = made(setting)
        indices = {f"{split}_idx": rows for split, rows in found.splits.items()}
        paths.append(folder / f"{setting}.npz")
        writing.write(paths[-1], writing.packed({"X": found.x, "Y": found.y, **indices}))
    return paths


def training_part(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, logical labels and true degrees of the training instances of a set by its name.

    Raises
    ------
    ValueError: where the name is not that of a simulated set.
    """
    setting = setting_of(name)
    if setting is None:
        raise ValueError(f"the true label distributions of {name or 'unnamed data'} are not known: it is not simulated")
    found = made(setting)
    rows = found.splits["train"]
    return found.x[rows], found.y[rows], found.degrees[rows]
