"""Gains over BCE from records, and what sentences, tables and the figure make of them."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace as struct_with
from scipy import stats

from bench.errors import UsageError
from bench.records.artifacts import DISTRIBUTIONS, encode_distribution
from bench.records.record import AlsoSelected, JobName, Metrics, Record, artifact_name
from bench.records.store import Store
from bench.report.figures.style import encoded
from bench.system import reading, writing
from study.converged.simulated import __main__ as command
from study.converged.simulated import page
from study.converged.simulated.data import Setting, made
from study.converged.simulated.gains import METRICS, Group, gains, strengths_where, where
from study.converged.simulated.picture import gains_by_strength
from study.converged.simulated.recovered import Order, in_order
from tests import records as made_records

PRECISION, HAMMING, _ = METRICS
STRENGTHS = (0.0, 1.0, 4.0)
OF_GROUP = Group(0.0, 200)


def record(setting: Setting, variant: str, precision: float, hamming: float = 0.2, ranking: float = 0.1) -> Record:
    """A record of which each metric selected a model of its own; that of Hamming loss is poor in the others."""
    test: Metrics = {"average_precision": 0.01, "hamming": hamming, "ranking": 0.99}
    result = made_records.result(test)
    also = {
        "average-precision": AlsoSelected(0, 1, {}, {}, {**test, "average_precision": precision}),
        "ranking": AlsoSelected(0, 1, {}, {}, {**test, "ranking": ranking}),
    }
    return made_records.record(JobName(str(setting), "npz", variant, 0), struct_with(result, also_selected=also))


def studied(per_strength: dict[str, float], strengths: tuple[float, ...] = STRENGTHS, draws: int = 3) -> list[Record]:
    """Records of methods whose precision rises by so many per cent of BCE's a unit of strength, give or take 0.1."""
    found = []
    for strength, draw in product(strengths, range(draws)):
        setting = Setting(strength, OF_GROUP.correlation, OF_GROUP.rows, draw)
        found.append(record(setting, "BCE", 0.5))
        for variant, rise in per_strength.items():
            found.append(record(setting, variant, 0.5 * (1 + (rise * strength + 0.1 * (draw - 1)) / 100)))
    return found


def test_a_gain_is_relative_and_positive_where_the_method_is_better() -> None:
    setting = Setting(1.0, 0.0, 200, 0)
    found = gains([record(setting, "BCE", 0.5, 0.2, 0.1), record(setting, "FLEM-D", 0.55, 0.19, 0.11)])
    values = {one.metric.key: one.by_group[OF_GROUP][1.0].values for one in found}
    assert values == {
        "average_precision": (pytest.approx(10),), "hamming": (pytest.approx(5),), "ranking": (pytest.approx(-10),)
    }  # fmt: skip


def test_the_interval_is_scipys_over_draws_and_tells_the_side() -> None:
    (line,) = gains(studied({"FLEM-D": 1.0}))[0].by_group.values()
    for strength, mean in line.items():
        low, high = stats.ttest_1samp(mean.values, 0).confidence_interval(0.95)
        assert mean.half_width is not None
        assert (mean.mean - mean.half_width, mean.mean + mean.half_width) == pytest.approx((low, high))
        assert mean.side == (1 if low > 0 else 0), strength
    assert strengths_where(line, 1) == [1.0, 4.0]


def test_records_of_other_sets_and_without_bce_are_left_out() -> None:
    other = record(Setting(1.0, 0.0, 200, 0), "FLEM-D", 0.5)
    foreign = made_records.record(JobName("yeast", "river", "FLEM-D", 0), other.result)
    assert gains([other, foreign]) == []


def test_the_rise_is_paired_by_draw() -> None:
    records = [one for one in studied({"FLEM-D": 1.0}) if not one.job.dataset.startswith("simulated-s4-c0-n200-r0")]
    rise = gains(records)[0].rise()
    assert rise is not None
    assert rise.values == pytest.approx([4.0, 4.0])  # of draws 1 and 2, whose own deviations cancel


@pytest.mark.parametrize(
    ("strengths", "said"),
    [
        ([], "nowhere"), ([0.0, 1.0, 4.0], "at every strength"), ([1.0, 4.0], "from strength 1 on"),
        ([4.0], "at strength 4 alone"), ([0.0, 4.0], "at strengths 0 and 4 alone"),
    ],
)  # fmt: skip
def test_strengths_in_words(strengths: list[float], said: str) -> None:
    assert where(strengths, STRENGTHS) == said


def test_the_answer_says_where_flem_and_the_oracle_begin_to_beat_bce() -> None:
    found = gains(studied({"FLEM-D": 0.0, "LD-true": 1.0, "LD-y": 0.0}))
    text = page.answer(found)
    assert "(LD-true) beats BCE by more than its interval from strength 1 on." in text
    assert "FLEM-D, which has to estimate them, beats BCE by more than its interval nowhere." in text
    assert text.endswith(" and LD-y, which estimates nothing, +0.00 ± 0.25 %.\n")
    assert "LD-y +0.00 ± 0.25 % (3 sets)" in page.further(found)
    assert "FLEM-D's gain is not shown to grow or fall" in page.further(found)
    assert "is behind it from strength 1 on" in page.answer(gains(studied({"FLEM-D": -1.0, "LD-true": 0.0})))
    assert "FLEM-D's gain grows" in page.further(gains(studied({"FLEM-D": 1.0, "LD-true": 0.0})))


