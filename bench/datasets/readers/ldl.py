"""Sets whose true label distribution is known: ``.npz`` with X, D and maybe L, or the MATLAB files of the authors'
collections (``features``, ``labelDistribution`` or ``labels``, and maybe ``logicalLabel``).

A set is named after its file, without a leading ``ldl_`` and a trailing ``_binary``. Where several files give one name,
``.npz`` comes before ``_binary.mat`` (which holds the authors' logical labels), and that before ``.mat``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.dataset import checked_labels, digest_of_arrays
from bench.datasets.validation import checked_features, checked_set_name
from bench.errors import UsageError, did_you_mean
from bench.system import reading

MATLAB = ("features", "labelDistribution", "logicalLabel")
MASS = 0.5
SUM_TOLERANCE = 1e-3
ROUNDING = 1e-6


@dataclass(frozen=True)
class DistributionSet:
    """A set with its true label distribution; it has no splits."""

    name: str
    x: np.ndarray
    """[N, D] float32."""
    y: np.ndarray
    """[N, c] int8: logical labels."""
    degrees: np.ndarray
    """[N, c] float64: the true label distribution; rows sum to 1."""
    binarisation: str
    """The rule of the logical labels, in words."""

    def digest(self) -> str:
        """SHA-256 of what a job computes from: features, logical labels and true degrees."""
        return digest_of_arrays({"x": self.x, "y": self.y, "degrees": self.degrees})


def extractor(path: Path) -> str:
    """The file's format, which stands for a feature extractor in the names of records."""
    return path.suffix.lstrip(".")


def find(folders: list[Path]) -> dict[str, Path]:
    """{name: file} of the sets in the data folders and their sub-folders; files that cannot be read are none."""
    found: dict[str, Path] = {}
    for path in _candidates(folders):
        name = name_of(path)
        try:
            checked_set_name(name, path)
            if _holds_distributions(path) and (name not in found or _preference(path) < _preference(found[name])):
                found[name] = path
        except UsageError:
            continue
    return dict(sorted(found.items()))


def resolve(spec: str, folders: list[Path]) -> Path:
    """The file of a set given by its name or path.

    Raises
    ------
    UsageError: an unknown name, with a suggestion, or a file that is not there or cannot be read.
    """
    if spec.endswith((".npz", ".mat")):
        reading.opened(spec).close()
        checked_set_name(name_of(Path(spec)), Path(spec))
        return Path(spec)
    found = find(folders)
    wanted = spec.partition("@")[0].casefold()
    name = next((name for name in found if name.casefold() == wanted), None)
    if name is None:
        for path in _candidates(folders):
            if name_of(path).casefold() == wanted:
                _holds_distributions(path)  # says why it cannot be read
        where = ", ".join(str(folder) for folder in folders) or "any data folder"
        raise UsageError(f"there is no set {spec!r} with label distributions in {where}; {did_you_mean(spec, found)}")
    return found[name]


def _candidates(folders: list[Path]) -> Iterator[Path]:
    for folder in (below for top in folders for below in reading.walk(top)):
        yield from sorted([*folder.glob("*.npz"), *folder.glob("*.mat")])


def name_of(path: Path) -> str:
    """The set's name by its file's."""
    return path.stem.removeprefix("ldl_").removesuffix("_binary")


def _preference(path: Path) -> int:
    if path.suffix == ".npz":
        return 0
    return 1 if path.stem.endswith("_binary") else 2


def _holds_distributions(path: Path) -> bool:
    """Judged by the names of the arrays alone."""
    if path.suffix == ".npz":
        return reading.array_names(path) >= {"X", "D"}
    names = reading.matlab_names(path)
    return "features" in names and bool({"labelDistribution", "labels"} & names)


def read(name: str, files: tuple[Path, ...]) -> DistributionSet:
    """The set in the one file."""
    return load(files[0])


def load(path: Path) -> DistributionSet:
    """A checked set.

    Raises
    ------
    UsageError: one sentence for the first fault: a file that cannot be read, shapes that do not agree, values that are
        not finite, degrees that are negative or do not sum to 1, logical labels other than 0 and 1.
    """
    arrays = reading.arrays(path, ("X", "D", "L")) if path.suffix == ".npz" else reading.matlab(path)
    features, distribution, labels = ("X", "D", "L") if path.suffix == ".npz" else MATLAB
    if "labelDistribution" not in arrays and "labels" in arrays:
        distribution = "labels"
    for name in (features, distribution):
        if name not in arrays:
            there = ", ".join(sorted(arrays)) or "nothing that is used"
            needed = "X and D" if path.suffix == ".npz" else "features and labelDistribution or labels"
            raise UsageError(f"{path} needs the arrays {needed}; it has {there}.")
    x = checked_features(np.asarray(arrays[features]), f"{path}, {features}")
    degrees = np.asarray(arrays[distribution])
    checked_features(degrees, f"{path}, {distribution}", "degree")
    degrees = degrees.astype(np.float64)
    if len(x) != len(degrees) or len(x) < 2:
        raise UsageError(f"{path}: {len(x)} rows of features and {len(degrees)} of degrees; at least two of each.")
    if x.shape[1] < 1 or degrees.shape[1] < 2:
        raise UsageError(
            f"{path}: {x.shape[1]} features and {degrees.shape[1]} labels; a distribution needs at least one and two."
        )
    sums = degrees.sum(1)
    wrong = np.flatnonzero((degrees < 0).any(1) | (abs(sums - 1) > SUM_TOLERANCE))
    if len(wrong):
        raise UsageError(
            f"{path}: row {wrong[0]} is no distribution: its degrees are {degrees[wrong[0]][:8].tolist()} "
            f"and sum to {sums[wrong[0]]:g}."
        )
    degrees = degrees / sums[:, None]
    if labels not in arrays:
        y, rule = binarised(degrees), f"logical labels: the fewest labels, by degree, with a mass over {MASS}"
    else:
        y, rule = checked_labels(np.asarray(arrays[labels]), f"{path}, {labels}"), "logical labels of the set's authors"
        if y.shape != degrees.shape:
            raise UsageError(f"{path}: logical labels {y.shape} for degrees {degrees.shape}.")
    return DistributionSet(name_of(path), x, y, degrees, rule)


def binarised(degrees: np.ndarray) -> np.ndarray:
    """[N, c] int8: per row the smallest set of labels, by falling degree (ties: lower index), of mass over .5.

    A mass within 1e-6 of .5 is .5: degrees come as float32, and their sums carry its rounding.
    """
    order = np.argsort(-degrees, axis=1, kind="stable")
    mass_before = np.cumsum(np.take_along_axis(degrees, order, 1), 1) - np.take_along_axis(degrees, order, 1)
    y = np.zeros(degrees.shape, dtype=np.int8)
    np.put_along_axis(y, order, (mass_before <= MASS + ROUNDING).astype(np.int8), 1)
    return y
