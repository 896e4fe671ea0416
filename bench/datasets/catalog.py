"""The registry of data sets: from a name to what it is, where it lies, and how it is loaded.

A name is, in this order: a path to a file; a data set registered in bench.toml; a set found in the data folders by its
canonical file names; a ``<name>.npz`` in the data folders. Case does not matter where it decides nothing.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.config import Config, DatasetEntry
from bench.datasets.dataset import Dataset
from bench.datasets.readers import canonical, npz, yeast
from bench.errors import UsageError, did_you_mean
from bench.system.files import walk

OWN_NUMBERS = "vector"
"""The extractor's name of features that a user's file gives as numbers."""


@dataclass(frozen=True)
class Source:
    """A data set that is present: what a job needs to load it and to name its record. Picklable."""

    name: str
    extractor: str
    protocol: str
    files: tuple[Path, ...]
    reader: str
    """The project's module that reads it, by its ``read(name, files)``."""

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.extractor}"

    def load(self) -> Dataset:
        """Read and check the data.

        Raises
        ------
        UsageError: one sentence for the first fault.
        """
        return importlib.import_module(self.reader).read(self.name, self.files)


@dataclass(frozen=True)
class Missing:
    """A registered data set whose files are not in the data folders."""

    name: str
    get: str


def data_folders(config: Config, given: str | None) -> list[Path]:
    """``--data``, else ``BENCH_DATA`` (several, separated as in PATH), else bench.toml."""
    if given is not None:
        folders = [Path(given)]
    elif os.environ.get("BENCH_DATA"):
        folders = [Path(part) for part in os.environ["BENCH_DATA"].split(os.pathsep) if part]
    else:
        return [Path(folder) for folder in config.data]
    for folder in folders:
        if not folder.is_dir():
            where = "--data" if given is not None else "BENCH_DATA"
            what = "is a file, not a folder" if folder.exists() else "does not exist"
            raise UsageError(f"the data folder {folder}, given by {where}, {what}.")
    return folders


def resolve(spec: str, config: Config, folders: list[Path]) -> Source | Missing:
    """What a name given by the user stands for.

    Raises
    ------
    UsageError
        Unknown name (with a suggestion), several extractors or places for it, an extractor that is not there.
    """
    if spec.endswith(".npz") or os.sep in spec:
        return _by_path(Path(spec))
    name, _, extractor = spec.partition("@")
    registered = _same(name, config.datasets)
    if registered is not None:
        return _registered(registered, extractor, config.datasets[registered], folders)
    stems, archives = scan(tuple(folders))
    stem = _same(name, stems)
    if stem is not None:
        extractor, folder = _choose(stem, extractor, stems[stem])
        return _canonical(stem, stem, extractor, folder, _protocol_of(extractor))
    archive = _same(name, archives)
    if archive is not None:
        places = archives[archive]
        if len(places) > 1:
            raise UsageError(f"{name!r} is the name of {len(places)} files: {_listed(places)}; give the path of one.")
        return _archive(archive, places[0], extractor)
    known = [*config.datasets, *stems, *archives]
    raise UsageError(
        f"there is no data set {name!r}, neither registered nor in {_listed(folders) or 'any data folder'}; "
        f"{did_you_mean(name, known)}"
    )


def present(spec: str, config: Config, folders: list[Path]) -> Source:
    """``resolve`` for a set that must be here: an absent one is a :class:`UsageError` that says how to get it."""
    found = resolve(spec, config, folders)
    if isinstance(found, Missing):
        raise UsageError(f"the data set {found.name} is not in the data folders: {found.get}.")
    return found


def available(config: Config, folders: list[Path]) -> list[Source | Missing]:
    """Every registered data set, then every further one found in the data folders."""
    found = [source for name in config.datasets for source in _each_extractor(name, config, folders)]
    taken = {stem for entry in config.datasets.values() for stem in entry.stems} | set(config.datasets)
    stems, archives = scan(tuple(folders))
    for stem, extractors in stems.items():
        if stem not in taken:
            found += [_canonical(stem, stem, e, places[0], _protocol_of(e)) for e, places in extractors.items()]
    found += [_archive(name, places[0], "") for name, places in archives.items() if name not in taken]
    return found


@lru_cache(maxsize=8)
def scan(folders: tuple[Path, ...]) -> tuple[dict[str, dict[str, list[Path]]], dict[str, list[Path]]]:
    """({stem: {extractor: folders}}, {name: .npz files}) of the data folders and their sub-folders."""
    stems: dict[str, dict[str, list[Path]]] = {}
    archives: dict[str, list[Path]] = {}
    for top in folders:
        for folder in walk(top):
            for stem, extractors in canonical.found_in(folder).items():
                for extractor in extractors:
                    stems.setdefault(stem, {}).setdefault(extractor, []).append(folder)
            for path in sorted(folder.glob("*.npz")):
                if not path.stem.endswith("_labels") and npz.is_multilabel(path):
                    archives.setdefault(path.stem, []).append(path)
    return stems, archives


