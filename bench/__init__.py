"""Benchmark harness for multi-label learning: every comparison table of FLEM (IJCAI-22), computed afresh.

``bench.run``, ``bench.results``, ``bench.table``, ``bench.stats``, ``bench.evaluate`` and ``bench.load_dataset`` are
the program from Python (``bench.python_api``); ``bench.estimator`` and ``bench.load`` use its methods as scikit-learn
classifiers (``bench.classifier``). Nothing heavy is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.classifier import MultiLabelClassifier as estimator
    from bench.classifier import load
    from bench.python_api import evaluate, load_dataset, results, run, stats, table

__version__ = "0.1.0"
__all__ = ["estimator", "evaluate", "load", "load_dataset", "results", "run", "stats", "table"]
CLASSIFIERS = {"estimator": "MultiLabelClassifier", "load": "load"}
"""{name here: name in ``bench.classifier``}."""


def __getattr__(name: str) -> Any:
    """A name of ``bench.classifier`` or ``bench.python_api``, which is imported when the first of them is asked for."""
    if name in CLASSIFIERS:
        return getattr(import_module("bench.classifier"), CLASSIFIERS[name])
    if name in __all__:
        return getattr(import_module("bench.python_api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
