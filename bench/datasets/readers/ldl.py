"""Sets whose true label distribution is known: ``.npz`` with X, D and maybe L, or the MATLAB files of the authors'
collections (``features``, ``labelDistribution`` or ``labels``, and maybe ``logicalLabel``).

A set is named after its file, without a leading ``ldl_`` and a trailing ``_binary``. Where several files give one name,
``.npz`` comes before ``_binary.mat`` (which holds the authors' logical labels), and that before ``.mat``.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.dataset import checked_labels, digest_of_arrays
from bench.errors import UsageError, did_you_mean
from bench.system.reading import walk

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
    """{name: file} of the sets in the data folders and their sub-folders."""
    found: dict[str, tuple[int, Path]] = {}
    for top in folders:
        for folder in walk(top):
            for path in sorted([*folder.glob("*.npz"), *folder.glob("*.mat")]):
                if _holds_distributions(path):
                    name, preference = name_of(path), _preference(path)
                    if name not in found or preference < found[name][0]:
                        found[name] = (preference, path)
    return {name: found[name][1] for name in sorted(found)}


def resolve(spec: str, folders: list[Path]) -> Path:
    """The file of a set given by its name or path.

    Raises
    ------
    UsageError: an unknown name, with a suggestion, or a file that is not there.
    """
    if spec.endswith((".npz", ".mat")):
        if not Path(spec).is_file():
            raise UsageError(f"the data file {spec} does not exist.")
        return Path(spec)
    found = find(folders)
    name = next((name for name in found if name.casefold() == spec.partition("@")[0].casefold()), None)
    if name is None:
        where = ", ".join(str(folder) for folder in folders) or "any data folder"
        raise UsageError(f"there is no set {spec!r} with label distributions in {where}; {did_you_mean(spec, found)}")
    return found[name]


def name_of(path: Path) -> str:
    """The set's name by its file's."""
    return path.stem.removeprefix("ldl_").removesuffix("_binary")


def _preference(path: Path) -> int:
    if path.suffix == ".npz":
        return 0
    return 1 if path.stem.endswith("_binary") else 2


def _holds_distributions(path: Path) -> bool:
    """Judged by the table of contents alone."""
    if path.suffix == ".npz":
        try:
            with zipfile.ZipFile(path) as archive:
                members = set(archive.namelist())
        except (OSError, zipfile.BadZipFile):
            return False
        return {"X.npy", "D.npy"} <= members
    from scipy.io import whosmat

    try:
        names = {name for name, _, _ in whosmat(path)}
    except Exception:  # whatever is wrong with it, it is no MATLAB file that could be read
        return False
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
    x, degrees, logical = _read_npz(path) if path.suffix == ".npz" else _read_mat(path)
    for what, values in (("features", x), ("degrees", degrees)):
        if values.ndim != 2 or not np.issubdtype(values.dtype, np.number):
            raise UsageError(f"{path}: the {what} must be a matrix of numbers; they are {values.dtype} {values.shape}.")
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise UsageError(f"{path}: the {what} have {values[row, column]} in row {row}, column {column}.")
    if len(x) != len(degrees) or len(x) < 2:
        raise UsageError(f"{path}: {len(x)} rows of features and {len(degrees)} of degrees; at least two of each.")
    if degrees.shape[1] < 2:
        raise UsageError(f"{path}: it has {degrees.shape[1]} label; a distribution needs at least two.")
    sums = degrees.sum(1)
    wrong = np.flatnonzero((degrees < 0).any(1) | (abs(sums - 1) > SUM_TOLERANCE))
    if len(wrong):
        raise UsageError(
            f"{path}: row {wrong[0]} is no distribution: its degrees are {degrees[wrong[0]].tolist()} "
            f"and sum to {sums[wrong[0]]:g}."
        )
    degrees = degrees / sums[:, None]
    if logical is None:
        y, rule = binarised(degrees), f"logical labels: the fewest labels, by degree, with a mass over {MASS}"
    else:
        if logical.shape != degrees.shape:
            raise UsageError(f"{path}: logical labels {logical.shape} for degrees {degrees.shape}.")
        y, rule = checked_labels(logical, f"{path}, logical labels"), "logical labels of the set's authors"
    return DistributionSet(name_of(path), x.astype(np.float32), y, degrees, rule)


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive["X"], archive["D"].astype(np.float64), archive["L"] if "L" in archive.files else None
    except Exception as error:  # a damaged archive fails in many ways; object arrays are refused, never unpickled
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"the data file {path} cannot be read ({first}); it needs the arrays X and D.") from error


def _read_mat(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    from scipy.io import loadmat

    try:
        content = loadmat(path)
        degrees = content["labelDistribution"] if "labelDistribution" in content else content["labels"]
        return content["features"], degrees.astype(np.float64), content.get("logicalLabel")
    except Exception as error:  # a torn file, MATLAB 7.3 (HDF5), missing names
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(
            f"the data file {path} cannot be read ({first}); it needs features and labelDistribution or labels, "
            "saved before MATLAB's version 7.3 format."
        ) from error


def binarised(degrees: np.ndarray) -> np.ndarray:
    """[N, c] int8: per row the smallest set of labels, by falling degree (ties: lower index), of mass over .5.

    A mass within 1e-6 of .5 is .5: degrees come as float32, and their sums carry its rounding.
    """
    order = np.argsort(-degrees, axis=1, kind="stable")
    mass_before = np.cumsum(np.take_along_axis(degrees, order, 1), 1) - np.take_along_axis(degrees, order, 1)
    y = np.zeros(degrees.shape, dtype=np.int8)
    np.put_along_axis(y, order, (mass_before <= MASS + ROUNDING).astype(np.int8), 1)
    return y
