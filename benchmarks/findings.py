"""What the reference records say beyond the tables: each a paragraph or table of docs/results.md, computed here.

Records are given as {(data set, row, seed): Record}; values are of the test split and as exact as they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any

from bench import paper
from bench.metric_catalogue import PAPER_METRICS, Metric
from bench.printed_claims import BASELINES, VARIANTS
from bench.prose import Grid, as_text
from bench.records import Record

Records = Mapping[tuple[str, str, int], Record]


def by_job(records: Iterable[Record]) -> dict[tuple[str, str, int], Record]:
    return {
        (record.job.dataset, record.job.row, record.job.seed): record
        for record in records
        if record.status == "done" and record.result is not None
    }


def on_test(record: Record, metric: Metric) -> float | None:
    assert record.result is not None
    value = record.result["test"][metric.key]
    return None if value is None else float(value)


def datasets_of(records: Records) -> list[str]:
    return list(dict.fromkeys(dataset for dataset, _, _ in records))


def pairs(records: Records, row: str, other: str, metric: Metric) -> Iterator[tuple[Record, Record, float]]:
    """(record of row, record of other, their difference) for each data set and seed where both have a value."""
    for (dataset, name, seed), record in records.items():
        beside = records.get((dataset, other, seed))
        if name != row or beside is None:
            continue
        ours, theirs = on_test(record, metric), on_test(beside, metric)
        if ours is not None and theirs is not None:
            yield record, beside, ours - theirs


def pair(records: Records, row: str, other: str) -> str:
    """How far two rows are apart in every metric, beside what seeds alone do to the first."""
    lines = []
    for metric in PAPER_METRICS:
        found = [(record.job.dataset, value) for record, _, value in pairs(records, row, other, metric)]
        every = [value for _, value in found]
        if not every:
            return f"There are no records of both {row} and {other}.\n"
        datasets = dict.fromkeys(dataset for dataset, _ in found)
        spread = [deviation for dataset in datasets if (deviation := seed_deviation(records, dataset, other, metric))]
        better = sum((value < 0) == metric.lower_is_better for value in every if value)
        lines.append([
            metric.title, len(every), sum(value == 0 for value in every), better, f"{mean(every):+.5f}",
            f"{median(map(abs, every)):.5f}", f"{max(map(abs, every)):.5f}",
            f"{median(spread):.5f}" if spread else "–",
        ])  # fmt: skip
    headers = [
        "metric", "jobs", "equal", f"{row} better", "mean difference", "median of its size", "largest",
        f"deviation of {other} over seeds",
    ]  # fmt: skip
    return _table(headers, lines) + "\n" + same_epoch(records, row, other)


def same_epoch(records: Records, row: str, other: str) -> str:
    """How much of the distance is the choice of the epoch: a last digit of validation Hamming loss can move it far."""
    metric = PAPER_METRICS[3]
    sizes: dict[bool, list[float]] = {True: [], False: []}
    for record, beside, value in pairs(records, row, other, metric):
        assert record.result is not None
        assert beside.result is not None
        same = record.result["selected"]["epoch"] == beside.result["selected"]["epoch"]
        sizes[same].append(abs(value))
    said = f"Both chose the same epoch in {len(sizes[True])} of {len(sizes[True]) + len(sizes[False])} jobs"
    if sizes[True]:
        said += f"; there {metric.title} differs by {max(sizes[True]):.5f} at most"
    if sizes[False]:
        said += f"; in the others by {max(sizes[False]):.5f} at most"
    return said + ".\n"


def seed_deviation(records: Records, dataset: str, row: str, metric: Metric) -> float | None:
    values = [on_test(record, metric) for (d, r, _), record in records.items() if (d, r) == (dataset, row)]
    known = [value for value in values if value is not None]
    return stdev(known) if len(known) > 1 else None


def margins(records: Records) -> str:
    """What seeds do to a number, beside the margins that the paper's first places rest on."""
    lines = []
    for metric in PAPER_METRICS:
        assert metric.paper_table is not None
        printed: dict[str, dict[str, float]] = {}
        for cell in paper.comparison_table(metric.paper_table):
            if cell.value:
                printed.setdefault(cell.dataset, {})[cell.method] = float(cell.value)
        sign = -1 if metric.lower_is_better else 1
        gain = [
            max(sign * values[row] for row in VARIANTS) - max(sign * values[row] for row in BASELINES)
            for values in printed.values()
        ]
        rows = sorted({(d, r) for d, r, _ in records if r != "ML-KNN"})  # which has no random part
        deviations = [(r, s) for d, r in rows if (s := seed_deviation(records, d, r, metric)) is not None]
        spread = [deviation for _, deviation in deviations]
        searched = [deviation for row, deviation in deviations if row in VARIANTS]
        lines.append([
            metric.title, f"{median(gain):.4f}", f"{min(gain):.4f} to {max(gain):.4f}",
            f"{median(spread):.4f}" if spread else "–", f"{median(searched):.4f}" if searched else "–",
            f"{sum(value < 2 * median(searched) for value in gain)} of {len(gain)}" if searched else "–",
        ])  # fmt: skip
    headers = [
        "metric", "median margin claimed", "lowest to highest", "median deviation over seeds, all rows",
        "of FLEM's variants", "margins below two of these deviations",
    ]  # fmt: skip
    return _table(headers, lines)


