"""The catalogue of data sets: from a name to what it is, where it lies, and how it is loaded.

A name is, in this order: a path to a file; a data set registered in bench.toml; a set that a reader finds in the data
folders, by its canonical file names before ``<name>.npz``. Case does not matter where it decides nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.config import Config, DatasetEntry
from bench.dataset_name import dataset_name
from bench.datasets.readers import canonical, npz, yeast
from bench.datasets.source import Source, Unreadable
from bench.datasets.transforming import canonical_name
from bench.errors import UsageError, did_you_mean
from bench.system import reading
from bench.text import shown

IN_FOLDERS = {"folder": canonical.find, "npz": npz.find}
"""Finders of the sets of one folder; the first that knows a name has it. Sets of "folder" may be registered."""
OWN_FILES = (".npz", ".csv", ".tsv", ".parquet", ".arff", ".xml", ".mat", ".svm", ".libsvm")
"""Endings by which a name without a folder is that of a file."""
PARTS = ("", "-train", "-test")
"""Ends of the names of a Mulan set's ARFF files."""
IN_PACKAGES = {"river": yeast.find}
"""Finders of the set that comes with a package, by the ``source`` of its entry in bench.toml."""


@dataclass(frozen=True)
class Missing:
    """A registered data set whose files are not in the data folders, or cannot be one."""

    name: str
    get: str


def data_folders(config: Config, given: str | None) -> list[Path]:
    """``--data``, else ``BENCH_DATA`` (several, separated as in PATH), else bench.toml."""
    if given == "":
        raise UsageError("--data is empty; is a shell variable unset?")
    if given is not None:
        folders = [Path(given)]
    elif os.environ.get("BENCH_DATA"):
        folders = [Path(part) for part in os.environ["BENCH_DATA"].split(os.pathsep) if part]
    else:
        return [Path(folder) for folder in config.data]
    for folder in folders:
        if not os.path.isdir(folder):  # Path's own raises for a name that is too long
            where = "--data" if given is not None else "BENCH_DATA"
            what = "is a file, not a folder" if os.path.exists(folder) else "does not exist"
            raise UsageError(f"the data folder {folder}, given by {where}, {what}.")
    return folders


def resolve(spec: str, config: Config, folders: list[Path]) -> Source | Missing:
    """The data set that a name given by the user stands for.

    Raises
    ------
    UsageError
        Unknown name (with a suggestion), several extractors or places for it, an extractor that is not there; an
        unknown transform, or a wrong option of one.
    """
    found = _resolved(spec, config, folders)
    return _as_run(found, config) if isinstance(found, Source) else found


def _as_run(source: Source, config: Config) -> Source:
    """A set with the protocol of all sets in place of its own, where bench.toml names one."""
    return replace(source, protocol=config.run.protocol or source.protocol)


def _resolved(spec: str, config: Config, folders: list[Path]) -> Source | Missing:
    parts = dataset_name(spec)
    if parts.transforms:
        suffix = canonical_name(parts).suffix
        plain = _resolved(f"{parts.base}@{parts.extractor}" if parts.extractor else parts.base, config, folders)
        return plain if isinstance(plain, Missing) else replace(plain, name=plain.name + suffix)
    if _is_path(spec):
        return _by_path(Path(spec))
    name, _, extractor = shown(spec).partition("@")
    registered = _same(name, config.datasets)
    if registered is not None:
        entry = config.datasets[registered]
        sets = _registered(registered, entry, folders)
        if not isinstance(sets, Missing):
            return _choose(registered, extractor, sets)
        if extractor:
            raise UsageError(f"{registered}@{extractor} is not in {_listed(folders)}: {sets.get}")
        return sets
    scans = scan(tuple(folders)).values()
    places = [sets_of[known] for sets_of in scans if (known := _same(name, sets_of)) is not None]
    for found in places:
        if sets := readable(found):
            return _choose(sets[0].name, extractor, sets)
    for found in places:
        raise UsageError(next(one.fault for one in found if isinstance(one, Unreadable)))
    if "[" in name:
        raise UsageError(f"there is no data set {name!r}; transforms are written like yeast[fold=2/5][observed=1].")
    folder = f"the folder of this name is given as ./{name}; " if Path(name).is_dir() else ""
    raise UsageError(
        f"there is no data set {name!r}, neither registered nor in {_listed(folders) or 'any data folder'}; {folder}"
        f"{did_you_mean(name, [*config.datasets, *(known for sets_of in scans for known in sets_of)])}"
    )


