"""Names of data sets that choose among records."""

from __future__ import annotations

import pytest

from bench.errors import UsageError
from bench.plan.filters import Choice, chosen
from bench.records.record import Manifest

FOLDS = ["yeast[fold=1of2]@mulan", "yeast[fold=2of2]@mulan"]


def kept(there: list[str], *names: str) -> list[str]:
    return chosen([], Manifest(datasets=there), Choice(datasets=names))[1].datasets


def test_a_set_that_is_there_with_transforms_alone_stands_for_all_of_them() -> None:
    there = [*FOLDS, "scene@npz", "scene[noise=10%]@npz"]
    assert kept(there, "yeast") == kept(there, "yeast@mulan") == FOLDS
    assert kept(there, "yeast[fold=1/2]") == FOLDS[:1]
    assert kept(there, "scene") == ["scene@npz"]
    assert kept(there, "scene[noise=10%]", "yeast") == [*FOLDS, "scene[noise=10%]@npz"]


def test_an_unknown_set_is_refused_with_the_known_ones_in_order() -> None:
    with pytest.raises(UsageError, match=r"data set 'birds'; known: scene, scene@npz\."):
        kept(["scene@npz"], "birds")
