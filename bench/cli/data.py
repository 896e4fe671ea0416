"""Verbs of ``bench data``: the data sets, from their homes to canonical files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from bench import config as configuration
from bench.cli.options import Count, DataFolder, Device, Names
from bench.datasets.catalog import Missing, available, data_folders, present
from bench.datasets.dataset import SPLITS
from bench.datasets.download import fetch as download
from bench.datasets.parsers import known_set_parser, parse_raw, set_parser, set_parsers
from bench.datasets.prepare import FeatureChoice
from bench.datasets.prepare import prepare as prepare_files
from bench.datasets.source import Unreadable
from bench.datasets.validation import checked_names
from bench.errors import UsageError
from bench.system.archive import unpack
from bench.tables.dataset_card import card_lines, checksum_faults, printed_sizes, recorded_checksums, size_faults
from bench.text import shown

data_app = App(name="data")
Extractor = Annotated[str | None, Parameter(name=("--extractor", "--network"))]


@data_app.command(name="list")
def list_(*, data: DataFolder = None) -> int:
    """Show every known set: here, or how to get it."""
    config = configuration.load()
    folders = data_folders(config, data)
    for found in available(config, folders):
        if isinstance(found, Unreadable):
            print(f"{found.name:<28} left out: {found.fault}")
            continue
        name = found.name if isinstance(found, Missing) else found.full_name
        where = "missing" if isinstance(found, Missing) else f"here: {found.files[0].parent}"
        print(shown(f"{name:<28} {where}"))
        if isinstance(found, Missing) and found.name in set_parsers():
            source = set_parsers()[found.name]
            print(f"{'':<28} home: {source.home}")
            if source.files:
                print(f"{'':<28} python -m bench data fetch {source.name}; python -m bench data prepare {source.name}")
            else:
                print(f"{'':<28} {source.steps}; python -m bench data prepare {source.name} --raw ...")
    return 0


@data_app.command
def fetch(name: str, *, to: str = "data/raw") -> int:
    """Download and unpack a set's files from their official home, where that can be done.

    Parameters
    ----------
    name
        A registered set.
    to
        The folder that gets a sub-folder of the set's name.
    """
    source = set_parser(name)
    print(f"{source.name}: {source.licence}")
    if not source.files:
        raise UsageError(f"{source.name} cannot be downloaded by a program: {source.steps} (home: {source.home}).")
    folder = _given("--to", to) / source.name
    for file in source.files:
        print(f"{file.url} ({file.note})")
        path = download(file, folder, _progress(file.name))
        print(f"{path}: unpacking")
        unpack(path, folder)
    print(f"next: python -m bench data prepare {source.name} --raw {folder}")
    return 0


@data_app.command
def prepare(
    name: str,
    *,
    raw: str | None = None,
    to: str | None = None,
    ids: str | None = None,
    difficult: Literal["absent", "present"] = "absent",
    extractor: Extractor = None,
    image_size: Count | None = None,
    words: str | None = None,
    label_columns: Names = None,
    device: Device = "auto",
) -> int:
    """Make the canonical files of a set: its labels, its splits and its features.

    Parameters
    ----------
    name
        A registered set, or a name for your own.
    raw
        The raw files: a folder or archive of the official format, or a table (.csv, .tsv, .parquet) or .arff of your
        own. Default: data/raw/NAME.
    to
        The folder of the canonical files. Default: the first data folder of bench.toml.
    ids
        A folder with the ids of each split, for sets whose split is not official (Reuters).
    difficult
        PASCAL VOC: whether objects marked difficult count.
    extractor
        Photographs: imagenet_resnet50 (the paper's, the default), imagenet_NAME (of torchvision), efficientnet-lite2.
        Texts: xmlcnn (the paper's, the default), minilm-l6-v2.
    image_size
        Photographs: pixels of the square that efficientnet-lite2 sees.
    words
        Texts through xmlcnn: a file of word vectors, or random. Default: the installed GloVe package, else random.
    label_columns
        Tables: the columns of 0 and 1 that are the labels. Default: the column labels, else those found and said.
    """
    from bench.system.hardware import best_device  # here, because it imports torch, which other verbs do without

    config, parsers = configuration.load(), set_parsers()
    folder = Path((config.data or ["data"])[0]) if to is None else _given("--to", to)
    checked_names([name], "a set's name")
    if name.startswith(".") or any(character in name for character in '/\\:*?"<>|@ '):
        raise UsageError(
            f"the name {name!r} cannot be part of a file's name; "
            'leave out a leading dot, spaces and / \\ : * ? " < > | @.'
        )
    if name in config.datasets and name not in parsers:
        raise UsageError(f"{name} is registered in {config.path} as another set; give yours another name.")
    default = Path("data/raw") / name
    if raw is None and not default.exists():
        how = f"python -m bench data fetch {name}" if name in parsers and parsers[name].files else "--raw PATH"
        raise UsageError(f"there is nothing at {default}; {how} first, or say where the raw files are with --raw.")
    files = default if raw is None else _given("--raw", raw)
    rows = parse_raw(name, files, None if ids is None else _given("--ids", ids), difficult, label_columns or ())
    sizes = ", ".join(f"{split} {len(rows.splits[split].y)}" for split in SPLITS)
    print(f"{name}: {sizes}; {len(rows.label_names)} labels; {rows.split_rule}", flush=True)
    for note in rows.notes:
        print(shown(f"note: {note}"), flush=True)
    source = known_set_parser(name)
    licence = source.licence if source else "not stated"
    choice = FeatureChoice(extractor, words, best_device(device), image_size)
    made, written = prepare_files(rows, folder, licence, choice, lambda line: print(line, flush=True))
    print(f"written: {len(written)} files in {folder}; features {made}")
    print(f"next: python -m bench data card {rows.stem}@{made} --data {folder}")
    return 0


@data_app.command
def verify(name: str, *, data: DataFolder = None) -> int:
    """Check a set: checksums of prepared files, shapes and values, split sizes and label counts against Table 1.

    Parameters
    ----------
    name
        A data set, or the path of one.
    """
    config = configuration.load()
    source = present(name, config, data_folders(config, data))
    dataset = source.load()
    if recorded := recorded_checksums(source):
        print(f"{source.full_name}: {len(recorded)} files against the checksums of their card")
    if printed_sizes(dataset):
        print(f"{dataset.full_name}: sizes against Table 1 of the paper")
    faults = [*checksum_faults(source), *size_faults(dataset)]
    print(f"{dataset.full_name}: shapes, finite features and 0/1 labels of all splits: as they should be")
    for fault in faults:
        print(f"differs: {shown(fault)}")
    print(f"{len(faults)} differences" if faults else "nothing differs")
    return 1 if faults else 0


@data_app.command
def card(name: str, *, data: DataFolder = None) -> int:
    """Print what a data set is: provenance, licence, sizes, splits, labels, co-occurrence, warnings, fingerprint.

    Parameters
    ----------
    name
        A data set, or the path of one.
    """
    config = configuration.load()
    for line in card_lines(present(name, config, data_folders(config, data)), config):
        print(shown(line))
    return 0


def _given(option: str, value: str) -> Path:
    if not value:
        raise UsageError(f"{option} is empty; is a shell variable unset?")
    return Path(value)


def _progress(name: str) -> Any:
    state = {"shown": -1}

    def report(there: int, whole: int | None) -> None:
        step = there * 20 // whole if whole else there // (64 << 20)
        if step != state["shown"]:
            state["shown"] = step
            total = f" of {whole / 1e6:.1f}" if whole else ""
            print(f"  {name}: {there / 1e6:.1f}{total} MB", file=sys.stderr, flush=True)

    return report