def present(spec: str, config: Config, folders: list[Path]) -> Source:
    """``resolve`` for a set that must be here: an absent one is a :class:`UsageError` that says how to get it."""
    source = resolve(spec, config, folders)
    if isinstance(source, Missing):
        raise UsageError(f"the data set {source.name} is not in the data folders: {source.get}.")
    return source


def available(config: Config, folders: list[Path]) -> list[Source | Unreadable | Missing]:
    """Every registered data set, then every further one found in the data folders, each extractor once; then the files
    that cannot be sets."""
    listed: list[Source | Unreadable | Missing] = []
    for name, entry in config.datasets.items():
        sets = _registered(name, entry, folders)
        listed += [sets] if isinstance(sets, Missing) else _one_each(sets, config)
    taken = {stem for entry in config.datasets.values() for stem in entry.stems} | set(config.datasets)
    for sets_of in scan(tuple(folders)).values():
        for places in (places for name, places in sets_of.items() if name not in taken):
            listed += _one_each(readable(places), config)
    return [*listed, *unreadable(folders)]


def names_meant(spec: str, config: Config, folders: list[Path]) -> list[str] | None:
    """Names that ``all`` stands for (every registered set, then every other one in the data folders), a pattern such
    as ``rcv1_*`` (those that are here) or the path of a folder of several sets, with the transforms of the spec; None
    of a name that is neither.

    Raises
    ------
    UsageError
        For a pattern that no set has.
    """
    parts = dataset_name(spec)
    every = parts.base == "all" and not parts.extractor
    if _is_path(parts.base) and (paths := sets_in(Path(parts.base))):
        return [str(replace(parts, base=str(path))) for path in paths]
    if not every and (os.sep in parts.base or not any(sign in parts.base for sign in "*?")):
        return None
    listed = [found for found in available(config, folders) if isinstance(found, Source | Missing)]
    here = [found.full_name for found in listed if isinstance(found, Source)]
    if every:
        names = [found.name if isinstance(found, Missing) or found.name in config.datasets else found.full_name
                 for found in listed]  # fmt: skip
    else:
        pattern = f"{parts.base}@{parts.extractor or '*'}".casefold()
        names = sorted(name for name in here if fnmatchcase(name.casefold(), pattern))
        if not names:
            raise UsageError(f"no data set here is called {parts.base!r}; {did_you_mean(parts.base, here)}")
    return [str(replace(dataset_name(name), transforms=parts.transforms)) for name in dict.fromkeys(names)]


def scan(folders: tuple[Path, ...]) -> dict[str, dict[str, list[Source | Unreadable]]]:
    """{key of IN_FOLDERS: {name: sets}} of the data folders and those below, read again after a change of them."""
    every = [below for top in folders for below in reading.walk(top)]
    return _scan(tuple((one, *reading.stamps([one, *sorted(one.glob("*.npz"))])) for one in every), os.getcwd())


@lru_cache(maxsize=8)
def _scan(folders: tuple[tuple[Any, ...], ...], working: str) -> dict[str, dict[str, list[Source | Unreadable]]]:
    """The sets of folders, each with the stamps of itself and its archives; ``working``: that relative ones lie in."""
    scans: dict[str, dict[str, list[Source | Unreadable]]] = {key: {} for key in IN_FOLDERS}
    for folder, *_ in folders:
        for key, find in IN_FOLDERS.items():
            for found in find(folder):
                scans[key].setdefault(found.name, []).append(found)
    return scans


def unreadable(folders: list[Path]) -> list[Unreadable]:
    """The files in the data folders that cannot be sets."""
    places = (found for sets_of in scan(tuple(folders)).values() for found in sets_of.values())
    return [one for found in places for one in found if isinstance(one, Unreadable)]


def readable(found: Iterable[Source | Unreadable]) -> list[Source]:
    """Those that are sets."""
    return [source for source in found if isinstance(source, Source)]


def _same(name: str, known: Mapping[str, object]) -> str | None:
    """``name`` as it is known: exactly, else the only one equal but for case."""
    if name in known:
        return name
    folded = [other for other in known if other.casefold() == name.casefold()]
    return folded[0] if len(folded) == 1 else None


