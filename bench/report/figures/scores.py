"""Figures of what was kept beside records: recovered label distributions, and the reliability of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit

from bench.errors import UsageError
from bench.records.artifacts import KeptScores, RecoveredDistribution
from bench.report.figures.style import (
    GREY,
    TEXT_WIDTH,
    Margins,
    captions,
    equal_panels,
    length_of,
    outer_ticks_only,
    panels,
    styled,
)

MOST_LABELS = 10
LONGEST_NAME = 18
BINS = 10


def recovered_distributions(
    recovered: Mapping[str, RecoveredDistribution], dataset: str, instances: Sequence[int] | None = None
) -> Figure:
    """Bars of recovered degrees, one line an instance, one column a method; black for the instance's logical labels.

    Parameters
    ----------
    recovered: {variant: its label distributions}, of the same training rows.
    instances: default: the first with one, two and four labels (or as many as there are).
    """
    first = next(iter(recovered.values()))
    chosen = list(instances) if instances is not None else example_instances(first.logical)
    variants = list(recovered)
    with styled():
        shown = [
            _labels_of([distribution.degrees[i] for distribution in recovered.values()], first.logical[i])
            for i in chosen
        ]
        names = [_short(first.label_names[j]) for labels in shown for j in labels]
        margins = Margins(left=length_of(names, 6) + 0.35, across=0.15, down=0.25, bottom=0.25)
        across = (TEXT_WIDTH - margins.left) / len(variants) - margins.across
        figure, flat = panels([across] * len(variants), [0.13 * len(labels) for labels in shown], margins)
        axes = np.array(flat).reshape(len(chosen), len(variants))
        for line, (instance, labels) in enumerate(zip(chosen, shown, strict=True)):
            for column, variant in enumerate(variants):
                panel = axes[line, column]
                degrees = recovered[variant].degrees[instance, labels]
                colours = ["black" if first.logical[instance, j] else GREY for j in labels]
                panel.barh(range(len(labels)), degrees, color=colours, height=0.7)
                names = [_short(first.label_names[j]) for j in labels] if column == 0 else [""] * len(labels)
                panel.set_yticks(range(len(labels)), names, fontsize=6)
                panel.set_ylim(len(labels) - 0.4, -0.6)
                panel.tick_params(length=1.5, labelsize=6, pad=1.5)
                panel.locator_params(axis="x", nbins=3)
                panel.set_xlim(left=0)
                if line == 0:
                    panel.set_title(variant)
            axes[line, 0].set_ylabel(f"row {instance}", fontsize=7)
        title = (
            f"{dataset}: degrees recovered for training rows, each panel with its own scale; black: the row's labels"
        )
        captions(figure, title)
    return figure


def example_instances(logical: np.ndarray) -> list[int]:
    """First rows with one, two and four labels, as far as there are any; else the first row."""
    counts = logical.sum(1)
    return [int(np.flatnonzero(counts == count)[0]) for count in (1, 2, 4) if (counts == count).any()] or [0]


def _labels_of(degrees: Sequence[np.ndarray], logical: np.ndarray) -> list[int]:
    """The instance's own labels, then those of the largest degrees over methods."""
    own = list(np.flatnonzero(logical))
    largest = np.argsort(-np.max(degrees, axis=0), kind="stable")
    others = [j for j in largest if not logical[j]]
    return [int(j) for j in [*own, *others][: max(MOST_LABELS, len(own))]]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def reliability(scores: Mapping[str, KeptScores], dataset: str) -> Figure:
    """Reliability diagrams, one panel a method: observed share of positives by predicted probability.

    Scores whose threshold is 0 are logits, those whose threshold is .5 probabilities; others have no such meaning and
    are left out.

    Raises
    ------
    UsageError: when none is left.
    """
    probabilities = {variant: p for variant, kept in scores.items() if (p := as_probabilities(kept)) is not None}
    if not probabilities:
        raise UsageError("no method here has scores that are logits or probabilities.")
    with styled():
        figure, axes = equal_panels(len(probabilities), 5, 1.0, 1.0, Margins(across=0.15, down=0.25), 4.5)
        for panel, (variant, p) in zip(axes, probabilities.items(), strict=True):
            predicted, observed, weight = reliability_curve(p, scores[variant].y)
            panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.6)
            panel.scatter(predicted, observed, s=4 + 60 * np.sqrt(weight), color="black", linewidth=0, zorder=3)
            panel.plot(predicted, observed, color="black", linewidth=0.6)
            error = float((weight * np.abs(predicted - observed)).sum())
            panel.set_title(f"{variant}: {error:.3f}")
            panel.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        outer_ticks_only(axes, 5)
        captions(
            figure,
            f"{dataset}, test instances; the number is the expected calibration error",
            "predicted probability (ten equal bins; large dots hold many decisions)",
            "observed share of positives",
        )
    return figure


def as_probabilities(kept: KeptScores) -> np.ndarray | None:
    """Scores as probabilities [N, c]; None where their threshold is that of neither logits nor probabilities."""
    if kept.threshold == 0:
        return expit(kept.scores.astype(np.float64))
    if kept.threshold == 0.5 and kept.scores.min() >= 0 and kept.scores.max() <= 1:
        return kept.scores.astype(np.float64)
    return None


def reliability_curve(p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, share of positives and share of decisions of each non-empty bin; ``p``, ``y``: [N, c]."""
    place = np.minimum((p.ravel() * BINS).astype(int), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    full = count > 0
    mean = np.bincount(place, weights=p.ravel(), minlength=BINS)[full] / count[full]
    share = np.bincount(place, weights=(y.ravel() > 0).astype(float), minlength=BINS)[full] / count[full]
    return mean, share, count[full] / count.sum()
