"""Benchmark harness for multi-label learning: every comparison table of FLEM (IJCAI-22), computed afresh.

``bench.run``, ``bench.results``, ``bench.table``, ``bench.stats``, ``bench.evaluate`` and ``bench.load_dataset`` are
the program from Python (``bench.python_api``); ``bench.estimator`` and ``bench.load`` use its methods as scikit-learn
classifiers (``bench.classifier``). Nothing heavy is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from bench.classifier import MultiLabelClassifier
    from bench.python_api import evaluate, load_dataset, results, run, stats, table

__version__ = "0.1.0"
__all__ = ["estimator", "evaluate", "load", "load_dataset", "results", "run", "stats", "table"]


def __getattr__(name: str) -> Any:
    """The functions of ``bench.python_api``, which is imported when the first of them is asked for."""
    if name in __all__:
        from bench import python_api

        return getattr(python_api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def estimator(
    method: str,
    options: dict[str, Any] | None = None,
    *,
    protocol: str = "small",
    seed: int = 0,
    device: str = "cpu",
    dataset: str = "",
    classifier: str | None = None,
    classifier_options: dict[str, Any] | None = None,
    validation: float | None = None,
) -> MultiLabelClassifier:
    """A method, or a row of bench.toml, as a scikit-learn classifier; the parameters are those of
    ``bench.classifier.MultiLabelClassifier``: with a share ``validation`` of the rows held out it is trained and
    selected as in the tables."""
    from bench.classifier import MultiLabelClassifier

    return MultiLabelClassifier(
        method, options, protocol, seed, device, dataset, classifier, classifier_options, validation
    )


def load(path: str | Path) -> MultiLabelClassifier:
    """A model that ``save`` or ``bench fit`` wrote."""
    from bench.classifier import load

    return load(path)