def _registered(name: str, entry: DatasetEntry, folders: list[Path]) -> list[Source] | Missing:
    """The sets that a registered name stands for: a package's, or those of its stems (else its name) in the folders."""
    if entry.source in IN_PACKAGES:
        try:
            found: list[Source | Unreadable] = [IN_PACKAGES[entry.source]()]
        except UsageError as error:
            return Missing(name, str(error).rstrip("."))
    else:
        by_stem = scan(tuple(folders))[entry.source]
        found = [one for stem in entry.stems or [name] for one in by_stem.get(stem, [])]
    if sets := [replace(source, name=name, protocol=entry.protocol) for source in readable(found)]:
        return sets
    fault = next((one.fault for one in found if isinstance(one, Unreadable)), None)
    return Missing(name, fault.rstrip(".") if fault else _how(name, entry))


def _how(name: str, entry: DatasetEntry) -> str:
    stem, extractor = (*entry.stems, name)[0], entry.extractor or "<extractor>"
    return (
        f"{entry.get}; put {stem}_<split>_features_{extractor}.npy and {stem}_<split>_labels.npz "
        f"(train, val, test) into the data folder"
    )


def _one_each(sets: Iterable[Source], config: Config) -> list[Source]:
    """The first set of each extractor."""
    first: dict[str, Source] = {}
    for source in sets:
        first.setdefault(source.extractor, _as_run(source, config))
    return list(first.values())


def _choose(name: str, extractor: str, sets: Sequence[Source]) -> Source:
    """The one set of the wanted extractor, or of the only one where none is wanted."""
    extractors = sorted({source.extractor for source in sets})
    if extractor and extractor not in extractors:
        raise UsageError(f"{name} has no features {extractor!r}; {did_you_mean(extractor, extractors)}")
    if not extractor and len(extractors) > 1:
        choices = " or ".join(f"{name}@{known}" for known in extractors)
        raise UsageError(f"{name} has features of {len(extractors)} extractors; choose {choices}.")
    wanted = [source for source in sets if source.extractor == (extractor or extractors[0])]
    # A folder may be named beside one that holds it.
    chosen = list({source.files: source for source in wanted}.values())
    if len(chosen) > 1:
        raise UsageError(
            f"{chosen[0].full_name} lies in {len(chosen)} folders: "
            f"{_listed(source.files[0].parent for source in chosen)}; name one with --data, or a .npz by its path."
        )
    return chosen[0]


def _is_path(spec: str) -> bool:
    """True of a path to a file or folder, or the name of a file of the working folder."""
    return Path(spec).suffix.lower() in OWN_FILES or os.sep in spec


def _by_path(path: Path) -> Source:
    if path.suffix == ".npz":
        reading.opened(path).close()
        return npz.source(path)
    from bench.datasets.parsers import format_parser  # here, because names of sets need no parser
    from bench.datasets.readers import raw_file

    if not path.is_dir():
        reading.opened(path).close()
    if format_parser(path) is None:
        several = ", ".join(map(str, sets_in(path)))
        raise UsageError(
            f"{path} is a folder of several sets; name one: {several}."
            if several
            else f"{path} is no data set that can be read; give a .npz, a table (.csv, .tsv, .parquet), an .arff, a "
            ".mat, a sparse text file (.svm), a folder of one set, or a name with --data FOLDER."
        )
    return raw_file.source(path)


def sets_in(folder: Path) -> list[Path]:
    """Paths of the sets in a folder that is no set itself; ARFF files beside their list of labels are the list's."""
    from bench.datasets.parsers import format_parser

    if not folder.is_dir() or format_parser(folder) is not None:
        return []
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    lists = [f"{child.stem}{part}.arff" for child in children if child.suffix == ".xml" for part in PARTS]
    archives = {source.files[0] for source in readable(npz.find(folder))}
    return [
        child
        for child in children
        if (child.resolve() in archives if child.suffix == ".npz" else format_parser(child) is not None)
        and child.name.removesuffix(".gz") not in lists
    ]


def notes_of_files(specs: Iterable[str], config: Config) -> list[str]:
    """Sentences of the parsers of files that were named by their paths: which columns are labels, say."""
    from bench.datasets.readers import raw_file

    found = []
    for spec in specs:
        base = dataset_name(spec).base
        for path in (sets_in(Path(base)) or [Path(base)]) if _is_path(base) else ():
            source = present(str(path), config, [])
            notes = raw_file.notes(source) if source.reader == raw_file.__name__ else ()
            found += [f"{path}: {note}." for note in notes]
    return found


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def card_of(source: Source) -> dict[str, Any]:
    """The card that `bench data prepare` wrote for a canonical set; {} for others."""
    return canonical.card(source.files)
