"""The metrics' names, directions and places in the paper; their computation is in ``bench.metrics.classification``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Metric:
    key: str
    """In records."""
    option: str
    """On the command line."""
    title: str
    lower_is_better: bool
    paper_table: int | None = None
    paper_key: str | None = None
    """In paper_tables.csv."""

    @property
    def arrow(self) -> str:
        return "↓" if self.lower_is_better else "↑"

    @property
    def heading(self) -> str:
        """Title and arrow, as tables and figures are headed."""
        return f"{self.title} {self.arrow}"


METRICS = (
    Metric("hamming", "hamming", "Hamming loss", True, 2, "hamming_loss"),
    Metric("ranking", "ranking", "Ranking loss", True, 3, "ranking_loss"),
    Metric("coverage", "coverage", "Coverage", True, 4, "coverage"),
    Metric("average_precision", "average-precision", "Average precision (macro)", False, 5, "average_precision_macro"),
    Metric("micro_f1", "micro-f1", "Micro F1", False),
    Metric("macro_f1", "macro-f1", "Macro F1", False),
    Metric("subset_accuracy", "subset-accuracy", "Subset accuracy", False),
    Metric("one_error", "one-error", "One-error", True),
    Metric("example_average_precision", "example-average-precision", "Average precision (by example)", False),
)
RECOVERY_METRICS = (
    Metric("chebyshev", "chebyshev", "Chebyshev distance", True),
    Metric("clark", "clark", "Clark distance", True),
    Metric("canberra", "canberra", "Canberra distance", True),
    Metric("kullback_leibler", "kullback-leibler", "Kullback-Leibler divergence", True),
    Metric("cosine", "cosine", "Cosine similarity", False),
    Metric("intersection", "intersection", "Intersection similarity", False),
)
"""Of the recovery track; computed in ``bench.metrics.distribution``."""
PAPER_METRICS = tuple(metric for metric in METRICS if metric.paper_table is not None)


def as_loss(metric: Metric, value: float | None) -> float:
    """The value on validation rows with the sign that makes lower better.

    Raises
    ------
    UsageError: where the metric is not defined on them.
    """
    if value is None:
        raise UsageError(
            f"{metric.title} is not defined on the validation rows, so nothing can be selected by it; select by "
            "another metric."
        )
    return value if metric.lower_is_better else -value


def check_criteria(options: Sequence[str], where: str) -> None:
    """Refuse metrics to select by where one of them is none, or is named twice."""
    known = [metric.option for metric in METRICS]
    for option in options:
        if option not in known:
            raise UsageError(
                f"{where}: nothing can be selected by {option!r}, which is no metric; known: {', '.join(known)}."
            )
        if options.count(option) > 1:
            raise UsageError(f"{where}: {option!r} is named twice among selection and also_select; name it once.")


def metric_named(option: str) -> Metric:
    for metric in METRICS:
        if option in (metric.option, metric.key):
            return metric
    raise UsageError(f"there is no metric {option!r}; {did_you_mean(option, [metric.option for metric in METRICS])}")
