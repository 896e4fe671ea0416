"""Parts of the study, by falling importance: which methods run on which data sets with which seeds.

A part that was cut is cut from its end: what stands first is there for every set before a second seed of anything.
"""

from __future__ import annotations

from typing import NamedTuple

FOLDED = ["emotions", "birds", "flags"]
"""Too small for one split: five folds in place of five seeds."""
FOLDS = [f"{name}[fold={fold}/5]" for name in FOLDED for fold in range(1, 6)]
CLASSIC = ["scene", "yeast", "medical", "enron", "cal500"]
PHOTOGRAPHS = ["VOC07tv", "COCO18", "corel5k-photographs"]
TEXTS = ["Reuters@xmlcnn-glove6b50d", "Reuters@minilm-l6-v2", "GoEmotions"]
LARGE = [*PHOTOGRAPHS, *TEXTS]
SPARSE = ["rcv1_s1", "20ng", "bibtex"]
"""Bags of words of hundreds of features and more, on which a grid of FLEM's takes long."""

CORE = ["BCE", "LR", "LD-y", "FLEM-D"]
LOSSES = ["FL", "CB", "R-FL", "DB", "BS", "ASL .8", "Two-way"]
QUICK = ["ML-KNN", "BRkNN", "BR", "RF", "Prototypes", "RAKEL"]
FUSION = ["FLEM-S", "FLEM-T", "FLEM frozen", "LD-random"]
"""FLEM's other two, and what stands beside it to tell which of its parts does something."""
ABLATIONS = ["FLEM-I", "FLEM-II"]
RECOVERED = ["VALEN", "LEVI"]
SLOW = ["CC", "SVM", "RAkELo", "HGB"]

REGIMES = [f"{name}[{regime}]" for regime in ("observed=1", "noise=10%", "observed=30%", "observed=10%")
           for name in ("VOC07tv", "scene", "Reuters@minilm-l6-v2", "COCO18")]  # fmt: skip
PARTLY_KNOWN = ["BCE", "LR", "LD-y", "FLEM-D", "WAN", "ROLE", "EM"]
CURVES = [f"{name}[train={share}%]" for share in (5, 10, 25, 50) for name in ("Reuters@minilm-l6-v2", "COCO18")]


class Part(NamedTuple):
    """One call of `bench run`."""

    name: str
    datasets: list[str]
    seeds: range
    methods: list[str]


ONE, THREE, FIVE = range(1), range(3), range(5)
ONE_SPLIT = [*CLASSIC, *LARGE]
EVERY = [*ONE_SPLIT, *FOLDS]

PARTS = [
    Part("core", EVERY, ONE, CORE),
    Part("quick", EVERY, ONE, [*LOSSES, *QUICK]),
    Part("fusion", EVERY, ONE, FUSION),
    Part("seeds of the core", ONE_SPLIT, THREE, CORE),
    Part("regimes", REGIMES, ONE, PARTLY_KNOWN),
    Part("learning curves", CURVES, ONE, [*CORE, "ML-KNN"]),
    Part("seeds of what is quick", ONE_SPLIT, THREE, LOSSES),
    Part("ablations", EVERY, ONE, ABLATIONS),
    Part("seeds of fusion", ONE_SPLIT, THREE, FUSION),
    Part("slow", ONE_SPLIT, ONE, SLOW),
    Part("recovered", [*CLASSIC, *PHOTOGRAPHS], ONE, RECOVERED),
    Part("more sets", SPARSE, ONE, CORE),
    Part("five seeds of the core", ONE_SPLIT, FIVE, CORE),
    Part("wide", ["scene", "yeast", *FOLDS], ONE, ["FLEM-D wide"]),
]
