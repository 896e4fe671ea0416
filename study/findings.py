"""Findings of the reference records beyond the tables: each a paragraph or table of docs/results.md, computed here.

Records are given as {(data set, row, seed): Record}; values are of the test split and as exact as they are stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from statistics import mean, median, stdev

from bench.analysis.hypothesis_tests import ALPHA, nemenyi
from bench.analysis.paper_claims import BASELINES, VARIANTS
from bench.analysis.within_datasets import Resampled, shown
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.record import Metrics, Record
from bench.tables import paper
from bench.text import Grid, as_text

Records = Mapping[tuple[str, str, int], Record]
LIKE_THE_PAPER = ["VOC07tv", "Reuters", "COCO18"]
"""Whose sizes and features are most like those of the paper's sets."""
CHEAP = 2.0
"""Multiples of BCE's fitting time under which a method counts as cheap."""


def by_job(records: Iterable[Record]) -> dict[tuple[str, str, int], Record]:
    return {
        (record.job.dataset, record.job.variant, record.job.seed): record
        for record in records
        if record.status == "done" and record.result is not None
    }


def on_test(record: Record, metric: Metric) -> float | None:
    assert record.result is not None
    value = record.result.test[metric.key]
    return None if value is None else float(value)


def datasets_of(records: Records) -> list[str]:
    return list(dict.fromkeys(dataset for dataset, _, _ in records))


def of_sets(records: Records, datasets: Sequence[str]) -> Records:
    return {key: record for key, record in records.items() if key[0] in datasets}


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
    """Distances between two variants in every metric, beside what seeds alone do to the first."""
    lines = []
    for metric in PAPER_METRICS:
        found = [(record.job.dataset, value) for record, _, value in pairs(records, row, other, metric)]
        every = [value for _, value in found]
        if not every:
            return f"There are no records of both {row} and {other}.\n"
        datasets = dict.fromkeys(dataset for dataset, _ in found)
        spread = [std for dataset in datasets if (std := seed_deviation(records, dataset, other, metric))]
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
    """Share of the choice of the epoch in the distance: a last digit of validation Hamming loss can move it far."""
    same, others = by_epoch(records, row, other)
    said = f"Both chose the same epoch in {len(same)} of {len(same) + len(others)} jobs"
    if same:
        said += f"; there {PAPER_METRICS[3].title} differs by {max(same):.5f} at most"
    if others:
        said += f"; in the others by {max(others):.5f} at most"
    return said + ".\n"


def by_epoch(records: Records, row: str, other: str) -> tuple[list[float], list[float]]:
    """Sizes of the difference in macro average precision where both chose the same epoch, and where not."""
    same: list[float] = []
    others: list[float] = []
    for record, beside, value in pairs(records, row, other, PAPER_METRICS[3]):
        assert record.result is not None
        assert beside.result is not None
        equal = record.result.selected.epoch == beside.result.selected.epoch
        (same if equal else others).append(abs(value))
    return same, others


def seed_deviation(records: Records, dataset: str, row: str, metric: Metric) -> float | None:
    values = [on_test(record, metric) for (d, r, _), record in records.items() if (d, r) == (dataset, row)]
    known = [value for value in values if value is not None]
    return stdev(known) if len(known) > 1 else None


def seed_deviations(records: Records) -> str:
    """The median over rows of what seeds do, on each data set that has more than one."""
    lines = []
    for dataset in datasets_of(records):
        here = of_sets(records, [dataset])
        count = len({seed for _, _, seed in here})
        every = [[std for _, std in stds(here, metric)] for metric in PAPER_METRICS]
        if all(every):
            lines.append([dataset, count, *(f"{median(one):.4f} ({max(one):.4f})" for one in every)])
    return _table(["data set", "seeds", *(f"{metric.title}, median row (largest)" for metric in PAPER_METRICS)], lines)


