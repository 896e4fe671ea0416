"""The metrics' names, directions and places in the paper, read from their files without importing them.

A metric is one file, ``bench/metrics/each/NAME.py`` or a user's ``metrics/NAME.py``, with ``TITLE``,
``LOWER_IS_BETTER`` and ``metric(evaluation)``: docs/add-a-metric.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import UsageError, did_you_mean
from bench.registry import Component, Registry

METRIC_FILES = Registry("metric", "bench.metrics.each", "metrics")


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
    decision: bool = False
    """True of a metric of decisions, which goes by the decision rule."""

    @property
    def arrow(self) -> str:
        return "↓" if self.lower_is_better else "↑"

    @property
    def heading(self) -> str:
        """Title and arrow, as tables and figures are headed."""
        return f"{self.title} {self.arrow}"


def _declared(component: Component) -> Metric:
    settings = component.settings
    for name, kind in (("TITLE", str), ("LOWER_IS_BETTER", bool)):
        if not isinstance(settings.get(name), kind):
            example = '"Micro F1"' if kind is str else "False"
            raise UsageError(f"{component.path}: a metric says {name} = {example}, say, at the top level of its file.")
    return Metric(
        component.name.replace("-", "_"),
        component.name,
        settings["TITLE"],
        settings["LOWER_IS_BETTER"],
        settings.get("PAPER_TABLE"),
        settings.get("PAPER_KEY"),
        settings.get("DECISION") is True,
    )


METRICS = tuple(_declared(component) for component in METRIC_FILES.built_in().values())
"""The built-in ones."""
RESULT_METRICS = METRICS[:9]
"""Those that every record's result holds, and that a job's key covers (``bench.metrics.classification``)."""
PAPER_METRICS = tuple(metric for metric in METRICS if metric.paper_table is not None)
RECOVERY_METRICS = (
    Metric("chebyshev", "chebyshev", "Chebyshev distance", True),
    Metric("clark", "clark", "Clark distance", True),
    Metric("canberra", "canberra", "Canberra distance", True),
    Metric("kullback_leibler", "kullback-leibler", "Kullback-Leibler divergence", True),
    Metric("cosine", "cosine", "Cosine similarity", False),
    Metric("intersection", "intersection", "Intersection similarity", False),
)
"""Of the recovery track; computed in ``bench.metrics.distribution``."""


def metrics() -> tuple[Metric, ...]:
    """The built-in metrics, then users'.

    Raises
    ------
    UsageError: for a file that cannot be read, that declares no metric, or whose name is taken.
    """
    return tuple(_declared(component) for component in METRIC_FILES.components().values())


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
    known = [metric.option for metric in metrics()]
    for option in options:
        if option not in known:
            raise UsageError(
                f"{where}: nothing can be selected by {option!r}, which is no metric; known: {', '.join(known)}."
            )
        if options.count(option) > 1:
            raise UsageError(f"{where}: {option!r} is named twice among selection and also_select; name it once.")


def metric_named(option: str) -> Metric:
    known = metrics()
    for metric in known:
        if option in (metric.option, metric.key):
            return metric
    raise UsageError(f"there is no metric {option!r}; {did_you_mean(option, [metric.option for metric in known])}")
