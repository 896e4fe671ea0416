"""Ours beside the paper's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from scipy import stats

from bench.analysis.paper_claims import claims, claims_grid
from bench.analysis.paper_comparison import (
    checked_stand_ins,
    comparison_frame,
    not_compared,
    rank_correlation,
    render_comparison,
)
from bench.config import load
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import Manifest
from bench.tables import paper
from bench.tables.comparison import paper_table
from bench.tables.table import Cell, MetricTable
from bench.text import as_text

CONFIG = load()
PAPERS_OWN = [paper_table(metric, CONFIG) for metric in PAPER_METRICS]


def test_the_papers_own_values_differ_by_nothing_and_correlate_perfectly() -> None:
    frame = comparison_frame(PAPERS_OWN, {})
    assert len(frame) == 4 * 8 * 12
    assert (frame["difference"] == 0).all()
    assert (frame["rank"] == frame["printed_rank"]).all()
    for _, cells in frame.groupby(["dataset", "metric"]):
        assert rank_correlation(cells) == pytest.approx(1)


def test_a_stand_in_is_set_beside_the_set_it_stands_for() -> None:
    """The paper's own VOC07 beside its VOC12: the difference is that of the printed columns."""
    frame = comparison_frame(PAPERS_OWN, {"VOC07": "VOC12"})
    cells = frame[(frame["dataset"] == "VOC07") & (frame["metric"] == "hamming")]
    printed = {(cell.method, cell.dataset): float(cell.value) for cell in paper.comparison_table(2) if cell.value}
    for line in cells.to_dict("records"):
        expected = printed[line["variant"], "VOC07"] - printed[line["variant"], "VOC12"]
        assert line["difference"] == pytest.approx(expected, abs=1e-12)
    text = render_comparison(frame[frame["dataset"] == "VOC07"], CONFIG, "terminal", [])
    assert "VOC07 beside the paper's VOC12" in text
    assert "VOC07 is not VOC12: other rows, other features" in text


def test_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    frame = pd.DataFrame({"rank": [1, 2, 2, 4, 5], "printed_rank": [2, 1, 4, 3, 5]})
    assert rank_correlation(frame) == pytest.approx(spearmanr(frame["rank"], frame["printed_rank"]).statistic)
    assert rank_correlation(frame[:2]) is None
    assert rank_correlation(frame.assign(rank=1)) is None


def moved(by: float, std: float | None) -> list[MetricTable]:
    """The paper's tables with every value moved, as if from records with that deviation over seeds."""
    return [changed(table, lambda cell: replace(cell, mean=cell.mean + by, std=std)) for table in PAPERS_OWN]


def changed(table: MetricTable, change: Callable[[Cell], Cell]) -> MetricTable:
    return replace(table, cells={place: change(cell) for place, cell in table.cells.items()})


def test_differences_in_units_of_the_seed_deviation() -> None:
    frame = comparison_frame(moved(0.003, 0.001), {})
    assert frame["deviations"].to_numpy() == pytest.approx(3)
    higher_is_better = frame["metric"] == "average_precision"
    assert set(frame.loc[higher_is_better, "verdict"]) == {"better"}
    assert set(frame.loc[~higher_is_better, "verdict"]) == {"worse"}
    assert set(comparison_frame(moved(0.003, 0.002), {})["verdict"]) == {"level"}
    one_seed = comparison_frame(moved(0.00001, None), {})  # not seen in four digits
    assert one_seed["deviations"].isna().all()
    assert set(one_seed["verdict"]) == {"level"}
    assert "level" not in set(comparison_frame(moved(0.0001, None), {})["verdict"])
    text = render_comparison(frame, CONFIG, "terminal", [], colour=True)
    assert text.count("\x1b[31m0") == 3 * 96
    assert text.count("\x1b[32m0") == 96
    assert "\x1b" not in render_comparison(frame, CONFIG, "terminal", [])


def test_what_cannot_be_compared_is_named() -> None:
    def failed(cell: Cell) -> Cell:
        return replace(cell, state="failed", mean=None) if cell.variant == "BS" else cell

    without = [changed(replace(table, columns=[*table.columns[:2], "mine"]), failed) for table in PAPERS_OWN]
    frame = comparison_frame(without, {})
    reasons = not_compared(without, frame, Manifest(missing={"NUS": "no files"}))
    assert "NUS: no data here." in reasons
    assert "VOC07, VOC12, COCO14, COCO17, CUB: no record, nor of a stand-in." in reasons
    assert "mine: not of the paper, and not named as a stand-in by --map." in reasons
    assert f"{without[0].columns[0]}: BS failed." in reasons
    assert "Not compared:" in render_comparison(frame, CONFIG, "markdown", reasons)


