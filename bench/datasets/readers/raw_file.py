"""A user's own file or folder read as it is, by the parser of its format: a table, ARFF, MATLAB, sparse text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from glob import escape
from pathlib import Path

import numpy as np

from bench.datasets.dataset import SPLITS, Dataset, SplitArrays, finished
from bench.datasets.parsers import format_parser
from bench.datasets.raw import RawSet
from bench.datasets.source import Source
from bench.datasets.validation import checked_features, checked_set_name
from bench.errors import UsageError
from bench.system import reading


def source(path: Path) -> Source:
    """The set that the file or folder is, named by it; its extractor is the format's ending.

    Raises
    ------
    UsageError: where its name cannot be a set's.
    """
    name = checked_set_name(path.stem, path)
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.is_file())
    else:
        beside = path.parent.glob(f"{escape(path.stem)}*.arff*") if path.suffix == ".xml" else ()
        files = [path, *sorted(beside)]
    return Source(name, _ending(files), "small", tuple(one.resolve() for one in files), __name__)


def notes(source: Source) -> tuple[str, ...]:
    """Notes of the parser: which columns are labels, say, and which were left out."""
    return _parsed(source.files, *reading.stamps(source.files))[1].notes


def feature_names(source: Source) -> list[str]:
    """Names of the features, if the file has them."""
    return list(_parsed(source.files, *reading.stamps(source.files))[1].feature_names)


def read(name: str, files: tuple[Path, ...]) -> Dataset:
    """The set in the files; what its parser notes is among its warnings.

    Raises
    ------
    UsageError: for photographs and texts, whose features are made once, by ``data prepare``.
    """
    path, raw = _parsed(files, *reading.stamps(files))
    if raw.kind != "vector":
        made = f"`bench data prepare {path.stem} --raw {path}` makes its features"
        raise UsageError(f"{path} holds {raw.kind}s; {made}, and then {path.stem} is a data set.")
    for split in SPLITS:
        here, rows = len(raw.splits[split].y), sum(len(part.y) for part in raw.splits.values())
        if here < 2:
            raise UsageError(f"{path}: the {split} split has {here} of {rows} rows; every split needs two at least.")
    splits = {
        split: SplitArrays(checked_features(np.asarray(part.items), str(path), ids=part.ids), part.y)
        for split, part in ((split, raw.splits[split]) for split in SPLITS)
    }
    return finished(name, _ending(files), splits, raw.label_names, raw.split_rule, raw.source, files, raw.notes)


def _ending(files: Sequence[Path]) -> str:
    """The first file's, but for compression and a list of labels, which belong to another."""
    endings = [Path(one.name.lower().removesuffix(".gz")).suffix.removeprefix(".") for one in files]
    return next((ending for ending in endings if ending not in ("", "xml")), "xml")


@lru_cache(maxsize=1)
def _parsed(files: tuple[Path, ...], *stamps: tuple[int, ...]) -> tuple[Path, RawSet]:
    path = files[0].parent if len(files) > 1 and format_parser(files[0].parent) is not None else files[0]
    if (parser := format_parser(path)) is None:
        raise UsageError(f"{path} is of no format that is read.")
    with reading.reading(path, parser.form):
        return path, parser.parse(path)