def margins(records: Records) -> str:
    """Effect of seeds on a number, beside the margins that the paper's first places rest on."""
    lines = []
    for metric in PAPER_METRICS:
        claimed = printed_margins(metric)
        every = stds(of_sets(records, LIKE_THE_PAPER), metric)
        spread = [std for _, std in every]
        searched = searched_deviation(records, metric)
        below, count = margins_below(records, metric)
        lines.append([
            metric.title, f"{median(claimed):.4f}", f"{min(claimed):.4f} to {max(claimed):.4f}",
            f"{median(spread):.4f}" if spread else "–", "–" if searched is None else f"{searched:.4f}",
            "–" if below is None else f"{below} of {count}",
        ])  # fmt: skip
    headers = [
        "metric", "median margin claimed", "lowest to highest", "median deviation over seeds, all rows",
        "of FLEM's variants", "margins below two of FLEM's",
    ]  # fmt: skip
    return _table(headers, lines)


def printed_margins(metric: Metric) -> list[float]:
    """Of each of the paper's data sets: how far its best FLEM variant is ahead of its best baseline."""
    assert metric.paper_table is not None
    values: dict[str, dict[str, float]] = {}
    for cell in paper.comparison_table(metric.paper_table):
        if cell.value:
            values.setdefault(cell.dataset, {})[cell.method] = float(cell.value)
    sign = -1 if metric.lower_is_better else 1
    return [
        max(sign * of_set[row] for row in VARIANTS) - max(sign * of_set[row] for row in BASELINES)
        for of_set in values.values()
    ]


def stds(records: Records, metric: Metric) -> list[tuple[str, float]]:
    """(row, deviation over seeds) of each data set and row that has more than one; not ML-KNN, which draws nothing."""
    rows = sorted({(dataset, row) for dataset, row, _ in records if row != "ML-KNN"})
    found = [(row, seed_deviation(records, dataset, row, metric)) for dataset, row in rows]
    return [(row, std) for row, std in found if std is not None]


def searched_deviation(records: Records, metric: Metric) -> float | None:
    """The median deviation over seeds of FLEM's variants on the sets most like the paper's."""
    near = stds(of_sets(records, LIKE_THE_PAPER), metric)
    found = [std for row, std in near if row in VARIANTS]
    return median(found) if found else None


def margins_below(records: Records, metric: Metric) -> tuple[int | None, int]:
    """Printed margins below two standard deviations of FLEM's variants on the sets most like the paper's, counted,
    and how many there are."""
    claimed = printed_margins(metric)
    searched = searched_deviation(records, metric)
    if searched is None:
        return None, len(claimed)
    return sum(margin < 2 * searched for margin in claimed), len(claimed)


def _losses(values: Metrics) -> dict[str, float]:
    """The paper's metrics, turned so that lower is better; infinite where one is not defined."""
    signs = {metric.key: 1 if metric.lower_is_better else -1 for metric in PAPER_METRICS}
    return {key: inf if (value := values[key]) is None else sign * value for key, sign in signs.items()}