def test_the_claims_count_in_print_what_the_table_file_says() -> None:
    cells = pd.DataFrame([vars(cell) for cell in paper.printed_cells() if cell.table in (2, 3, 4, 5)])
    cells = cells[cells["dataset"] != paper.AVERAGE].copy()
    sign = cells["metric"].map(lambda metric: -1 if metric == "average_precision_macro" else 1)
    cells["value"] = cells["value"].astype(float) * sign
    wide = cells.pivot(index=["table", "dataset"], columns="method", values="value")
    flem = wide[["FLEM-S", "FLEM-T", "FLEM-D"]].min(axis=1)
    others = wide.drop(columns=["FLEM-S", "FLEM-T", "FLEM-D"])
    found = claims(PAPERS_OWN, PAPERS_OWN)
    expected = [
        ((flem <= others.min(axis=1)).sum(), 32),
        ((flem < others.min(axis=1)).sum(), 32),
        ((wide["FLEM-D"] <= others.min(axis=1)).sum(), 32),
        ((others[["LEVI", "VALEN"]].gt(wide["FLEM-D"], axis=0)).sum().sum(), 64),
        ((others.drop(columns=["LEVI", "VALEN"]).gt(wide["FLEM-D"], axis=0)).sum().sum(), 224),
        (108, 108),
        (4, 4),
        (4, 4),
    ]
    assert [(claim.in_print.holds, claim.in_print.cases) for claim in found] == expected
    assert expected[0][0] == 31  # the paper's 96.9 %
    assert [claim.here for claim in found[:6]] == [claim.in_print for claim in found[:6]]
    assert [claim.verdict for claim in found] == ["holds"] * 6 + ["not tested"] * 2  # Tables 2-5 have no FLEM-I
    assert "31 of 32" in as_text([claims_grid(found)])


def test_a_claims_interval_is_over_data_sets() -> None:
    found = claims(PAPERS_OWN, PAPERS_OWN)
    # Seven of the eight sets hold the claim in all four metrics and one in three: with the share of the draws that
    # miss it, (7/8)^8 = .34, above .025, every cell holds; the lower end is that of several draws of it.
    draws = stats.binom(8, 1 / 8)
    low, high = found[0].interval or (0, 0)
    assert high == 1
    assert low == 1 - draws.ppf(0.975) / 32
    low, high = found[5].interval or (0, 0)  # 108 of 108 pairs of average ranks; nearly so whatever sets are drawn
    assert 0.95 < low < high == 1
    assert found[6].interval is None  # no case
    one = [paper_table_of_one_set(table) for table in PAPERS_OWN]
    assert claims(PAPERS_OWN, one)[0].interval is None


def paper_table_of_one_set(table: MetricTable) -> MetricTable:
    cells = {place: cell for place, cell in table.cells.items() if cell.dataset == "NUS"}
    return replace(table, columns=["NUS"], cells=cells)


def worse(cell: Cell, table: MetricTable) -> Cell:
    return replace(cell, mean=cell.mean + (1 if table.metric.lower_is_better else -1))


def test_half_of_the_cells_is_what_chance_gives() -> None:
    worse_on_half = [
        replace(table, cells={
            place: worse(cell, table) if cell.variant == "FLEM-D" and number % 2 else cell
            for number, (place, cell) in enumerate(table.cells.items())
        })
        for table in PAPERS_OWN
    ]  # fmt: skip
    found = claims(PAPERS_OWN, worse_on_half)[3]
    low, high = found.interval or (0, 0)
    assert low < 0.5 < high
    assert found.verdict == "no more than chance"


def test_a_claim_that_does_not_hold_is_called_so() -> None:
    worse_everywhere = [
        changed(table, lambda cell, table=table: worse(cell, table) if cell.variant.startswith("FLEM") else cell)
        for table in PAPERS_OWN
    ]
    found = claims(PAPERS_OWN, worse_everywhere)
    assert [claim.verdict for claim in found[:3]] == ["does not hold"] * 3
    assert found[0].here.holds == 0


def test_formats() -> None:
    frame = comparison_frame(PAPERS_OWN[:1], {})
    assert len(json.loads(render_comparison(frame, CONFIG, "json", []))) == 96
    assert render_comparison(frame, CONFIG, "csv", []).count("\n") == 97
    assert "| FLEM-D" in render_comparison(frame, CONFIG, "markdown", [])


@pytest.mark.parametrize(
    ("given", "message"),
    [("VOC07tv", "--map takes OURS=PAPER"), ("VOC07tv=VOC7", "did you mean 'VOC07'?"), ("x=yeast", "no data set")],
)
def test_wrong_stand_ins_are_one_sentence(given: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        checked_stand_ins([given], CONFIG)
