"""Methods trained otherwise are compared with themselves, and told by what records hold."""

from __future__ import annotations

import pytest

from bench.records.record import Record
from study.converged.convergence import trained
from study.converged.relative import PRECISION, Observed
from tests.study.converged.multiverse.made import record

SETS = [f"s{place}@npz" for place in range(4)]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [record(name, method) for name in SETS for method in ("BCE", "BCE longer", "BCE decay", "FLEM-D", "FL")]


@pytest.fixture(scope="module")
def decayed() -> list[Record]:
    return [record(name, method, draw=1) for name in SETS for method in ("BCE", "FLEM-D", "FL")]


def test_each_is_compared_with_itself(records: list[Record], decayed: list[Record]) -> None:
    found = trained.otherwise(records, decayed)
    assert [(one.method, one.baseline) for one in found.by_metric[PRECISION]] == [
        ("BCE decay", "BCE"),
        ("BCE longer", "BCE"),
        ("BCE by AdamW's decay", "BCE"),
        ("FLEM-D by AdamW's decay", "FLEM-D"),
    ]
    _, longer, *_ = found.by_metric[PRECISION]
    (alone,) = Observed(records, selecting="own").compared(["BCE longer"]).by_metric[PRECISION]
    assert longer.over_sets == alone.over_sets


def test_what_is_told_is_what_was_compared(records: list[Record], decayed: list[Record]) -> None:
    found = trained.otherwise(records, decayed)
    for text, method, baseline, name in (
        (trained.longer(found), "BCE longer", "BCE", "BCE longer"),
        (trained.penalty(found), "BCE decay", "BCE", "BCE"),
        (trained.penalty(found), "FLEM-D by AdamW's decay", "FLEM-D", "FLEM-D"),
    ):
        one = found.of(PRECISION, method, baseline)
        assert one is not None
        assert one.over_sets is not None
        assert f" {one.percent(one.over_sets.mean):+z.1f} (" in text
        assert f" for {name}" in text
    assert "BCE faster" not in trained.longer(found)


def test_nothing_is_told_of_what_was_not_compared(records: list[Record]) -> None:
    found = trained.otherwise([one for one in records if not one.job.variant.startswith("BCE ")], [])
    assert (trained.longer(found), trained.penalty(found)) == ("", "")


def test_settings_are_those_of_the_studys_files() -> None:
    found = trained.settings()
    assert list(found) == ["BCE", *trained.VARIANTS, "BCE by AdamW's decay"]
    assert "weight decay" in found["BCE by AdamW's decay"]
    assert all(("l2 chosen among" in found[name]) == (name != trained.DECAY) for name in ("BCE", *trained.VARIANTS))
