"""Figures: what they show, that labels never overlap, and that they say why there is nothing to show."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench import config
from bench.analysis.answer.leads import leads
from bench.analysis.paper_comparison import comparison_frame
from bench.errors import UsageError
from bench.metrics.catalogue import METRICS, PAPER_METRICS
from bench.plan.states import JobState
from bench.records.artifacts import KeptScores, RecoveredDistribution
from bench.records.record import Curves, GridPoint, JobName, Manifest, Record, Selected, as_json
from bench.report.figures import MAKERS, Material, pictures
from bench.report.figures import ranks as rank_figures
from bench.report.figures import scores as score_figures
from bench.report.figures import training as training_figures
from bench.report.figures.answer import distances_to_the_leader, in_order
from bench.report.figures.style import encoded, spread
from bench.tables import paper
from bench.tables.comparison import comparison, paper_table
from bench.tables.table import Cell, MetricTable
from tests import records

TABLES = [paper_table(metric, config.load()) for metric in PAPER_METRICS]
ROWS = TABLES[0].ranked
SECONDS = {(row, column): 2.0 ** (len(row) % 7) for row in ROWS for column in TABLES[0].columns}


def changed(table: MetricTable, change: Callable[[Cell], Cell]) -> MetricTable:
    return replace(table, cells={place: change(cell) for place, cell in table.cells.items()})


def texts(figure: Figure) -> list[tuple[str, Any]]:
    """(text, bounding box in pixels) of everything that is written."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    found = []
    for artist in figure.findobj(Text):
        box = Text.get_window_extent(artist, canvas.get_renderer())  # an annotation's own includes its line
        if artist.get_visible() and artist.get_text().strip() and box.width > 0:
            found.append((artist, box))
    return [(artist.get_text(), box) for artist, box in found if _drawn(artist, figure)]