def selection(records: Records, rows: Sequence[str] = VARIANTS) -> str:
    """What choosing the grid point by validation Hamming loss costs against choosing by each metric itself.

    Epochs were chosen by validation Hamming loss in both cases. The best point in hindsight, by test data, is no rule
    but the bound of what any rule over this grid can reach.
    """
    lines = []
    for metric in PAPER_METRICS:
        sign = 1 if metric.lower_is_better else -1
        own, bound = [], []
        for (_, row, _), record in records.items():
            assert record.result is not None
            points = [point for point in record.result["grid"] if point["val"] and point["test"]]
            if row not in rows or len(points) < 2 or any(point["test"][metric.key] is None for point in points):
                continue
            chosen = record.result["test"][metric.key]

            def on_validation(point: dict[str, Any], metric: Metric = metric, sign: int = sign) -> float:
                value = point["val"][metric.key]
                return float("inf") if value is None else sign * value

            best = min(points, key=on_validation)["test"][metric.key]
            own.append(sign * (chosen - best))
            bound.append(sign * chosen - min(sign * point["test"][metric.key] for point in points))
        if own:
            lines.append([
                metric.title, len(own), f"{mean(own):+.5f}", sum(value > 0 for value in own),
                sum(value < 0 for value in own), f"{mean(bound):.5f}",
            ])  # fmt: skip
    headers = [
        "metric", "jobs", "loss by choosing on Hamming", "jobs where its own metric is better", "where it is worse",
        "loss against the best in hindsight",
    ]  # fmt: skip
    return _table(headers, lines)


def nothing_predicted(records: Records, measured: Mapping[str, Mapping[str, float]]) -> str:
    """ML-KNN's Hamming loss beside that of predicting no label at all, which is the label density."""
    metric = PAPER_METRICS[0]
    lines = []
    for dataset in datasets_of(records):
        record, density = records.get((dataset, "ML-KNN", 0)), measured.get(dataset, {}).get("density")
        if record is None or density is None:
            continue
        value = on_test(record, metric)
        assert value is not None
        lines.append([dataset, f"{density:.4f}", f"{value:.4f}", f"{100 * (1 - value / density):.0f} %"])
    headers = ["data set", "no label predicted", "ML-KNN", "lower by"]
    return _table(headers, lines)


def saturation(records: Records, measured: Mapping[str, Mapping[str, float]]) -> str:
    """How many of RAKEL's scores are 0 or 1, and what that does to the ranking metrics."""
    ranking = PAPER_METRICS[1]
    lines = []
    for dataset in datasets_of(records):
        record, facts = records.get((dataset, "RAKEL", 0)), measured.get(dataset, {})
        beside = records.get((dataset, "BCE", 0))
        if record is None or beside is None or "saturated" not in facts:
            continue
        ours, theirs = on_test(record, ranking), on_test(beside, ranking)
        assert ours is not None
        assert theirs is not None
        lines.append([
            dataset, f"{100 * facts['saturated']:.0f} %", f"{100 * facts['tied at the top']:.0f} %", f"{ours:.4f}",
            f"{theirs:.4f}",
        ])  # fmt: skip
    headers = ["data set", "scores within 1e-6 of 0 or 1", "rows whose highest score ties", "ranking loss", "of BCE"]
    return _table(headers, lines)


def costs_and_ranks(records: Records, averages: Mapping[str, Mapping[str, str]]) -> str:
    """What a practitioner weighs: {metric: {row: mean rank}} beside what a job costs, as multiples of BCE's."""
    ratios: dict[str, list[float]] = {}
    for (dataset, row, seed), record in records.items():
        beside = records.get((dataset, "BCE", seed))
        if beside is not None:
            ratios.setdefault(row, []).append(record.cost["fit_seconds"] / beside.cost["fit_seconds"])
    rows = list(next(iter(averages.values()), {}))
    lines = [
        [row, *(found.get(row, "–") for found in averages.values()), f"{median(ratios[row]):.1f}"]
        for row in rows
        if row in ratios
    ]
    headers = ["method", *(f"mean rank, {metric}" for metric in averages), "fitting time, in BCE's"]
    return _table(headers, lines)


def _table(headers: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    return as_text([Grid(headers, [list(map(str, line)) for line in lines])], "pipe")
