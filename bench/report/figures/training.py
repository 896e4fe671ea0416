"""Figures of single jobs: learning curves and the surface of a grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from msgspec import UNSET

from bench.errors import UsageError
from bench.metrics.catalogue import Metric
from bench.records.record import Curves, GridPoint, Record
from bench.report.figures.style import GREY, PALE, Margins, captions, equal_panels, grey_cells, outer_ticks_only, styled


def learning_curves(records: Sequence[Record]) -> Figure:
    """Learning curves, one panel a method: training loss (dashed, its own scale) and validation Hamming loss (solid).

    Thin lines are the grid's other points, the dot is the epoch that was chosen.

    Raises
    ------
    UsageError: when no record has curves.
    """
    trained = [record for record in records if record.result and _curves(record)]
    if not trained:
        raise UsageError("no method here trains by epochs.")
    with styled():
        figure, axes = equal_panels(
            len(trained), 4, 1.15, 0.95, Margins(left=0.5, across=0.65, down=0.4, right=0.35), 5.0
        )
        for panel, record in zip(axes, trained, strict=True):
            assert record.result is not None
            chosen = record.result.selected
            loss_axis = panel.twinx()
            loss_axis.spines["right"].set_visible(True)
            for point, curves in _curves(record).items():
                best = point == chosen.point
                epochs = np.arange(1, len(curves.loss) + 1)
                if not best:
                    panel.plot(epochs[: len(curves.hamming)], curves.hamming, color=PALE, linewidth=0.5)
                    continue
                panel.plot(epochs[: len(curves.hamming)], curves.hamming, color="black", zorder=3)
                losses = np.array(curves.loss, dtype=float)
                loss_axis.plot(epochs, losses, color=GREY, linestyle=(0, (4, 2)), linewidth=0.9)
                epoch = chosen.epoch or 1
                panel.plot(epoch, curves.hamming[epoch - 1], "o", color="black", markersize=4, zorder=4)
            panel.set_title(f"{record.job.variant}, epoch {chosen.epoch}")
            panel.set_zorder(loss_axis.get_zorder() + 1)
            panel.patch.set_visible(False)
            for axis in (panel, loss_axis):
                axis.tick_params(labelsize=5.5, length=2, pad=1.5)
                axis.locator_params(axis="y", nbins=3)
            panel.locator_params(axis="x", nbins=3, integer=True)
        if len({record.result.epochs for record in trained if record.result}) == 1:
            outer_ticks_only(axes, 4, beside=False)
        job = trained[0].job
        captions(
            figure,
            f"{job.full_dataset}, seed {job.seed}; solid: validation Hamming loss (pale: other grid points); "
            "dashed, scale on the right: training loss",
            "epoch",
        )
    return figure


def _curves(record: Record) -> dict[int, Curves]:
    """{number of the point in the grid: its curves}, of those that trained for two epochs or more."""
    by_point = {n: point.curves for n, point in enumerate(record.result.grid if record.result else ())}
    return {n: curves for n, curves in by_point.items() if curves is not UNSET and len(curves.hamming) > 1}


def grid_surface(records: Sequence[Record], metric: Metric) -> Figure:
    """A metric over a grid of two hyper-parameters on validation and test, averaged over the records (seeds); boxes
    mark the points that were chosen.

    Raises
    ------
    UsageError: when the grid does not have two hyper-parameters, or every point diverged.
    """
    grids = [record.result.grid for record in records if record.result]
    first = grids[0][0] if grids else GridPoint({}, None, None, None, None)
    names = list(first.hyperparameters)
    known = first.val or first.test or {}
    if known and metric.key not in known:
        raise UsageError(f"records hold {', '.join(known)} of every grid point, not {metric.key}.")
    if len(names) != 2:
        variant = records[0].job.variant if records else "the variant"
        raise UsageError(f"the surface needs a grid of two hyper-parameters; {variant} has {len(names)}.")
    if not all(isinstance(value, int | float) for point in grids[0] for value in point.hyperparameters.values()):
        raise UsageError(f"the surface needs a grid of numbers; {records[0].job.variant} has {' and '.join(names)}.")
    levels = [sorted({point.hyperparameters[name] for point in grids[0]}) for name in names]
    chosen = {
        tuple(levels[axis].index(record.result.selected.hyperparameters[names[axis]]) for axis in (0, 1))
        for record in records
        if record.result
    }
    with styled():
        margins = Margins(left=0.7, across=0.75, bottom=0.45)
        figure, axes = equal_panels(2, 2, 0.55 * len(levels[1]), 0.3 * len(levels[0]), margins, 4.5)
        for panel, split in zip(axes, ("val", "test"), strict=True):
            surface = _surface(grids, names, levels, split, metric)
            if np.isnan(surface).all():
                raise UsageError("every point of the grid diverged.")
            shade = _shades(surface if metric.lower_is_better else -surface)
            texts = [["–" if np.isnan(value) else f"{value:.4f}" for value in line] for line in surface]
            grey_cells(panel, shade, texts, *([f"{level:g}" for level in axis] for axis in levels))
            for i, j in chosen:
                for edge, width in (("black", 2.6), ("white", 1.0)):
                    box = Rectangle((j - 0.46, i - 0.44), 0.92, 0.88, fill=False, edgecolor=edge, linewidth=width)
                    panel.add_patch(box)
            panel.set(xlabel=names[1], ylabel=names[0])
            panel.set_title({"val": "validation", "test": "test"}[split])
        job = records[0].job
        seeds = f"seed {job.seed}" if len(records) == 1 else f"mean over {len(records)} seeds"
        captions(figure, f"{job.variant} on {job.full_dataset}: {metric.heading}, {seeds}; dark is good")
    return figure


def _surface(
    grids: list[list[GridPoint]], names: list[str], levels: list[list], split: str, metric: Metric
) -> np.ndarray:
    """Mean over grids of a metric on a split [levels of each hyper-parameter]; NaN where a point diverged."""
    sums = np.zeros((len(levels[0]), len(levels[1])))
    for grid in grids:
        for point in grid:
            i, j = (levels[axis].index(point.hyperparameters[names[axis]]) for axis in (0, 1))
            value = ((point.val if split == "val" else point.test) or {}).get(metric.key)
            sums[i, j] += np.nan if value is None else value
    return sums / len(grids)


def _shades(surface: np.ndarray) -> np.ndarray:
    low, high = np.nanmin(surface), np.nanmax(surface)
    return np.where(np.isnan(surface), np.nan, 0.3 + 0.7 * (surface - low) / (high - low if high > low else 1))
