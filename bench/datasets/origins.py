"""Where each data set comes from: its parser, its home, its files, its licence. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from bench.datasets.parsers import aapd, coco, cub, nus, reuters, voc
from bench.datasets.raw import Kind, RawSet
from bench.errors import UsageError, did_you_mean

CITED = "address and checksum as in torchvision's torchvision/datasets/voc.py; the address was never reached from here"


@dataclass(frozen=True)
class File:
    """One file to download."""

    url: str
    checksum: str | None
    """``md5:...`` or ``sha256:...``; None: recorded on the first download."""
    note: str
    """Where address and checksum come from, and whether the address was ever reached."""

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Origin:
    name: str
    """As registered in bench.toml."""
    kind: Kind
    home: str
    licence: str
    files: tuple[File, ...]
    steps: str
    """What to do by hand where there is nothing to download, or nothing that may be."""
    parse: Callable[..., RawSet]
    """parse(raw folder or archive, **its own choices) -> RawSet."""
    choices: tuple[str, ...] = ()
    """Which of prepare's options the parser takes: "ids", "difficult"."""


def _voc(year: int, files: tuple[File, ...]) -> Origin:
    return Origin(
        f"VOC{year % 100:02}",
        "image",
        "host.robots.ox.ac.uk/pascal/VOC",
        voc.LICENCE,
        files,
        f"unpack the archives; --raw is the folder VOCdevkit or VOCdevkit/VOC{year}",
        partial(voc.parse, year=year),
        ("difficult",),
    )


def _coco(year: int) -> Origin:
    return Origin(
        f"COCO{year % 100}",
        "image",
        "cocodataset.org, Download",
        coco.LICENCE,
        (),
        f"download the {year} train and val images and the train/val annotations; --raw is a folder with "
        f"instances_train{year}.json, instances_val{year}.json, and the image folders train{year} and val{year}",
        partial(coco.parse, year=year),
    )


THOR = "https://thor.robots.ox.ac.uk/pascal/VOC"
ORIGINS = {
    origin.name: origin
    for origin in (
        Origin(
            "AAPD",
            "text",
            "the page of SGM (Yang et al., COLING 2018), lancopku/SGM on GitHub",
            aapd.LICENCE,
            (),
            "download the data set from its authors' page; --raw is the folder with text_train, label_train, "
            "text_val, label_val, text_test and label_test",
            aapd.parse,
        ),
        Origin(
            "Reuters",
            "text",
            "kdd.ics.uci.edu/databases/reuters21578, also at archive.ics.uci.edu",
            reuters.LICENCE,
            (),
            "download reuters21578.tar.gz; --raw is the archive, or a folder with its reut2-*.sgm files",
            reuters.parse,
            ("ids",),
        ),
        _voc(
            2007,
            (
                File(f"{THOR}/voc2007/VOCtrainval_06-Nov-2007.tar", "md5:c52e279531787c972589f7e41ab4ae64", CITED),
                File(f"{THOR}/voc2007/VOCtest_06-Nov-2007.tar", "md5:b6e924de25625d8de591ea690078ad9f", CITED),
            ),
        ),
        _voc(
            2012,
            (File(f"{THOR}/voc2012/VOCtrainval_11-May-2012.tar", "md5:6cd6e144f989b92b3379bac3b3de84fd", CITED),),
        ),
        _coco(2014),
        _coco(2017),
        Origin(
            "CUB",
            "image",
            "www.vision.caltech.edu/datasets/cub_200_2011",
            cub.LICENCE,
            (),
            "download and unpack CUB_200_2011.tgz; --raw is the folder that holds CUB_200_2011 and attributes.txt",
            cub.parse,
        ),
        Origin(
            "NUS",
            "image",
            "lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/NUS-WIDE.html",
            nus.LICENCE,
            (),
            "request and download the image lists, the concept list, the ground truth and the photographs; --raw is "
            "the folder that holds them",
            nus.parse,
        ),
    )
}


def origin(name: str) -> Origin:
    """The origin of a registered set; case does not matter.

    Raises
    ------
    UsageError: for an unknown name, with a suggestion.
    """
    found = known_origin(name)
    if found is None:
        raise UsageError(
            f"there is no source of {name!r}; {did_you_mean(name, ORIGINS)} "
            "A set of your own is a .csv, a .mat or a Mulan folder given by --raw."
        )
    return found


def known_origin(name: str) -> Origin | None:
    """``origin`` for a name that may be a user's own."""
    return next((one for one in ORIGINS.values() if one.name.casefold() == name.casefold()), None)


def parsed(name: str, raw: Path, ids: Path | None = None, difficult: Literal["absent", "present"] = "absent") -> RawSet:
    """The raw set that ``name`` and ``raw`` stand for: a registered source, or a user's CSV or Mulan folder."""
    from bench.datasets.parsers import matlab, mulan, tabular

    if not raw.exists():
        raise UsageError(f"--raw {raw} does not exist.")
    source = known_origin(name)
    if source is not None:
        given = {"ids": ids, "difficult": difficult}
        return source.parse(raw, **{choice: given[choice] for choice in source.choices})
    if raw.suffix == ".csv":
        found = tabular.parse(raw)
    elif raw.suffix == ".mat":
        found = matlab.parse(raw)
    elif raw.is_dir() and list(raw.glob("*.xml")) and (list(raw.glob("*.arff")) or list(raw.glob("*.arff.gz"))):
        found = mulan.parse(raw)
    elif (hint := did_you_mean(name, ORIGINS)).startswith("did you mean"):
        raise UsageError(f"there is no source of {name!r}; {hint}")
    else:
        raise UsageError(
            f"--raw {raw} is not what a set of your own is made from: a .csv, a .mat, or a folder with Mulan's .xml "
            f"and .arff; and {name!r} is none of the registered {', '.join(ORIGINS)}."
        )
    return replace(found, stem=name)
