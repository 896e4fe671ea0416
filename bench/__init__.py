"""Benchmark harness for multi-label learning: every comparison table of FLEM (IJCAI-22), computed afresh.

``bench.estimator`` and ``bench.load`` use its methods from Python; see ``bench.classifier``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from bench.classifier import MultiLabelClassifier

__version__ = "0.1.0"
__all__ = ["estimator", "load"]


def estimator(
    method: str,
    options: dict[str, Any] | None = None,
    *,
    protocol: str = "small",
    seed: int = 0,
    device: str = "cpu",
    dataset: str = "",
    classifier: str = "linear",
    classifier_options: dict[str, Any] | None = None,
) -> MultiLabelClassifier:
    """A method as a scikit-learn classifier; the parameters are those of ``bench.classifier.MultiLabelClassifier``."""
    from bench.classifier import MultiLabelClassifier

    return MultiLabelClassifier(method, options, protocol, seed, device, dataset, classifier, classifier_options)


def load(path: str | Path) -> MultiLabelClassifier:
    """A model that ``save`` or ``bench fit`` wrote."""
    from bench.classifier import load

    return load(path)