def test_gains_over_another_control_are_told_at_every_strength() -> None:
    found = gains(studied({"FLEM-D": 0.0, "LD-true": 1.0, "LD-y": 0.0}), "LD-y")
    of = {one.variant: one.over_groups() for one in found if one.metric == PRECISION}
    said = page.to_unestimated(found)
    for name in ("LD-true", "FLEM-D"):
        assert f"{name} " + ", ".join(f"{page.shown(mean)} at {at:g}" for at, mean in of[name].items()) in said
    assert "LD-y" not in of
    assert page.to_unestimated([]) == ""


def test_the_answer_does_not_judge_a_single_draw() -> None:
    text = page.answer(gains(studied({"FLEM-D": 1.0, "LD-true": 1.0}, draws=1)))
    assert text.startswith("Simulated data")
    assert "no two draws" in text


def test_tables_mark_what_is_shown_and_what_is_simulated() -> None:
    table = page.gain_table(gains(studied({"FLEM-D": 0.0, "LD-true": 1.0})), PRECISION)
    heading, _, *lines = table.splitlines()
    assert "Simulated data" in heading
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [line[1] for line in cells] == ["0", "1", "4"]
    assert [line[3].startswith("**") for line in cells] == [False, True, True]
    assert not any(line[2].startswith("**") for line in cells)


def test_the_figure_has_a_panel_a_group_and_a_line_a_method() -> None:
    more = [record(Setting(1.0, 0.6, 1000, draw), name, 0.5) for draw in (0, 1) for name in ("BCE", "FLEM-D")]
    figure = gains_by_strength(gains([*studied({"FLEM-D": 0.0, "LD-true": 1.0, "LR": 0.0}), *more]))
    assert [axes.get_title() for axes in figure.axes] == ["N = 200", "N = 1000, correlated labels"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["LD-true", "FLEM-D"]
    assert encoded(figure, "svg").startswith(b"<?xml")


def test_a_figure_of_nothing_is_refused_in_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"^no method .*\.$"):
        gains_by_strength([])


def test_the_share_of_pairs_in_order_is_that_of_all_pairs_written_out() -> None:
    random = np.random.default_rng(0)
    true, given = random.random((20, 5)), random.random((20, 5)).round(1)
    relevant = random.random((20, 5)) < 0.6
    agreed, pairs = 0.0, 0
    for i in range(20):
        for j, k in product(range(5), repeat=2):
            if j < k and relevant[i, j] and relevant[i, k]:
                pairs += 1
                same = (given[i, j] - given[i, k]) * (true[i, j] - true[i, k])
                agreed += 0.5 if same == 0 else float(same > 0)
    assert in_order(true, given, relevant) == (pytest.approx(agreed / pairs), pairs)


def test_a_folder_is_packed_with_the_orders_and_reported_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, folder = Store(tmp_path / "runs"), tmp_path / "packed"
    for one in studied({"FLEM-D": 0.0, "LD-true": 1.0}):
        runs.write(one)
    setting = Setting(4.0, 0.0, 200, 0)
    true = made(setting)
    rows = true.splits["train"]
    job = JobName(str(setting), "npz", "FLEM-D", 0)
    names = [f"label {j}" for j in range(true.y.shape[1])]
    kept = encode_distribution(true.degrees[rows], true.y[rows], names, scores=-true.degrees[rows], threshold=0.0)
    writing.write(runs.path(job).with_name(artifact_name(0, DISTRIBUTIONS)), kept)
    own = runs.read(job)
    assert own is not None
    runs.write(struct_with(own, artifacts={DISTRIBUTIONS: artifact_name(0, DISTRIBUTIONS)}))
    command.packed(runs.folder, folder)
    orders: list[Order] = reading.json(folder / command.ORDERS.name, list[Order])
    (order,) = orders
    assert (order.variant, order.recovered, order.scores) == ("FLEM-D", pytest.approx(1), pytest.approx(0))
    assert command.main(["show", "--results", str(folder)]) == 0
    said = capsys.readouterr().out
    assert page.answer(gains(studied({"FLEM-D": 0.0, "LD-true": 1.0}))) in said
    assert re.search(r"FLEM-D, degrees recovered +\| +100\.0", said)
    assert "degree of FLEM-D in 100 % of the pairs, and the higher score of its classifier in 0 % (1 set;" in said


@pytest.mark.parametrize("words", [["make"], ["run", "--to", "x"], ["pack"]])
def test_a_missing_folder_is_asked_for(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(words)
    assert re.search(r"needs --(to|results) FOLDER", capsys.readouterr().err)
