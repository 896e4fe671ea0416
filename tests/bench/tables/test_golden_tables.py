"""Tables 2-6 as the paper prints them, rendered: golden files, which are checked against paper_tables.csv."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import config
from bench.metrics.catalogue import PAPER_METRICS
from bench.tables import paper
from bench.tables.comparison import paper_ablation, paper_table
from bench.tables.render import render
from bench.tables.table import MetricTable, Table

GOLDEN = Path(__file__).parent.parent.parent / "golden"


def table_of(number: int) -> Table:
    if number == 6:
        return paper_ablation()
    (metric,) = (metric for metric in PAPER_METRICS if metric.paper_table == number)
    return paper_table(metric, config.load())


@pytest.mark.parametrize("number", [2, 3, 4, 5, 6])
@pytest.mark.parametrize(("form", "ending"), [("markdown", "md"), ("latex", "tex")])
def test_the_papers_tables_come_out_as_the_golden_files(number: int, form: str, ending: str) -> None:
    assert render(table_of(number), form) == (GOLDEN / f"table-{number}.{ending}").read_text(encoding="utf-8")


def golden_cells(number: int, ending: str) -> dict[tuple[str, int], str]:
    """{(row, column): cell without markup} of a golden file's body."""
    text = (GOLDEN / f"table-{number}.{ending}").read_text(encoding="utf-8")
    if ending == "md":
        lines = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    else:
        body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
        lines = [line.removesuffix(r"\\").split("&") for line in body.strip().splitlines()]
    found = {}
    for row, *cells in lines:
        for column, cell in enumerate(cells):
            found[row.strip(), column] = re.sub(r"\\textbf|\\underline|[{}*\s]", "", cell)
    return found


@pytest.mark.parametrize("number", [2, 3, 4, 5])
@pytest.mark.parametrize("ending", ["md", "tex"])
def test_the_golden_files_hold_every_printed_value_rank_and_average(number: int, ending: str) -> None:
    found = golden_cells(number, ending)
    order = ["AAPD", "Reuters", "VOC07", "VOC12", "COCO14", "COCO17", "CUB", "NUS", paper.AVERAGE]
    cells = paper.comparison_table(number)
    assert len(cells) == len(found) == 12 * 9
    for cell in cells:
        expected = cell.rank if cell.dataset == paper.AVERAGE else f"{cell.value}({cell.rank})"
        assert found[cell.method, order.index(cell.dataset)] == expected


@pytest.mark.parametrize("ending", ["md", "tex"])
def test_the_golden_ablation_holds_every_printed_value(ending: str) -> None:
    found = golden_cells(6, ending)
    keys = [metric.paper_key for metric in PAPER_METRICS]
    cells = paper.comparison_table(6)
    assert len(cells) == len(found) == 3 * 4
    for cell in cells:
        assert found[cell.method, keys.index(cell.metric)] == cell.value


@pytest.mark.parametrize("number", [2, 3, 4, 5, 6])
def test_bold_is_the_best_and_underlined_the_second(number: int) -> None:
    table = table_of(number)
    text = (GOLDEN / f"table-{number}.tex").read_text(encoding="utf-8")
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    lines = [line.removesuffix(r"\\").split("&") for line in body.strip().splitlines()]
    for column in range(1, len(table.columns) + 1):
        numbers = [float(re.search(r"\d\.\d{4}", line[column])[0]) for line in lines]  # type: ignore[index]
        header = table.columns[column - 1]
        lower = table.metric.lower_is_better if isinstance(table, MetricTable) else header.endswith("↓")
        best = min(numbers) if lower else max(numbers)
        better = [sum((other < one) if lower else (other > one) for other in numbers) for one in numbers]
        for line, number_here, ahead in zip(lines, numbers, better, strict=True):
            assert (r"\textbf" in line[column]) == (number_here == best)
            assert (r"\underline" in line[column]) == (ahead == 1)