def _same(name: str, known: dict[str, object] | dict) -> str | None:
    """``name`` as it is known: exactly, else the only one equal but for case."""
    if name in known:
        return name
    folded = [other for other in known if other.casefold() == name.casefold()]
    return folded[0] if len(folded) == 1 else None


def _registered(name: str, extractor: str, entry: DatasetEntry, folders: list[Path]) -> Source | Missing:
    if entry.source == "river":
        if extractor not in ("", yeast.EXTRACTOR):
            raise UsageError(f"{name} has the features {yeast.EXTRACTOR!r} only, not {extractor!r}.")
        return Source(name, yeast.EXTRACTOR, entry.protocol, (yeast.file(),), yeast.__name__)
    places = _places(name, entry, folders)
    if not places:
        if extractor:
            raise UsageError(f"{name}@{extractor} is not in {_listed(folders)}: {_how(name, entry)}")
        return Missing(name, _how(name, entry))
    wanted, folder = _choose(name, extractor, {key: [place for _, place in found] for key, found in places.items()})
    stem = next(stem for stem, place in places[wanted] if place == folder)
    return _canonical(name, stem, wanted, folder, entry.protocol)


def _places(name: str, entry: DatasetEntry, folders: list[Path]) -> dict[str, list[tuple[str, Path]]]:
    """{extractor: [(stem, folder)]} of a registered set, found by its stems, else by its name."""
    stems, _ = scan(tuple(folders))
    places: dict[str, list[tuple[str, Path]]] = {}
    for stem in entry.stems or [name]:
        for extractor, found in stems.get(stem, {}).items():
            places.setdefault(extractor, []).extend((stem, folder) for folder in found)
    return places


def _each_extractor(name: str, config: Config, folders: list[Path]) -> list[Source | Missing]:
    entry = config.datasets[name]
    if entry.source == "river":
        return [_registered(name, "", entry, folders)]
    places = _places(name, entry, folders)
    if not places:
        return [Missing(name, _how(name, entry))]
    return [
        _canonical(name, found[0][0], extractor, found[0][1], entry.protocol) for extractor, found in places.items()
    ]


def _how(name: str, entry: DatasetEntry) -> str:
    stem, extractor = (*entry.stems, name)[0], entry.extractor or "<extractor>"
    return (
        f"{entry.get}; put {stem}_<split>_features_{extractor}.npy and {stem}_<split>_labels.npz "
        f"(train, val, test) into the data folder"
    )


def _choose(name: str, wanted: str, extractors: dict[str, list[Path]]) -> tuple[str, Path]:
    if wanted and wanted not in extractors:
        raise UsageError(f"{name} has no features {wanted!r}; {did_you_mean(wanted, extractors)}")
    if not wanted and len(extractors) > 1:
        choices = " or ".join(f"{name}@{extractor}" for extractor in sorted(extractors))
        raise UsageError(f"{name} has features of {len(extractors)} extractors; choose {choices}.")
    extractor = wanted or next(iter(extractors))
    places = extractors[extractor]
    if len(places) > 1:
        raise UsageError(f"{name}@{extractor} lies in {len(places)} folders: {_listed(places)}; name one with --data.")
    return extractor, places[0]


def _protocol_of(extractor: str) -> str:
    """Of a set that is not registered: features that are a user's own numbers are of any scale and often few."""
    return "small" if extractor == OWN_NUMBERS else "paper"


def _canonical(name: str, stem: str, extractor: str, folder: Path, protocol: str) -> Source:
    return Source(name, extractor, protocol, canonical.files(folder.resolve(), stem, extractor), canonical.__name__)


def _archive(name: str, path: Path, extractor: str) -> Source:
    if extractor not in ("", npz.EXTRACTOR):
        raise UsageError(f"{name} has the features {npz.EXTRACTOR!r} only, not {extractor!r}.")
    return Source(name, npz.EXTRACTOR, "small", (path.resolve(),), npz.__name__)


def _by_path(path: Path) -> Source:
    if path.suffix != ".npz":
        raise UsageError(
            f"{path} is not a data file that can be read; give a .npz file, or a name with --data FOLDER. "
            "`bench data prepare NAME --raw FILE` makes data of CSV, ARFF and MATLAB files."
        )
    if not path.is_file():
        raise UsageError(f"the data file {path} does not exist.")
    return _archive(path.stem, path, "")


def _listed(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def card_of(source: Source) -> dict[str, Any]:
    """What `bench data prepare` wrote down of a canonical set; {} of others."""
    if source.reader != canonical.__name__:
        return {}
    stem = source.files[0].name.partition("_train_features_")[0]
    return canonical.read_card(source.files[0].parent, stem, source.extractor)
