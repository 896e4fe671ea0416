"""Label regimes: differences to BCE set by set, of records made here."""

from __future__ import annotations

import math

from bench.metrics.catalogue import PAPER_METRICS
from study.converged import regimes
from study.converged.relative import on_test
from tests.study.converged.multiverse.made import record

*_, PRECISION = PAPER_METRICS
SETS = ["scene@npz", "scene[noise=10%]@npz", "scene[observed=1]@npz", "yeast@mulan"]


def test_effects_are_log_ratios_on_the_sets_that_a_regime_is_of() -> None:
    records = [record(dataset, method) for dataset in SETS for method in ("BCE", "FLEM-D")]
    found = regimes.regime_effects(records)
    assert [(one.regime, one.dataset) for one in found] == [
        ("", "scene"), ("[noise=10%]", "scene"), ("[observed=1]", "scene"),
    ]  # fmt: skip
    for one, dataset in zip(found, SETS, strict=False):
        ours, theirs = (
            on_test(made, PRECISION)[PRECISION.key]
            for method in ("FLEM-D", "BCE")
            for made in records
            if (made.job.full_dataset, made.job.variant) == (dataset, method)
        )
        assert math.isclose(one.effect, math.log(ours / theirs))
        assert one.percent == f"{100 * (ours / theirs - 1):+z.1f}"
    lines = regimes.regime_table(found, ["FLEM-D", "EM"]).splitlines()[2:]
    assert [one.percent in line for one, line in zip(found, lines, strict=True)] == [True] * 3
    ahead = sum(one.effect > 0 for one in found[1:])
    assert f"in {ahead} of 2 cases" in regimes.regime_sentence(found, "FLEM-D")
    assert regimes.regime_sentence(found, "EM") == ""
    assert "is recorded yet" in regimes.regime_table([], ["FLEM-D"])
