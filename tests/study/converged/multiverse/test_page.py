"""The page's tables, sentences and figure say what the measures are."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from msgspec.structs import replace

from bench.records.record import Record
from study.converged import parts
from study.converged.multiverse import page
from study.converged.multiverse.picture import figure, picture
from tests.study.converged.multiverse.made import OPTIMISER_GRID, record

DATASETS = ["scene", "yeast", "COCO18"]
METHODS = [*parts.CORE, "FL", "CB"]


def of_paper(seed: int, draw: int = 0) -> list[Record]:
    point = {"points": [{}], "draw": 7 + draw}
    return [record(dataset, method, seed, **point) for dataset in DATASETS for method in METHODS]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def study() -> page.Study:
    converged = [record(dataset, method) for dataset in DATASETS for method in METHODS]
    reference = [*of_paper(0), *of_paper(1)]
    core_alone = [record("bibtex", method) for method in parts.CORE]
    decayed = [record(dataset, method, draw=2) for dataset in DATASETS for method in METHODS]
    elsewhere = {"another processor": of_paper(0, draw=1)}
    return page.study([*converged, *core_alone, record("scene", "CC")], decayed, reference, elsewhere)


def cells(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|:")]


def percent(text: str) -> float:
    return float(text.removesuffix(" %")) / 100


def spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def test_a_line_of_the_table_is_a_choice(study: page.Study) -> None:
    every = [(group, one) for group, found in study.movements.items() for one in found]
    assert list(study.movements) == [page.CHOSEN, page.AGAIN, page.LONGER, page.DECAYED]
    assert {one.choice for one in study.movements[page.AGAIN]} == {"another seed", "another processor"}
    assert {one.choice for one in study.movements[page.LONGER]} == {"3000 steps", "converged and tuned"}
    _, *lines = cells(page.movement_table(study))
    for (group, one), line in zip(every, lines, strict=True):
        assert line[0] == f"{group}: {one.choice}"
        assert percent(line[1]) == pytest.approx(one.swaps, abs=0.0051)
        assert float(line[2]) == pytest.approx(one.ranks, abs=0.0051)
        assert percent(line[3]) == pytest.approx(one.winners, abs=0.0051)
        assert line[4:] == [str(one.methods), str(one.sets), spaced(one.pairs)]
    for found in study.movements.values():
        assert [one.swaps for one in found] == sorted((one.swaps for one in found), reverse=True)


def test_more_steps_alone_compare_the_protocols_point() -> None:
    """Nothing moves where that point of the converged run is the paper's."""
    paper = of_paper(0)
    converged = []
    for one in paper:
        own = record(one.job.dataset, one.job.variant)
        assert one.result is not None
        assert own.result is not None
        grid = [replace(one.result.grid[0], hyperparameters=OPTIMISER_GRID[0]), *own.result.grid[1:]]
        converged.append(replace(own, result=replace(own.result, grid=grid)))
    steps, tuned = page.longer(paper, converged, converged)
    assert (steps.choice, steps.swaps, steps.winners) == ("3000 steps", 0, 0)
    assert (tuned.choice, tuned.swaps > 0) == ("converged and tuned", True)


def test_a_line_of_the_other_table_is_a_method(study: page.Study) -> None:
    _, *lines = cells(page.standing_table(study))
    for one, line in zip(study.standings, lines, strict=True):
        assert line[0] == one.method
        assert percent(line[1]) == pytest.approx(one.first, abs=0.0051)
        if one.first_without_copies is None:
            assert line[2] == "–"
        else:
            assert percent(line[2]) == pytest.approx(one.first_without_copies, abs=0.0051)
        assert [percent(cell) for cell in line[3:-2]] == pytest.approx([*one.by_metric.values()], abs=0.0051)
        assert line[-2:] == [f"{one.median:.1f}", f"{one.lowest:.1f} to {one.highest:.1f}"]


def test_the_sentences_name_first_and_last(study: page.Study) -> None:
    said = page.sentences(study)
    first, second, *_ = study.standings
    assert said.startswith(f"- **{spaced(len(study.searching.codes))} ways of evaluating the same records** in which ")
    assert len(study.searching.codes) < len(study.every.codes)
    assert set(study.searching.option("learning rate")) == set(study.searching.option("regularisation")) == {"searched"}
    for one, before in ((first, " alike: "), (second, ", ")):
        assert f"{before}{one.method} is first in {100 * one.first:.0f} % (median mean rank {one.median:.1f})" in said
    seldom = sum(one.first < page.SELDOM for one in study.standings)
    assert (f", {seldom} of the {len(METHODS)} methods each in less than 1 %" in said) == (seldom > 0)
    once = max(study.standings, key=lambda one: one.first_without_copies or 0)
    assert f"without the near-copies CB, {once.method} in {100 * (once.first_without_copies or 0):.0f} %" in said
    by_metric = re.findall(r"([^(;]+) \(((?:[A-Z][^%]+ \d+ %,? ?)+)\)", said.split("by metric**: ")[1].split("\n")[0])
    found = {title: method.strip() for method, shares in by_metric for title in first.by_metric if title in shares}
    assert found == {
        title: max(study.standings, key=lambda one: one.by_metric[title]).method for title in first.by_metric
    }
    choices = [one for one in study.movements[page.CHOSEN] if one.choice != "seed or fold"]
    for name in ("swaps", "winners"):
        shares = [(getattr(one, name), one.choice) for one in choices]
        (most, first), (least, last) = max(shares), min(shares)
        assert f"from {100 * most:.0f} % ({first}) down to {100 * least:.0f} % ({last}) of the " in said
    for one in [one for group in (page.AGAIN, page.LONGER, page.DECAYED) for one in study.movements[group]]:
        assert one.methods >= page.FEWEST
        assert re.search(rf"{one.choice} {100 * one.swaps:.0f} % and {100 * one.winners:.0f} %", said)


def test_what_is_varied_says_what_takes_part(study: page.Study) -> None:
    said = page.varied(study)
    assert f"{spaced(len(study.every.codes))} universes of {len(METHODS)} methods on {len(DATASETS)} sets" in said
    assert all(name in said for name in study.every.sets)
    assert "Left out: CC (no record of COCO18@npz)" in said
    lines = {line[0]: line[1] for line in cells(said)[1:]}
    assert lines == {one.choice: "; ".join(one.levels) for one in study.movements[page.CHOSEN]}


def test_the_figure_has_a_bar_a_choice_and_a_bar_a_method(study: page.Study) -> None:
    above, shares, spans = figure(study.movements, study.standings).axes
    every = [one for found in study.movements.values() for one in found]
    assert [tick.get_text() for tick in above.get_yticklabels()] == [one.choice for one in every]
    assert widths(above) == [100 * one.swaps for one in every]
    assert np.asarray(above.lines[0].get_xdata()).tolist() == [100 * one.winners for one in every]
    assert [tick.get_text() for tick in shares.get_yticklabels()] == [one.method for one in study.standings]
    assert widths(shares) == [100 * one.first for one in study.standings]
    (lines,) = spans.collections
    assert isinstance(lines, LineCollection)
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [
        [one.lowest, one.highest] for one in study.standings
    ]


def widths(panel: Axes) -> list[float]:
    return [bar.get_width() for bar in panel.patches if isinstance(bar, Rectangle)]


def test_the_figure_is_the_same_each_time(study: page.Study) -> None:
    assert picture(study) == picture(study)
    assert picture(study).startswith(b"<?xml")
