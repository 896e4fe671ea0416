"""Figures of a metric against a transform's values."""

from __future__ import annotations

import pytest

from bench.metrics.catalogue import METRICS
from bench.report.figures.transforms import series_of, values_of_transform
from bench.tables.table import Cell, MetricTable
from tests.bench.report.test_figures import assert_readable, texts


def table_of(values: dict[tuple[str, str], float | None]) -> MetricTable:
    """A table of {(variant, column): mean}."""
    variants, columns = (list(dict.fromkeys(key[place] for key in values)) for place in (0, 1))
    cells = {
        (variant, column): Cell(
            variant=variant, dataset=column, metric="hamming", mean=mean, state="missing" if mean is None else "value"
        )
        for (variant, column), mean in values.items()
    }
    return MetricTable(title="", metric=METRICS[0], columns=columns, ranked=variants, extra=[], cells=cells)


def test_the_set_itself_is_the_value_that_changes_nothing() -> None:
    columns = ["a", "a[train=5%]", "a[train=50%]", "a[noise=10%]", "a[observed=1]", "b"]
    table = table_of({("BCE", column): place / 10 for place, column in enumerate(columns)})
    noise, train = series_of(table)
    assert (noise.kind, noise.dataset, noise.unit) == ("noise", "a", "%")
    assert noise.lines(table, ["BCE"]) == {"BCE": {0: 0.0, 10: 0.3}}
    assert train.lines(table, ["BCE"]) == {"BCE": {5: 0.1, 50: 0.2, 100: 0.0}}


def test_numbers_and_shares_are_two_series() -> None:
    columns = ["a", "a[observed=1]", "a[observed=2]", "a[observed=50%]"]
    table = table_of({("BCE", column): place / 10 for place, column in enumerate(columns)})
    found = {one.unit: one.lines(table, ["BCE"])["BCE"] for one in series_of(table)}
    assert found == {"": {1: 0.1, 2: 0.2}, "%": {50: 0.3, 100: 0.0}}


def test_folds_and_draws_are_averaged_and_other_transforms_are_other_sets() -> None:
    values = {
        "a[fold=1of2]": 0.1,
        "a[fold=2of2]": 0.3,
        "a[fold=1of2][noise=10%]": 0.2,
        "a[fold=2of2][noise=10%,r2]": 0.6,
        "a[fold=1of2][train=50%][noise=10%]": 0.7,
        "a[fold=1of2][train=50%]": 0.9,
        "a[fold=1of2][noise=10%,val]": 0.5,
    }
    table = table_of({("BCE", column): value for column, value in values.items()})
    found = {(one.kind, one.dataset): one.lines(table, ["BCE"])["BCE"] for one in series_of(table)}
    expected = {
        ("noise", "a[fold=2 folds]"): {0: 0.2, 10: 0.4},
        ("noise", "a[fold=2 folds][train=50%]"): {0: 0.9, 10: 0.7},
        ("noise", "a[fold=2 folds] (val)"): {0: 0.2, 10: 0.5},
        ("train", "a[fold=2 folds]"): {50: 0.9, 100: 0.2},
        ("train", "a[fold=2 folds][noise=10%]"): {50: 0.7, 100: 0.4},
    }
    assert {key: pytest.approx(line) for key, line in expected.items()} == found


def test_a_value_lacks_where_a_fold_does() -> None:
    columns = ["a[fold=1of2]", "a[fold=2of2]", "a[fold=1of2][noise=10%]", "a[fold=2of2][noise=10%]"]
    table = table_of({("BCE", column): None if column == columns[1] else 0.5 for column in columns})
    (noise,) = series_of(table)
    assert noise.lines(table, ["BCE"]) == {"BCE": {10: 0.5}}


@pytest.mark.parametrize("count", [2, 6])
def test_the_figure_has_a_line_a_variant_and_a_panel_a_set(count: int) -> None:
    shares = {"[train=5%]": 5, "[train=10%]": 10, "[train=50%]": 50, "": 100}
    variants = ["BCE", "FL", "FLEM-D", "ML-KNN", "RAKEL", "a long name of a variant"][:count]
    table = table_of(
        {
            (variant, f"{name}{suffix}"): 0.3 - share / 1000 + place / 100
            for place, variant in enumerate(variants)
            for name in ("emotions", "yeast", "scene")
            for suffix, share in shares.items()
        }
    )
    figure = values_of_transform(table, series_of(table), variants)
    assert_readable(figure)
    assert [panel.get_title() for panel in figure.axes] == ["emotions", "yeast", "scene"]
    for panel in figure.axes:
        assert panel.get_xscale() == "log"
        assert len(panel.lines) == count
        assert list(panel.lines[0].get_xdata()) == [5, 10, 50, 100]
        assert list(panel.lines[0].get_ydata()) == pytest.approx([0.295, 0.29, 0.25, 0.2])
    written = [text for text, _ in texts(figure)]
    assert all(written.count(variant) == 3 for variant in variants)
    assert "5%" in written
