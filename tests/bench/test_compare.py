"""Ours beside the paper's."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from bench import paper
from bench.compare import checked_stand_ins, comparison_frame, rank_correlation, render_comparison
from bench.config import load
from bench.errors import UsageError
from bench.metric_catalogue import PAPER_METRICS
from bench.tables import paper_table

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
        expected = printed[line["row"], "VOC07"] - printed[line["row"], "VOC12"]
        assert line["difference"] == pytest.approx(expected, abs=1e-12)
    text = render_comparison(frame[frame["dataset"] == "VOC07"], CONFIG, "terminal")
    assert "VOC07 beside the paper's VOC12" in text
    assert "VOC07 is not VOC12: other rows, other features" in text


def test_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    frame = pd.DataFrame({"rank": [1, 2, 2, 4, 5], "printed_rank": [2, 1, 4, 3, 5]})
    assert rank_correlation(frame) == pytest.approx(spearmanr(frame["rank"], frame["printed_rank"]).statistic)
    assert rank_correlation(frame[:2]) is None
    assert rank_correlation(frame.assign(rank=1)) is None


def test_formats() -> None:
    frame = comparison_frame(PAPERS_OWN[:1], {})
    assert len(json.loads(render_comparison(frame, CONFIG, "json"))) == 96
    assert render_comparison(frame, CONFIG, "csv").count("\n") == 97
    assert "| FLEM-D" in render_comparison(frame, CONFIG, "markdown")


@pytest.mark.parametrize(
    ("given", "message"),
    [("VOC07tv", "--beside takes OURS=PAPERS"), ("VOC07tv=VOC7", "did you mean 'VOC07'?"), ("x=yeast", "no data set")],
)
def test_wrong_stand_ins_are_one_sentence(given: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        checked_stand_ins([given], CONFIG)
