"""Convergence: plain BCE beside scikit-learn's logistic regression, and the epochs that trainings kept.

Both are linear, see the same features, and choose among as many points by macro average precision on the same
validation rows: where BCE reaches what L-BFGS reaches, the training loop ends near its optimum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.metrics.catalogue import Metric
from bench.records.convergence import LAST_PERCENT, Kept, kept_epochs
from bench.records.record import Record
from bench.text import counted, named
from study.converged.differences.relative import PRECISION, regime_of, selected, set_of, short
from study.results.findings import table

TOLERANCE = 0.02
"""Relative distance from logistic regression within which training counts as converged."""
LOGISTIC, LOSS = "LR", "BCE"


@dataclass(frozen=True)
class Anchor:
    """Mean of a metric on a data set's test rows, over seeds and then folds."""

    dataset: str
    metric: Metric
    logistic: float
    bce: float
    validated: tuple[float, float]
    """The same two on validation rows, by which both chose."""
    runs: int
    """Seeds or folds of BCE."""

    @property
    def distance(self) -> float:
        """BCE's value less logistic regression's, relative to it; positive where BCE is better."""
        return self._distance(self.logistic, self.bce)

    @property
    def distance_on_validation(self) -> float:
        """The same on validation rows."""
        return self._distance(*self.validated)

    def _distance(self, logistic: float, bce: float) -> float:
        difference = bce / logistic - 1
        return -difference if self.metric.lower_is_better else difference

    @property
    def is_near(self) -> bool:
        """True where BCE is within the tolerance, or better."""
        return self.distance >= -TOLERANCE


def anchors(records: Iterable[Record], metric: Metric = PRECISION, loss: str = LOSS) -> list[Anchor]:
    """An anchor a data set as it is (no label regimes), each method with the epoch and point chosen by the metric.

    Parameters
    ----------
    loss: BCE, or a variant of it in its place.
    """
    values: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for record in records:
        chosen = selected(record, metric)
        if record.job.variant not in (LOGISTIC, loss) or regime_of(record.job.full_dataset) or chosen is None:
            continue
        on_both = chosen.test[metric.key], chosen.val[metric.key]
        if on_both[0] is not None and on_both[1] is not None:
            of_method = values.setdefault((set_of(record), record.job.variant), {})
            of_method.setdefault(record.job.full_dataset, []).append((on_both[0], on_both[1]))
    found = []
    for name in sorted({name for name, _ in values}):
        logistic, bce = values.get((name, LOGISTIC), {}), values.get((name, loss), {})
        if both := sorted(set(logistic) & set(bce)):
            test, val = (
                [fmean(fmean(one[split] for one in own[column]) for column in both) for own in (logistic, bce)]
                for split in (0, 1)
            )
            found.append(Anchor(name, metric, *test, (val[0], val[1]), sum(len(bce[column]) for column in both)))
    return found


def anchor_table(found: Sequence[Anchor]) -> str:
    """The anchors, a line a data set, those farthest behind logistic regression last."""
    lines = [
        [
            _named(one.dataset, found),
            f"{one.logistic:.4f}",
            f"{one.bce:.4f}",
            f"{100 * one.distance:+.1f} %",
            f"{100 * one.distance_on_validation:+.1f} %",
            "yes" if one.is_near else "**no**",
            one.runs,
        ]
        for one in sorted(found, key=lambda one: -one.distance)
    ]
    headers = [
        "data set", "logistic regression", "BCE", "BCE better by", "on validation rows",
        f"not behind by over {TOLERANCE:.0%}", "seeds or folds",
    ]  # fmt: skip
    return table(headers, lines)


def _named(name: str, found: Sequence[Anchor]) -> str:
    """Without the extractor where no other set has the name."""
    return short(name) if sum(short(one.dataset) == short(name) for one in found) == 1 else name