def _drawn(artist: Text, figure: Figure) -> bool:
    """Tick labels outside the axis' view exist, but are not drawn."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if artist in (tick.label1, tick.label2):
                    return bool(axes.axison) and low - 1e-9 <= tick.get_loc() <= high + 1e-9
    return True


def assert_readable(figure: Figure) -> None:
    width, height = figure.get_size_inches() * figure.dpi
    written = texts(figure)
    assert written
    for text, box in written:
        assert box.x0 >= -1, text
        assert box.x1 <= width + 1, text
        assert box.y0 >= -1, text
        assert box.y1 <= height + 1, text
    for (one, a), (other, b) in itertools.combinations(written, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide <= 1 or high <= 1.5, f"{one!r} and {other!r} overlap"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.metric.key)
def test_critical_differences_of_the_paper(table: MetricTable) -> None:
    figure = rank_figures.critical_difference_diagram(table, ROWS)
    assert_readable(figure)
    written = " ".join(text for text, _ in texts(figure))
    assert "critical difference 5.89" in written
    assert all(row in written for row in ROWS)


def hollow_and_filled(figure: Figure) -> list[tuple[int, int]]:
    """Hollow and filled circles of each panel."""
    counts = []
    for panel in figure.axes:
        of_face = {
            line.get_markerfacecolor(): len(line.get_xdata()) for line in panel.lines if line.get_marker() == "o"
        }
        counts.append((of_face["white"], of_face["black"]))
    return counts


@pytest.mark.parametrize("rows", [ROWS, ROWS[:3], ROWS[:2], [ROWS[0], ROWS[-1]]], ids=len)
def test_the_answers_picture_shows_who_is_and_is_not_told_apart(rows: list[str]) -> None:
    found = leads(TABLES, [], rows)
    figure = distances_to_the_leader(found)
    assert_readable(figure)
    assert hollow_and_filled(figure) == [(len(lead.tied), len(lead.behind)) for lead in found]
    for panel, lead in zip(figure.axes, found, strict=True):
        names = in_order(found)
        line, diamond = (next(one for one in panel.lines if one.get_marker() == mark) for mark in ("None", "D"))
        assert set(line.get_xdata()) == {lead.standing}
        assert (diamond.get_xdata()[0], names[diamond.get_ydata()[0]]) == (lead.standing, lead.leader)
        bars = [segment for lines in panel.collections for segment in lines.get_segments()]
        crossing = sum(bar[0][0] <= lead.standing <= bar[1][0] for bar in bars)
        assert crossing == len(lead.tied)
    colours = set(re.findall(r"#([0-9a-f]{6})", encoded(figure, "svg").decode()))
    assert all(colour[:2] == colour[2:4] == colour[4:] for colour in colours), colours


def test_the_answers_picture_of_one_set_has_the_leader_left_by_every_metric() -> None:
    random = np.random.default_rng(0)
    states = [
        JobState(JobName("a name of a data set that is long", "npz", f"method {row}", seed), "done", record=one)
        for row in range(40)
        for seed in range(3)
        for one in [of_two_metrics(row, seed, random.random(2).tolist())]
    ]
    found_tables = [comparison(states, metric, config.load(), Manifest(), []) for metric in PAPER_METRICS[::3]]
    found = leads(found_tables, states, found_tables[0].variants)
    figure = distances_to_the_leader(found)
    assert_readable(figure)
    for panel, lead in zip(figure.axes, found, strict=True):
        left, right = panel.get_xlim()
        places = [(value - left) / (right - left) for value in [lead.standing, *(gap.standing for gap in lead.gaps)]]
        assert places == sorted(places)
        assert 0 <= places[0] < 1
    with pytest.raises(UsageError, match="no two methods have a value"):
        distances_to_the_leader(leads(found_tables, states, ["method 1"]))


def of_two_metrics(row: int, seed: int, values: list[float]) -> Record:
    job = JobName("a name of a data set that is long", "npz", f"method {row}", seed)
    return records.record(job, records.result({"hamming": values[0], "average_precision": values[1]}))


def test_groups_are_the_widest_runs_closer_than_the_difference() -> None:
    assert rank_figures.joined([1, 2, 3.5, 3.6], 2.1) == [(1, 2), (2, 3.6)]
    assert rank_figures.joined([1, 4, 7], 2) == []
    assert rank_figures.joined([1, 1, 1], 0.5) == [(1, 1)]
    assert rank_figures.joined([1.0, 3.0], 2.0) == []  # a difference as large as the critical one tells apart


def test_rank_heat_map_shows_the_printed_ranks() -> None:
    figure = rank_figures.rank_heat_map(TABLES, ROWS)
    assert_readable(figure)
    for panel, table in zip(figure.axes, TABLES, strict=True):
        shown = [text.get_text() for text in panel.texts]
        expected = [c.rank for c in paper.comparison_table(table.metric.paper_table or 0) if c.dataset != paper.AVERAGE]
        assert sorted(shown) == sorted(expected)


def test_twelve_methods_and_eight_sets_beside_the_paper() -> None:
    moved = [changed(table, lambda cell: replace(cell, mean=cell.mean * 1.1)) for table in TABLES]
    frame = comparison_frame(moved, {})
    assert frame["dataset"].nunique() == 8
    assert_readable(rank_figures.difference_to_paper(frame))
    with pytest.raises(UsageError, match="no data set of the paper"):
        rank_figures.difference_to_paper(frame[:0])


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.metric.key)
def test_cost_names_every_method_once(table: MetricTable) -> None:
    figure = rank_figures.quality_against_cost(table, SECONDS, ROWS)
    assert_readable(figure)
    written = [text for text, _ in texts(figure)]
    assert all(written.count(row) == 1 for row in ROWS)
    points = figure.axes[0].collections[0].get_offsets()
    assert sorted(points[:, 0]) == sorted(SECONDS[row, "NUS"] for row in ROWS)
    assert points[:, 1].sum() == pytest.approx(12 * 13 / 2)  # mean ranks
    with pytest.raises(UsageError, match="no data set has a value and a cost"):
        rank_figures.quality_against_cost(table, {}, ROWS)


@pytest.mark.parametrize("seed", range(20))
def test_spread_labels_keep_order_gap_and_range(seed: int) -> None:
    random = np.random.default_rng(seed)
    wanted = list(np.round(random.uniform(0, 10, 12), 1))
    places = spread(wanted, 0.8, 0, 10)
    assert all(0 <= place <= 10 for place in places)
    ordered = sorted(places)
    assert all(b - a >= 0.8 - 1e-9 for a, b in itertools.pairwise(ordered))
    order = np.argsort(wanted, kind="stable")
    assert [places[i] for i in order] == ordered
    assert spread([1.0, 5.0, 9.0], 0.8, 0, 10) == [1.0, 5.0, 9.0]


def grid_points(row: str, points: list[dict], epochs: int = 5) -> list[GridPoint]:
    random = np.random.default_rng(len(row))
    return [
        GridPoint(
            point,
            3,
            None,
            {"hamming": 0.1 + 0.01 * number},
            {"hamming": 0.2 + 0.01 * number},
            as_json(Curves(random.random(epochs).tolist(), random.random(epochs).tolist() if epochs > 1 else [0.1])),
        )
        for number, point in enumerate(points)
    ]


def record_of(row: str, grid: list[GridPoint], epochs: int = 5, seed: int = 0, chosen: int = 0) -> Record:
    selected = Selected(chosen, 3, grid[chosen].hyperparameters)
    result = records.result({"hamming": 0.2}, grid=grid, selected=selected, epochs=epochs)
    return records.record(JobName("made", "npz", row, seed), result)


def record(row: str, points: list[dict], epochs: int = 5, seed: int = 0, chosen: int = 0) -> Record:
    return record_of(row, grid_points(row, points, epochs), epochs, seed, chosen)


def hamming_curve(point: GridPoint) -> list[float]:
    assert isinstance(point.curves, Curves)
    return point.curves.hamming


GRID = [{"alpha": alpha, "beta": beta} for alpha in (0.1, 0.001) for beta in (1e-4, 1e-2, 0.1)]


def test_learning_curves_mark_the_chosen_epoch() -> None:
    made = [record(row, GRID if row.startswith("FLEM") else [{}]) for row in ROWS]
    figure = training_figures.learning_curves([*made, record("ML-KNN", [{}], epochs=1)])
    assert_readable(figure)
    titles = [text for text, _ in texts(figure) if text.endswith("epoch 3")]
    assert len(titles) == len(ROWS)
    panel = figure.axes[0]
    assert len(panel.lines) == 2  # the curve and its dot
    assert panel.lines[-1].get_xdata()[0] == 3
    assert made[0].result is not None
    curve = hamming_curve(made[0].result.grid[0])
    assert panel.lines[-1].get_ydata()[0] == curve[2]
    with pytest.raises(UsageError, match="no method here trains by epochs"):
        training_figures.learning_curves([record("ML-KNN", [{}], epochs=1)])


def test_grid_surface_holds_the_mean_over_seeds_at_its_place() -> None:
    figure = training_figures.grid_surface(
        [record("FLEM-D", GRID, seed=0), record("FLEM-D", GRID, seed=1, chosen=4)], METRICS[0]
    )
    assert_readable(figure)
    validation, test = figure.axes[:2]
    # rows: alpha ascending, columns: beta ascending; point number 1 is alpha .1, beta .01
    shown = {text.get_position(): text.get_text() for text in validation.texts}
    assert shown[1, 1] == "0.1100"
    assert shown[0, 0] == "0.1300"
    assert {text.get_position(): text.get_text() for text in test.texts}[2, 0] == "0.2500"
    assert len(validation.patches) == 4  # two boxes of two lines
    with pytest.raises(UsageError, match="needs a grid of two hyper-parameters; BCE has 0"):
        training_figures.grid_surface([record("BCE", [{}])], METRICS[0])


def test_a_chosen_point_after_one_that_diverged_is_still_the_black_one() -> None:
    diverged, *others = grid_points("FLEM-D", GRID)
    grid = [msgspec.structs.replace(diverged, curves_json=as_json(Curves([], []))), *others]
    panel = training_figures.learning_curves([record_of("FLEM-D", grid, chosen=3)]).axes[0]
    black = [line for line in panel.lines if line.get_color() == "black" and len(line.get_xdata()) > 1]
    assert [list(line.get_ydata()) for line in black] == [hamming_curve(grid[3])]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_panels_have_room_for_their_captions(count: int) -> None:
    name = "a data set of a rather long name that somebody has chosen@with-an-extractor"
    made = [
        msgspec.structs.replace(one, job=JobName(*name.split("@"), one.job.variant, 0))
        for one in (record(row, GRID) for row in ROWS[:count])
    ]
    assert_readable(training_figures.learning_curves(made))
    assert_readable(training_figures.grid_surface(made[:1], METRICS[0]))
    kept = KeptScores(np.ones((2, 2), dtype=np.float32), np.eye(2, dtype=np.int8), 0.0, ["$a$", "b_$^{"])
    assert_readable(score_figures.reliability(dict.fromkeys(ROWS[:count], kept), name))


@pytest.mark.parametrize("rows", [3, 4, 7])
def test_few_methods_and_many_left_out_sets_fit_the_diagram(rows: int) -> None:
    def failed(cell: Cell) -> Cell:
        gap = cell.variant == ROWS[0] and cell.dataset in TABLES[0].columns[:5]
        return replace(cell, state="failed", mean=None) if gap else cell

    table = changed(TABLES[0], failed)
    assert_readable(rank_figures.critical_difference_diagram(table, ROWS[:rows]))
    assert_readable(rank_figures.quality_against_cost(table, SECONDS, ROWS[:rows]))


def test_names_with_dollars_are_names() -> None:
    found = distribution(0)
    odd = replace(found, label_names=[rf"$\frac${j}" for j in range(14)])
    encoded(score_figures.recovered_distributions({"LEVI": odd}, "set $x^$"), "svg")


def test_the_last_of_few_is_as_pale_as_the_last_of_many() -> None:
    kept = [cell for cell in TABLES[0].cells.values() if cell.variant in ROWS[:3] or cell.dataset != "NUS"]
    ranks = pd.DataFrame(map(vars, kept)).groupby("dataset")["mean"].rank(method="min")
    cells = {
        (cell.variant, cell.dataset): replace(cell, rank=int(rank)) for cell, rank in zip(kept, ranks, strict=True)
    }
    table = replace(TABLES[0], cells=cells)
    (panel,) = rank_figures.rank_heat_map([table], ROWS).axes
    shades = panel.images[0].get_array()
    column = TABLES[0].columns.index("NUS")
    assert np.nanmax(shades[:, column]) == np.nanmax(shades[:, 0]) == 1


def test_a_grid_point_that_diverged_is_a_gap() -> None:
    grid = grid_points("FLEM-D", GRID)
    grid[1] = msgspec.structs.replace(grid[1], val=None)
    figure = training_figures.grid_surface([record_of("FLEM-D", grid)], METRICS[0])
    assert [text.get_text() for text in figure.axes[0].texts].count("–") == 1
    assert [text.get_text() for text in figure.axes[1].texts].count("–") == 0


def distribution(seed: int, rows: int = 9, labels: int = 14) -> RecoveredDistribution:
    random = np.random.default_rng(seed)
    logical = np.zeros((rows, labels), dtype=np.int8)
    for row in range(rows):
        logical[row, : row % 5] = 1
    degrees = random.random((rows, labels)).astype(np.float32)
    return RecoveredDistribution(degrees, logical, [f"a label of some length {j}" for j in range(labels)])


def test_recovered_distributions_of_example_rows() -> None:
    found = {row: distribution(seed) for seed, row in enumerate(("LEVI", "VALEN", "FLEM-S", "FLEM-T", "FLEM-D"))}
    assert score_figures.example_instances(found["LEVI"].logical) == [1, 2, 4]
    assert score_figures.example_instances(np.zeros((3, 2))) == [0]
    figure = score_figures.recovered_distributions(found, "made")
    assert_readable(figure)
    panel = figure.axes[0]  # LEVI, row 1: its own label first, then the largest degrees of any method
    assert panel.patches[0].get_width() == pytest.approx(found["LEVI"].degrees[1, 0])
    assert panel.patches[0].get_facecolor()[:3] == (0, 0, 0)
    assert len(panel.patches) == score_figures.MOST_LABELS


def test_reliability_is_the_observed_share_where_it_is_predicted() -> None:
    p = np.array([[0.05, 0.05], [0.95, 0.05], [0.95, 0.95]])
    y = np.array([[0, 1], [1, 0], [1, 0]], dtype=np.int8)
    predicted, observed, weight = score_figures.reliability_curve(p, y)
    assert predicted == pytest.approx([0.05, 0.95])
    assert observed == pytest.approx([1 / 3, 2 / 3])
    assert weight == pytest.approx([0.5, 0.5])
    names = ["a", "b"]
    logits = KeptScores(np.log(p / (1 - p)).astype(np.float32), y, 0.0, names)
    assert score_figures.as_probabilities(logits) == pytest.approx(p)
    assert score_figures.as_probabilities(replace(logits, scores=p, threshold=0.5)) is not None
    assert score_figures.as_probabilities(replace(logits, threshold=0.5)) is None  # logits are no probabilities
    assert score_figures.as_probabilities(replace(logits, threshold=0.3)) is None
    assert_readable(score_figures.reliability(dict.fromkeys(ROWS, logits), "made"))
    with pytest.raises(UsageError, match="no method here has scores"):
        score_figures.reliability({"x": replace(logits, threshold=0.3)}, "made")


def test_figures_are_vector_files_with_the_same_bytes_each_time() -> None:
    for form, start in (("svg", b"<?xml"), ("pdf", b"%PDF")):
        first, second = (encoded(rank_figures.rank_heat_map(TABLES, ROWS), form) for _ in range(2))
        assert first == second
        assert first.startswith(start)
    svg = encoded(rank_figures.quality_against_cost(TABLES[0], SECONDS, ROWS), "svg").decode()
    assert "<image" not in svg  # no pixels


def test_heat_maps_are_grey_and_so_is_everything_else() -> None:
    for figure in (
        rank_figures.critical_difference_diagram(TABLES[0], ROWS),
        rank_figures.quality_against_cost(TABLES[0], SECONDS, ROWS),
        training_figures.learning_curves([record("FLEM-D", GRID)]),
    ):
        colours = set(re.findall(r"#([0-9a-f]{6})", encoded(figure, "svg").decode()))
        assert all(colour[:2] == colour[2:4] == colour[4:] for colour in colours), colours


def test_every_figure_is_made_or_says_why_not() -> None:
    material = Material([], TABLES, ROWS, comparison_frame(TABLES, {}), Manifest())
    for picture in pictures(material, list(MAKERS)):
        if picture.figure == "cost":  # the paper names no seconds
            with pytest.raises(UsageError, match="no data set has a value and a cost"):
                picture.draw()
        else:
            assert isinstance(picture.draw(), Figure)


def test_one_data_set_has_no_critical_difference_but_ranks() -> None:
    entries = [
        JobState(JobName("made", "npz", row, 0), "done", "", record(row, [{}]), Path("x")) for row in ("FL", "CB", "BS")
    ]
    table = comparison(entries, METRICS[0], config.load(), Manifest(), [])
    material = Material(entries, [table], table.ranked, comparison_frame([table], {}), Manifest())
    drawn, refused = [], {}
    for picture in pictures(material, list(MAKERS)):
        try:
            encoded(picture.draw(), "svg")
            drawn.append(picture.name)
        except UsageError as error:
            refused[picture.name] = str(error)
    assert drawn == ["answer", "ranks", "cost-hamming", "curves-made@npz"]
    assert "needs 3 methods and 2 data sets" in refused["critical-difference-hamming"]
    assert "no data set of the paper" in refused["difference"]
    assert "needs a grid of two hyper-parameters" in refused["grid-hamming-made@npz"]
    assert "no method here has scores" in refused["reliability-made@npz"]