def selection(records: Records, rows: Sequence[str] = VARIANTS) -> str:
    """Cost of choosing the grid point by validation Hamming loss against choosing by each metric itself.

    Epochs were chosen by validation Hamming loss in both cases. The best point in hindsight, by test data, is no rule
    but the bound of what any rule over this grid can reach.
    """
    lines = []
    for metric in PAPER_METRICS:
        key, own, bound = metric.key, [], []
        for (_, row, _), record in records.items():
            assert record.result is not None
            grid = [
                (_losses(point.val), _losses(point.test)) for point in record.result.grid if point.val and point.test
            ]
            if row not in rows or len(grid) < 2 or any(test[key] == inf for _, test in grid):
                continue
            chosen = _losses(record.result.test)[key]
            first = [(val[key], val["ranking"]) for val, _ in grid]  # ties as in fitting
            own.append(chosen - grid[first.index(min(first))][1][key])
            bound.append(chosen - min(test[key] for _, test in grid))
        if own:
            lines.append([
                metric.title, len(own), f"{mean(own):+.5f}", sum(value > 0 for value in own),
                sum(value < 0 for value in own), f"{mean(bound):.5f}",
            ])  # fmt: skip
    headers = [
        "metric", "jobs", "worse by choosing on Hamming", "its own better in", "its own worse in",
        "worse than the best in hindsight",
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
    """RAKEL's scores of 0 or 1, counted, and their effect on the ranking metrics."""
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


def within(found: Sequence[Resampled], control: str) -> str:
    """On how many data sets the control is shown to be better / worse / neither than each method."""
    counts = shown_on_sets(found)
    lines = [
        [method, *(_better_worse(by_metric.get(metric.key, Counter())) for metric in PAPER_METRICS)]
        for method, by_metric in counts.items()
    ]
    return _table([f"{control} against", *(metric.title for metric in PAPER_METRICS)], lines)


def shown_on_sets(found: Sequence[Resampled]) -> dict[str, dict[str, Counter[str | None]]]:
    """{method: {metric key: on how many sets the control is shown to be "better", "worse", or neither (None)}}."""
    counts: dict[str, dict[str, Counter[str | None]]] = {}
    for one in found:
        for metric in PAPER_METRICS:
            for interval in one.intervals.get(metric.key, []):
                of_method = counts.setdefault(interval.method, {})
                of_method.setdefault(metric.key, Counter())[shown(interval, metric)] += 1
    return counts


def _better_worse(said: Counter[str | None]) -> str:
    return f"{said['better']} / {said['worse']} / {said[None]}"


def gain(metric: Metric, difference: float) -> float:
    """Gain of the control, of a method's value minus the control's."""
    return difference if metric.lower_is_better else -difference


def fitting_times(records: Records) -> dict[str, float]:
    """{row: what a job's fitting takes, its whole grid included, in multiples of BCE's on the same set and seed}."""
    ratios: dict[str, list[float]] = {}
    for (dataset, row, seed), record in records.items():
        beside = records.get((dataset, "BCE", seed))
        if beside and record.cost.fit_seconds and beside.cost.fit_seconds:
            ratios.setdefault(row, []).append(record.cost.fit_seconds / beside.cost.fit_seconds)
    return {row: median(values) for row, values in ratios.items()}


def costs_and_ranks(times: Mapping[str, float], ranks: Mapping[str, Mapping[str, float]]) -> str:
    """Quality against cost: {metric: {variant: mean rank}} beside what a job costs."""
    rows = [row for row in next(iter(ranks.values()), {}) if row in times]
    lines = [[row, *(f"{found[row]:.1f}" for found in ranks.values()), f"{times[row]:.2g}"] for row in rows]
    headers = ["method", *(f"mean rank, {metric}" for metric in ranks), "fitting time, in BCE's"]
    return _table(headers, lines)


def cheap_and_dear(times: Mapping[str, float], ranks: Mapping[str, Mapping[str, float]], blocks: int) -> str:
    """The best of the methods that cost little beside the best of the others, and whether ranks tell them apart."""
    lines = []
    for metric, found in ranks.items():
        groups = [[row for row in found if (times[row] < CHEAP) == cheap] for cheap in (True, False)]
        if not all(groups):
            continue
        cheap, dear = (min(group, key=lambda row: found[row]) for group in groups)
        rows = list(found)
        p = nemenyi(list(found.values()), blocks)[rows.index(cheap), rows.index(dear)]
        said = "yes" if p < ALPHA else "no"
        lines.append([
            metric, f"{cheap} {found[cheap]:.1f}", f"{dear} {found[dear]:.1f}", f"{times[dear]:.0f}",
            f"{said} (p {p:.2f})",
        ])  # fmt: skip
    headers = [
        "metric", f"best under {CHEAP:.0f} times BCE's time", "best of the others", "its time, in BCE's", "told apart",
    ]  # fmt: skip
    return _table(headers, lines)


def _table(headers: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    return as_text([Grid(headers, [list(map(str, line)) for line in lines])], "pipe")
