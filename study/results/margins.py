"""The paper's margins beside what a seed does: parts of docs/results/. Records are given as in ``study.results.findings``."""

from __future__ import annotations

from math import sqrt
from statistics import median

from bench.analysis.paper_claims import BASELINES, VARIANTS
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.tables import paper
from study.results.findings import LIKE_THE_PAPER, Records, of_sets, stds, table

OF_ONE_SIZE = 3
"""Test rows of two sets may differ by this factor where a deviation of one judges a margin on the other."""


def margins(records: Records) -> str:
    """Std over seeds beside the margins that the paper's first places rest on, as a table."""
    lines = []
    for metric in PAPER_METRICS:
        claimed = printed_margins(metric).values()
        near = of_sets(records, LIKE_THE_PAPER)
        every = [std for _, std in stds(near, metric)]
        below, judged = margins_below(records, metric)
        lines.append([
            metric.title, f"{median(claimed):.4f}", f"{min(claimed):.4f} to {max(claimed):.4f}",
            f"{median(every):.4f}" if every else "–", _shown_std(searched_std(near, metric)), f"{below} of {judged}",
        ])  # fmt: skip
    headers = [
        "metric", "median margin claimed", "lowest to highest", "median std over seeds, all variants",
        "of FLEM's variants", "margins below two deviations of a difference",
    ]  # fmt: skip
    return table(headers, lines)


def _shown_std(std: float | None) -> str:
    return "–" if std is None else f"{std:.4f}"


def printed_margins(metric: Metric) -> dict[str, float]:
    """{data set of the paper: margin of the best FLEM variant over the best baseline there, as printed}."""
    assert metric.paper_table is not None
    values: dict[str, dict[str, float]] = {}
    for cell in paper.comparison_table(metric.paper_table):
        if cell.value:
            values.setdefault(cell.dataset, {})[cell.method] = float(cell.value)
    sign = -1 if metric.lower_is_better else 1
    return {
        dataset: max(sign * of_set[name] for name in VARIANTS) - max(sign * of_set[name] for name in BASELINES)
        for dataset, of_set in values.items()
    }


def of_its_size(records: Records, dataset: str) -> list[str]:
    """Sets most like the paper's whose test rows are as many as those of a set of the paper, but for OF_ONE_SIZE."""
    theirs = int(paper.dataset_facts(dataset)["N_test"])
    ours = {
        name: record.result.n_samples["test"]
        for (name, _, _), record in records.items()
        if name in LIKE_THE_PAPER and record.result is not None
    }
    return [name for name, rows in ours.items() if max(rows, theirs) <= OF_ONE_SIZE * min(rows, theirs)]


def sizes(records: Records) -> str:
    """Sentence on the sets whose deviations judge the margins on each set of the paper."""
    by_judges: dict[str, list[str]] = {}
    for dataset in printed_margins(PAPER_METRICS[0]):
        by_judges.setdefault(", ".join(of_its_size(records, dataset)), []).append(dataset)
    text = [f"{', '.join(judged)} by {judges}" for judges, judged in by_judges.items() if judges]
    left_out = by_judges.get("", [])
    return f"Judged are {'; '.join(text) or 'none'}." + (
        f" {', '.join(left_out)} are not judged, because no set here has about as many test rows." if left_out else ""
    )


def searched_std(records: Records, metric: Metric) -> float | None:
    """Median std over seeds of FLEM's variants; None without several seeds."""
    near = [std for variant, std in stds(records, metric) if variant in VARIANTS]
    return median(near) if near else None


def margins_below(records: Records, metric: Metric) -> tuple[int, int]:
    """Number of printed margins below two standard deviations of a difference, and of the margins that are judged.

    The difference of two runs has a standard deviation of the root of 2 times one run's, which is the median of FLEM's
    variants on the sets of that size; without such a set a margin is not judged.
    """
    below = judged = 0
    for dataset, margin in printed_margins(metric).items():
        std = searched_std(of_sets(records, of_its_size(records, dataset)), metric)
        if std is not None:
            judged += 1
            below += margin < 2 * sqrt(2) * std
    return below, judged