def _far(found: Sequence[Anchor]) -> list[str]:
    """Data sets on which BCE is behind by more than the tolerance, each with its distance."""
    return [f"{_named(one.dataset, found)} ({100 * one.distance:+.1f} %)" for one in found if not one.is_near]


def anchor_sentence(found: Sequence[Anchor]) -> str:
    """Number of sets on which BCE is near, and those where it is not."""
    far = _far(found)
    close = sum(abs(one.distance) <= TOLERANCE for one in found)
    text = (
        f"BCE's {found[0].metric.title} is not behind logistic regression's by more than {TOLERANCE:.0%} on "
        f"{len(found) - len(far)} of {len(found)} data sets ({close} within {TOLERANCE:.0%} to either side)"
    )
    text += f"; behind by more on {', '.join(far)}." if far else "."
    ahead = sum(one.distance_on_validation >= 0 for one in found)
    return f"{text} On the validation rows that both choose by, it is level or ahead on {ahead}."


def epoch_sentence(best: Sequence[Anchor], last: Sequence[Anchor]) -> str:
    """Sets on which BCE is far behind with its last epoch, not the best on validation rows; empty without any."""
    if not last:
        return ""
    there = {one.dataset for one in last}
    then = _far(last)
    return (
        f"With the last epoch in place of the best on validation rows (one seed, or the folds) BCE is behind by more "
        f"than {TOLERANCE:.0%} on {len(then)} of {len(last)} data sets{': ' + named(then) if then else ''}; with the "
        f"best, on {sum(not one.is_near for one in best if one.dataset in there)} of these."
    )


@dataclass(frozen=True)
class Late:
    """Jobs of a method that kept one of their last epochs."""

    method: str
    late: int
    jobs: int

    @property
    def share(self) -> float:
        """Share of the jobs."""
        return self.late / self.jobs


def late_epochs(records: Iterable[Record]) -> list[Late]:
    """Jobs that kept one of their last epochs by the protocol's selection, by method, then of all."""
    kept = kept_epochs(records)
    found = []
    for method in [*sorted({one.job.variant for one in kept}), ""]:
        of_method = [one.is_late for one in kept if method in ("", one.job.variant)]
        if of_method:
            found.append(Late(method or "all", sum(of_method), len(of_method)))
    return found


def late_table(found: Sequence[Late]) -> str:
    """Jobs with a late epoch, a line a method."""
    lines = [[one.method, one.late, one.jobs, f"{one.share:.0%}"] for one in found]
    return table(["method", f"kept one of the last {LAST_PERCENT} % of epochs", "jobs", "share"], lines)


def late_sentence(found: Sequence[Late]) -> str:
    """Share of all jobs that kept one of their last epochs."""
    every = found[-1]
    return (
        f"The epoch that validation Hamming loss keeps is among the last {LAST_PERCENT} % in {every.late} of "
        f"{every.jobs} jobs ({every.share:.1%})."
    )


def edges(records: Iterable[Record], method: str = LOSS, metric: Metric = PRECISION) -> str:
    """Sentence on how often the chosen settings are the largest that were offered, and the kept epoch a late one."""
    largest: Counter[str] = Counter()
    late = jobs = 0
    for record in records:
        chosen = (record.result.also_selected or {}).get(metric.option) if record.result else None
        if record.job.variant != method or chosen is None or chosen.epoch is None or record.result is None:
            continue
        if regime_of(record.job.full_dataset):
            continue
        jobs += 1
        for name, value in chosen.hyperparameters.items():
            offered = {point.hyperparameters[name] for point in record.result.grid}
            largest[f"largest of {len(offered)} values of {name.replace('_', ' ')}"] += value == max(offered)
        late += Kept(record.job, chosen.epoch, record.result.epochs or chosen.epoch, None).is_late
    told = [f"the {which} in {count}" for which, count in sorted(largest.items())]
    return (
        f"Of {counted(jobs)} of {method}, {metric.title} selects {', '.join(told)}, and one of the last "
        f"{LAST_PERCENT} % of epochs in {late}."
    )
