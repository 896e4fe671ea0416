"""``python -m bench data``: the data sets, from their homes to canonical files. Nothing heavy before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

data_app = App(name="data", help="The data sets: what is here, where they come from, how they are made and split.")

DataFolder = Annotated[str | None, Parameter(name="--data")]


@data_app.command(name="list")
def list_(*, data: DataFolder = None) -> int:
    """Show every known set: here, or how to get it."""
    from bench import data_reports

    return data_reports.show_sources(data)


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
    from bench import data_reports

    return data_reports.fetch_source(name, Path(to))


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
    from bench import data_reports

    return data_reports.prepare_source(name, raw, to, ids, difficult, network, image_size, words, device)


@data_app.command
def verify(name: str, *, data: DataFolder = None) -> int:
    """Check a set: checksums of prepared files, shapes and values, split sizes and label counts against Table 1."""
    from bench import data_reports

    return data_reports.verify_source(name, data)


@data_app.command
def card(name: str, *, data: DataFolder = None) -> int:
    """Print what a data set is: provenance, licence, sizes, splits, labels, co-occurrence, warnings, fingerprint."""
    from bench import data_reports

    return data_reports.show_card(name, data)
