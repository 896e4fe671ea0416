"""Parts of the study, by falling importance: which methods run on which data sets with which seeds.

A part that was cut is cut from its end: what stands first is there for every set before a second seed of anything.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from bench.dataset_name import dataset_name
from study.runs import ROOT

FOLDER = ROOT / "results/study"
"""The committed records and the settings that they are made with."""
DECAYED = FOLDER / "adamw"
"""Those of methods that search AdamW's weight decay in place of an L2 penalty."""

LAST_EPOCH = "last-epoch"
"""The folder in FOLDER of trainings again, where metrics other than Hamming loss select models of the last epoch."""

SIMULATED = FOLDER / "simulated"
"""Those of simulated sets, and their settings."""
GPU = FOLDER / "gpu"
"""Some of the jobs again on a GPU, for what it does to results."""

FOLDED = ["emotions", "birds", "flags"]
"""Too small for one split: five folds in place of five seeds."""
FOLDS = [f"{name}[fold={fold}/5]" for name in FOLDED for fold in range(1, 6)]
CLASSIC = ["scene", "yeast", "medical", "enron", "cal500"]
PHOTOGRAPHS = ["VOC07tv", "COCO18", "corel5k-photographs"]
TEXTS = ["Reuters@xmlcnn-glove6b50d", "Reuters@minilm-l6-v2", "GoEmotions"]
LARGE = [*PHOTOGRAPHS, *TEXTS]
"""Those whose features are of networks."""
SPARSE = ["rcv1_s1", "20ng", "bibtex", "delicious"]
"""Bags of words of hundreds of features and more, on which a grid of FLEM's takes long."""

CORE = ["BCE", "LR", "LD-y", "FLEM-D"]
FIRST_LOSSES = ["FL", "BS"]
SUBSET_OF_SETTINGS = "BCE of 6"
"""BCE with the settings of training that FLEM-D and LD-y search."""
AGAIN = ["BCE decay", "BCE faster", "BCE heavier", SUBSET_OF_SETTINGS, "BCE longer"]
LOSSES = ["FL", "CB", "R-FL", "DB", "BS", "ASL .8", "Two-way"]
QUICK = ["ML-KNN"]
TREES = ["RF", "BRkNN", "Prototypes", "RAKEL"]
FUSION = ["FLEM frozen", "FLEM-S", "FLEM-T", "LD-random"]
"""FLEM's other two, and what stands beside it to tell which of its parts does something."""
ABLATIONS = ["FLEM-I", "FLEM-II"]
RECOVERED = ["VALEN", "LEVI"]
LEARNERS = ["BR", "CC", "SVM", "RAkELo", "HGB"]

CHANGED = {"VOC07tv": "", "scene": "", "COCO18": "", "Reuters@minilm-l6-v2": "[labels=min:1]"}
"""{data set that is run with other labels or fewer rows: what then keeps labels with a positive training row alone}."""
REGIMES = [f"{name}[{regime}]{kept}" for regime in ("observed=1", "noise=10%", "observed=30%", "observed=10%")
           for name, kept in CHANGED.items()]  # fmt: skip
PARTLY_KNOWN = [*CORE, "WAN", "ROLE", "EM"]
CURVES = [f"{name}[train={share}%]{kept}" for share in (5, 25, 10, 50) for name, kept in CHANGED.items()]

VALIDATED = [f"{name}[val={part}/4]" for name in FOLDED for part in range(1, 5)]
"""For selection by cross-validation, where one validation split chooses by a few decisions."""


class Part(NamedTuple):
    """One call of `bench run`."""

    name: str
    datasets: list[str]
    seeds: range
    methods: list[str]
    own: str = ""
    """A folder in FOLDER, where settings and records are its own."""


LOGISTIC_AT_DEFAULT = "LR at C = 1"
"""LR's grid point at scikit-learn's default, which no validation rows choose."""
DRAW_NOTHING = {"LR", LOGISTIC_AT_DEFAULT, "BR", "SVM", "CC", "ML-KNN", "BRkNN", "Prototypes"}
"""Methods without randomness: a second seed would be the first again."""

ONE, TWO, THREE, FIVE = range(1), range(2), range(3), range(5)
ONE_SPLIT = [*CLASSIC, *LARGE]
EVERY = [*ONE_SPLIT, *FOLDS]
MAIN = {dataset_name(name).base for name in EVERY}
"""Data sets that every method is run on; SPARSE are for a few."""
NETWORKS = {dataset_name(name).base for name in LARGE}
"""Those of them whose features are of networks."""

SUBSET = [
    Part("three classic sets", ["emotions[fold=1/5]", "scene", "yeast"], ONE, ["BCE", "LR", "LD-y", "ML-KNN"]),
    Part("losses, neighbours, trees", ["emotions[fold=1/5]"], ONE, [*LOSSES, *QUICK]),
    Part("photographs", ["VOC07tv"], ONE, ["BCE"]),
    Part("label enhancement", ["emotions[fold=1/5]"], ONE, ["FLEM-D"]),
]
"""Of PARTS, what ``make study-check`` computes again: under ten minutes on two cores."""
SUBSET_JOBS = len({one for part in SUBSET for one in product(part.datasets, part.seeds, part.methods)})

PARTS = [
    Part("core", EVERY, ONE, CORE),
    Part("regimes", REGIMES[:2], ONE, PARTLY_KNOWN),
    Part("first losses", EVERY, ONE, [*FIRST_LOSSES, *QUICK]),
    Part("learning curves", CURVES[:8], ONE, [*CORE, *QUICK, "RF"]),
    Part("BCE again", EVERY, ONE, AGAIN),
    Part("last epoch", EVERY, ONE, ["BCE", "LD-y", "FLEM-D"], own=LAST_EPOCH),
    Part("validation parts", VALIDATED, ONE, ["BCE", "FLEM-D"]),
    Part("further regimes", REGIMES[:8], ONE, PARTLY_KNOWN),
    Part("seeds of the core", ONE_SPLIT, THREE, ["BCE", "LD-y"]),
    Part("a second seed", ONE_SPLIT, TWO, ["FLEM-D"]),
    Part("frozen estimator", EVERY, ONE, FUSION[:1]),
    Part("further learning curves", CURVES, ONE, [*CORE, *QUICK, "RF"]),
    Part("a third seed", ONE_SPLIT, THREE, ["FLEM-D"]),
    Part("losses", EVERY, ONE, [*LOSSES, *TREES]),
    Part("fusion", EVERY, ONE, FUSION),
    Part("all regimes", REGIMES, ONE, PARTLY_KNOWN),
    Part("known labels alone", REGIMES[8:], ONE, ["IU"]),
    Part("further learners", EVERY, ONE, LEARNERS),
    Part("recovered", EVERY, ONE, RECOVERED),
    Part("ablations", EVERY, ONE, ABLATIONS),
    Part("more sets", SPARSE, ONE, [*CORE, "RF"]),
    Part("seeds of the losses", ONE_SPLIT, THREE, LOSSES),
    Part("seeds of fusion", ONE_SPLIT, THREE, FUSION),
    Part("five seeds of the core", ONE_SPLIT, FIVE, ["BCE", "LD-y", "FLEM-D"]),
    Part("wide", ["scene", "yeast", *FOLDS], ONE, ["FLEM-D wide"]),
]
