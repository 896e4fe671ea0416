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
FUSION = ["FLEM-S", "FLEM-T", "FLEM frozen", "LD-random", "FLEM-I", "FLEM-II"]
RECOVERED = ["LEVI", "VALEN"]
SLOW = ["SVM", "CC", "RAkELo", "HGB"]


class Part(NamedTuple):
    """One call of `bench run`."""

    name: str
    datasets: list[str]
    seeds: range
    methods: list[str]


FIRST = range(1)
FOUR_MORE = range(1, 5)
TWO_MORE = range(1, 3)

SUBSET = [
    Part("three classic sets", ["emotions[fold=1/5]", "scene", "yeast"], FIRST, ["BCE", "LR", "LD-y", "ML-KNN"]),
    Part("photographs", ["VOC07tv"], FIRST, ["BCE"]),
    Part("label enhancement", ["emotions[fold=1/5]"], FIRST, ["FLEM-D"]),
]
"""Of PARTS, what ``make study-check`` computes again: under ten minutes on two cores."""

PARTS = [
    Part("core", [*CLASSIC, *FOLDS, *LARGE], FIRST, CORE),
    Part("losses", [*CLASSIC, *FOLDS, *LARGE], FIRST, LOSSES),
    Part("not by gradients", [*CLASSIC, *FOLDS, *LARGE], FIRST, QUICK),
    Part("seeds of the core", [*CLASSIC, *LARGE], TWO_MORE, ["BCE", "LD-y", "FLEM-D"]),
]
