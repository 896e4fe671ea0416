"""``python -m bench data``: the data sets, from their homes to canonical files. Nothing heavy before it is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

from bench.cli.options import DataFolder
from bench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from bench.config import Config
    from bench.datasets.catalog import Source
    from bench.datasets.dataset import Dataset


data_app = App(name="data", help="The data sets: what is here, where they come from, how they are made and split.")


@data_app.command(name="list")
def list_(*, data: DataFolder = None) -> int:
    """Show every known set: here, or how to get it."""
    return show_sources(data)


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
    return fetch_source(name, Path(to))


@data_app.command
def prepare(
    name: str,
    *,
    raw: str | None = None,
    to: str | None = None,
    ids: str | None = None,
    difficult: Literal["absent", "present"] = "absent",
    network: str | None = None,
    image_size: int | None = None,
    words: str | None = None,
    device: str = "auto",
) -> int:
    """Make the canonical files of a set: its labels, its splits and its features.

    Parameters
    ----------
    name
        A registered set, or a name for your own.
    raw
        The raw files: a folder or archive of the official format, a .csv of your own, or a Mulan folder.
        Default: data/raw/NAME.
    to
        The folder of the canonical files. Default: the first data folder of bench.toml.
    ids
        A folder with the ids of each split, for sets whose split is not official (Reuters).
    difficult
        PASCAL VOC: whether objects marked difficult count.
    network
        Photographs: imagenet_resnet50 (the paper's, the default), imagenet_NAME (of torchvision), efficientnet-lite2.
    image_size
        Photographs: pixels of the square that efficientnet-lite2 sees.
    words
        Texts: a file of word vectors, or random. Default: the installed GloVe package, else random.
    device
        auto, cpu, cuda or cuda:N.
    """
    return prepare_source(name, raw, to, ids, difficult, network, image_size, words, device)


@data_app.command
def verify(name: str, *, data: DataFolder = None) -> int:
    """Check a set: checksums of prepared files, shapes and values, split sizes and label counts against Table 1."""
    return verify_source(name, data)


@data_app.command
def card(name: str, *, data: DataFolder = None) -> int:
    """Print what a data set is: provenance, licence, sizes, splits, labels, co-occurrence, warnings, fingerprint."""
    return show_card(name, data)


FACTS = {"train": "N_train", "val": "N_val", "test": "N_test"}


def show_sources(data: str | None) -> int:
    from bench import config as configuration
    from bench.datasets.catalog import Missing, available, data_folders
    from bench.datasets.parsers import set_parsers

    config = configuration.load()
    folders = data_folders(config, data)
    for found in available(config, folders):
        name = found.name if isinstance(found, Missing) else found.full_name
        where = "missing" if isinstance(found, Missing) else f"here: {found.files[0].parent}"
        print(f"{name:<28} {where}")
        if isinstance(found, Missing) and found.name in set_parsers():
            source = set_parsers()[found.name]
            print(f"{'':<28} home: {source.home}")
            if source.files:
                print(f"{'':<28} python -m bench data fetch {source.name}; python -m bench data prepare {source.name}")
            else:
                print(f"{'':<28} {source.steps}; python -m bench data prepare {source.name} --raw ...")
    return 0


def fetch_source(name: str, to: Path) -> int:
    from bench.datasets.archive import unpack
    from bench.datasets.download import fetch
    from bench.datasets.parsers import set_parser

    source = set_parser(name)
    print(f"{source.name}: {source.licence}")
    if not source.files:
        raise UsageError(f"{source.name} cannot be downloaded by a program: {source.steps} (home: {source.home}).")
    folder = to / source.name
    for file in source.files:
        print(f"{file.url} ({file.note})")
        path = fetch(file, folder, _progress(file.name))
        print(f"{path}: unpacking")
        unpack(path, folder)
    print(f"next: python -m bench data prepare {source.name} --raw {folder}")
    return 0


def _progress(name: str) -> Any:
    state = {"shown": -1}

    def report(there: int, whole: int | None) -> None:
        step = there * 20 // whole if whole else there // (64 << 20)
        if step != state["shown"]:
            state["shown"] = step
            total = f" of {whole / 1e6:.1f}" if whole else ""
            print(f"  {name}: {there / 1e6:.1f}{total} MB", file=sys.stderr, flush=True)

    return report


def prepare_source(
    name: str,
    raw: str | None,
    to: str | None,
    ids: str | None,
    difficult: Literal["absent", "present"],
    network: str | None,
    image_size: int | None,
    words: str | None,
    device: str,
) -> int:
    from bench import config as configuration
    from bench.datasets.dataset import SPLITS
    from bench.datasets.parsers import known_set_parser, parse_raw, set_parsers
    from bench.datasets.prepare import FeatureChoice, prepare
    from bench.system.hardware import best_device

    config = configuration.load()
    parsers = set_parsers()
    folder = Path(to) if to else Path((config.data or ["data"])[0])
    if not name or any(character in name for character in '/\\:*?"<>|@ '):
        raise UsageError(
            f"the name {name!r} cannot be part of a file's name; leave out spaces and / \\ : * ? \" < > | @."
        )
    if name in config.datasets and name not in parsers:
        raise UsageError(f"{name} is registered in {config.path} as another set; give yours another name.")
    default = Path("data/raw") / name
    if raw is None and not default.exists():
        how = f"python -m bench data fetch {name}" if name in parsers and parsers[name].files else "--raw PATH"
        raise UsageError(f"there is nothing at {default}; {how} first, or say where the raw files are with --raw.")
    rows = parse_raw(name, Path(raw) if raw else default, Path(ids) if ids else None, difficult)
    sizes = ", ".join(f"{split} {len(rows.splits[split].y)}" for split in SPLITS)
    print(f"{name}: {sizes}; {len(rows.label_names)} labels; {rows.split_rule}", flush=True)
    for note in rows.notes:
        print(f"note: {note}", flush=True)
    source = known_set_parser(name)
    licence = source.licence if source else "not stated"
    choice = FeatureChoice(network, words, best_device(device), image_size)
    extractor, files = prepare(rows, folder, licence, choice, lambda line: print(line, flush=True))
    print(f"written: {len(files)} files in {folder}; features {extractor}")
    print(f"next: python -m bench data card {rows.stem}@{extractor} --data {folder}")
    return 0


def verify_source(name: str, data: str | None) -> int:
    """0 when everything agrees, 1 when something differs from Table 1 or from what was written."""
    from bench import config as configuration
    from bench.datasets.catalog import data_folders, present

    config = configuration.load()
    source = present(name, config, data_folders(config, data))
    dataset = source.load()
    faults = [*_checksum_faults(source), *_table_faults(dataset)]
    print(f"{dataset.full_name}: shapes, finite features and 0/1 labels of all splits: as they should be")
    for fault in faults:
        print(f"differs: {fault}")
    print(f"{len(faults)} differences" if faults else "nothing differs")
    return 1 if faults else 0


def _checksum_faults(source: Source) -> list[str]:
    from bench.datasets.catalog import card_of
    from bench.system.files import sha256

    recorded = card_of(source).get("sha256", {})
    if recorded:
        print(f"{source.full_name}: {len(recorded)} files against the checksums of their card")
    folder = source.files[0].parent
    return [
        f"{file} is not the file that was written (or is gone)"
        for file, digest in recorded.items()
        if not (folder / file).is_file() or sha256(folder / file) != digest
    ]


def _table_faults(dataset: Dataset) -> list[str]:
    from bench.datasets.dataset import SPLITS
    from bench.tables import paper

    facts = paper.dataset_facts(dataset.name)
    if not facts:
        return []
    train = dataset.splits["train"]
    pairs = [(split, dataset.splits[split].x.shape[0], int(facts[FACTS[split]])) for split in SPLITS]
    pairs += [
        ("features", train.x.shape[1], int(facts["D_features"])),
        ("labels", len(dataset.label_names), int(facts["L_labels"])),
    ]
    print(f"{dataset.full_name}: sizes against Table 1 of the paper")
    return [f"{what}: {here} here, {there} in Table 1" for what, here, there in pairs if here != there]


def show_card(name: str, data: str | None) -> int:
    import msgspec
    import numpy as np

    from bench import config as configuration
    from bench.config import describe_protocol
    from bench.datasets.catalog import data_folders, present
    from bench.datasets.dataset import SPLITS
    from bench.plan import digests
    from bench.tables import paper

    config = configuration.load()
    source = present(name, config, data_folders(config, data))
    dataset = source.load()
    labels = len(dataset.label_names)
    print(f"{dataset.full_name}: {dataset.provenance}")
    _show_origin(source, config)
    settings = msgspec.to_builtins(config.protocols[source.protocol])
    print(f"protocol     {source.protocol}: {describe_protocol(settings)}")
    print(f"split rule   {dataset.split_rule}; the same for every seed of a job")
    for split in SPLITS:
        arrays = dataset.splits[split]
        cardinality = arrays.y.sum(1).mean()
        print(
            f"{split:<12} {arrays.x.shape[0]} rows x {arrays.x.shape[1]} features, {labels} labels, "
            f"{cardinality:.3f} labels a row (density {cardinality / labels:.4f}), "
            f"{int((arrays.y.sum(1) == 0).sum())} rows without labels"
        )
    if paper.printed_size(dataset.name):
        print(f"in the paper {paper.printed_size(dataset.name)} (Table 1)")
    y = dataset.splits["train"].y
    counts = y.sum(0, dtype=np.int64)
    order = counts.argsort(kind="stable")
    shown = min(8, (labels + 1) // 2)
    print("most often   " + ", ".join(f"{dataset.label_names[j]} {counts[j]}" for j in order[::-1][:shown]))
    print("least often  " + ", ".join(f"{dataset.label_names[j]} {counts[j]}" for j in order[: labels - shown][:8]))
    print("together     " + "; ".join(_pairs(y, dataset.label_names)))
    for warning in dataset.warnings:
        print(f"warning      {warning}")
    print(f"fingerprint  {digests.data_digest(source.files, source.reader, dataset.digest)}")
    return 0


def _show_origin(source: Source, config: Config) -> None:
    from bench.datasets.catalog import card_of
    from bench.datasets.parsers import set_parsers

    card = card_of(source)
    known = set_parsers().get(source.name)
    if card.get("licence") or known:
        print(f"licence      {card.get('licence') or (known.licence if known else '')}")
    features = card.get("features") or {}
    if "network" in features:
        print(f"features     {features['network']}")
    for split, own in (features.get("own_metrics") or {}).items():
        if split == "test":
            shown = ", ".join(f"{key} {value:.4f}" for key, value in own.items() if value is not None)
            print(f"its own test {shown}")
    for note in card.get("notes", []):
        print(f"note         {note}")
    expected = config.datasets[source.name].extractor if source.name in config.datasets else None
    if expected not in (None, source.extractor):
        print(f"note         features {source.extractor} are not the paper's {expected}")


def _pairs(y: np.ndarray, names: list[str]) -> list[str]:
    """The pairs of labels that occur together most often, with how often the rarer of the two has the other."""
    import numpy as np

    together = y.T.astype(np.int64) @ y
    counts = together.diagonal().copy()
    first, second = np.triu_indices(len(names), 1)
    order = np.argsort(-together[first, second], kind="stable")[:6]
    pairs = [(i, j, together[i, j]) for i, j in zip(first[order], second[order], strict=True)]
    return [
        f"{names[i]} + {names[j]} {count} ({count / min(counts[i], counts[j]):.0%} of the rarer)"
        for i, j, count in pairs
        if count
    ] or ["no two labels occur together"]
