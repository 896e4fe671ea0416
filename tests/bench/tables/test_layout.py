"""Tables that fit: groups of columns, rows and columns exchanged, folds as one column, one document of many tables."""

from __future__ import annotations

import csv
import io
import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import config
from bench.metrics.catalogue import PAPER_METRICS, metric_named
from bench.plan.states import JobState
from bench.records.record import JobName, Manifest
from bench.tables.comparison import comparison, paper_ablation, paper_table
from bench.tables.folds import over_folds
from bench.tables.render import Look, render, render_all
from bench.tables.render.layout import groups, layout
from bench.tables.table import PAPERS_STYLE, MetricTable
from tests.records import record, result

HAMMING = metric_named("hamming")
SETTINGS = config.load(Path("/nonexistent"))


def made(values: dict[str, dict[str, list[float]]]) -> MetricTable:
    """Of {data set: {variant: a value a seed}}."""
    states = []
    for dataset, of in values.items():
        for variant, seeds in of.items():
            for seed, value in enumerate(seeds):
                job = JobName(dataset, "npz", variant, seed)
                states.append(JobState(job, "done", record=record(job, result({"hamming": value}))))
    full = list(dict.fromkeys(state.job.full_dataset for state in states))
    return comparison(states, HAMMING, SETTINGS, Manifest(datasets=full), ["FL", "CB", "BCE"])


TWELVE = made({f"set{n}": {"FL": [0.1, 0.2], "CB": [0.3, 0.3], "BCE": [0.2]} for n in range(12)})


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_groups_fit_the_width_and_hold_every_column_once(width: int) -> None:
    whole = layout(TWELVE, deviations=False)
    parts = groups(whole, width)
    assert [column for part in parts for column in part.headers[2:]] == TWELVE.columns
    for part in parts:
        assert part.fits(width)
        assert part.headers[:2] == ["Algorithm", "Avg. Rank"]
        for name, entries in part.rows:
            assert entries[0].text == TWELVE.averages.get(name, "")
            assert [entry.text for entry in entries[1:]] == [
                TWELVE.text(name, column, deviations=False) for column in part.headers[2:]
            ]


def test_a_column_wider_than_the_terminal_has_a_group_of_its_own() -> None:
    assert [part.headers[2:] for part in groups(layout(TWELVE), 10)] == [[column] for column in TWELVE.columns]


def test_a_terminal_shows_the_whole_table_in_its_width_and_says_what_it_leaves_out() -> None:
    text = render(TWELVE, "terminal", Look(width=70))
    assert max(map(len, text.splitlines())) <= 70
    assert text.count("Algorithm") == 3
    said = " ".join(text.split())
    assert "The terminal is 70 columns wide: deviations over seeds are left out and columns stand in 3 groups" in said
    assert "±" not in said.split("Mean ±")[0]
    whole = render(TWELVE, "terminal")
    assert "0.1500±0.0707(1)" in whole
    assert "The terminal" not in whole
    assert render(TWELVE, "terminal", Look(width=1000)).startswith(whole[: whole.index("Mean ±")])


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "html"])
def test_exchanged_rows_and_columns_hold_the_same_cells(form: str) -> None:
    text = render(TWELVE, form, Look(transpose=True))
    for column in TWELVE.columns:
        line = next(line for line in text.splitlines() if column in line)
        places = [line.index(TWELVE.text(variant, column).partition("±")[0]) for variant in TWELVE.variants]
        assert places == sorted(places)
    assert "Data set" in text
    assert "Metric" in render(paper_ablation(), form, Look(transpose=True))


def test_json_and_csv_of_several_tables_are_one_document() -> None:
    tables = [paper_table(metric, SETTINGS) for metric in PAPER_METRICS]
    body = json.loads(render_all(tables, "json"))
    assert [one["metric"] for one in body] == [metric.key for metric in PAPER_METRICS]
    assert [len(one["cells"]) for one in json.loads(render_all(tables[:1], "json"))] == [12 * 8]
    rows = list(csv.DictReader(io.StringIO(render_all(tables, "csv"))))
    assert len(rows) == 4 * 12 * 8
    assert {row["metric"] for row in rows} == {metric.key for metric in PAPER_METRICS}


def test_a_note_of_all_tables_stands_once_in_latex_too() -> None:
    text = render_all([TWELVE, replace(TWELVE, title="again")], "latex")
    assert text.count("Fewer than 2 seeds") == 1
    assert text.count(r"\label{tab:hamming}") == 2


# --- folds ----------------------------------------------------------------------------------------------------------

FOLDS: dict[str, dict[str, list[float]]] = {
    f"yeast[fold={fold}of3]": {"FL": [0.1 * fold, 0.1 * fold + 0.02], "CB": [0.21], "BCE": [0.5]} for fold in (1, 2, 3)
}


def test_folds_of_a_set_are_one_column_with_their_mean_and_deviation() -> None:
    table = over_folds(made({**FOLDS, "scene": {"FL": [0.1], "CB": [0.2], "BCE": [0.3]}}), PAPERS_STYLE)
    assert table.columns == ["yeast", "scene"]
    cell = table.cells["FL", "yeast"]
    means = [0.11, 0.21, 0.31]
    assert cell.mean == pytest.approx(statistics.fmean(means))
    assert cell.std == pytest.approx(statistics.stdev(means))
    assert (cell.printed, cell.seeds) == ("0.2100±0.1000", 2)
    assert table.cells["CB", "yeast"].printed == "0.2100±0.0000"
    assert (table.text("CB", "yeast"), table.averages) == ("0.2100±0.0000(1)", {"FL": "1.0", "CB": "1.5", "BCE": "3.0"})
    assert "yeast: mean and standard deviation over its 3 folds." in table.notes
    assert not any("counts as one data set" in note for note in table.notes)


def test_a_variant_that_lacks_a_fold_is_a_gap() -> None:
    values: dict[str, Any] = {name: dict(of) for name, of in FOLDS.items()}
    del values["yeast[fold=2of3]"]["CB"]
    table = over_folds(made(values), PAPERS_STYLE)
    assert (table.text("CB", "yeast"), table.text("FL", "yeast")[:6]) == ("–", "0.2100")


def test_a_set_beside_its_folds_keeps_its_column() -> None:
    table = over_folds(made({**FOLDS, "yeast": {"FL": [0.1], "CB": [0.2], "BCE": [0.3]}}), PAPERS_STYLE)
    assert set(table.columns) == {"yeast", "yeast[fold=all]"}
    assert [one.name for one in table.independent_sets] == ["yeast"]


def test_a_table_without_folds_is_what_it_was() -> None:
    assert over_folds(TWELVE, PAPERS_STYLE) is TWELVE
