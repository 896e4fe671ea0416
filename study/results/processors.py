"""The same jobs on another processor: a part of docs/results/ and of docs/reproducibility.md.

Records are given as in ``study.results.findings``: those of a run, and those of the other processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.plan.costs import computed_on_gpu
from bench.records.packed import digest_of
from bench.records.record import Record
from bench.text import counted
from study.results.findings import Records, on_test, seed_std, table
from study.runs import differences

HAMMING, PRECISION = PAPER_METRICS[0], PAPER_METRICS[3]

Pairs = list[tuple[Record, Record]]
"""A job's record here, and its record there."""


def compared(records: Records, elsewhere: Records, variants: Sequence[str]) -> str:
    """Numbers of jobs that came out the same, and the distance of the others, a line a variant."""
    lines = []
    for variant in variants:
        pairs = pairs_of(records, elsewhere, [variant])
        if not pairs:
            continue
        precision = distances(pairs, PRECISION)
        datasets = {record.job.dataset for _, record in pairs}
        every = [seed_std(records, dataset, variant, PRECISION) for dataset in datasets]
        stds = [std for std in every if std is not None]
        lines.append([
            variant, len(pairs), sum(_bytes_alike(*pair) for pair in pairs),
            sum(_digits_alike(*pair) for pair in pairs),
            sum(_choice(first) == _choice(second) for first, second in pairs), f"{max(distances(pairs, HAMMING)):.4f}",
            f"{median(precision):.4f}", f"{max(precision):.4f}", f"{median(stds):.4f}" if stds else "–",
        ])  # fmt: skip
    headers = [
        "variant", "jobs", "equal byte for byte", "to four digits", "same point and epoch chosen",
        f"{HAMMING.title}: largest distance", f"{PRECISION.title}: median distance", "largest",
        "median std over seeds",
    ]  # fmt: skip
    return table(headers, lines)


def summary(records: Records, elsewhere: Records, variants: Sequence[str]) -> str:
    """Sentences on the jobs that came out the same, and on the variants of which all did."""
    pairs = pairs_of(records, elsewhere, variants)
    alike, digits = sum(_bytes_alike(*pair) for pair in pairs), sum(_digits_alike(*pair) for pair in pairs)
    same = {first.job.variant for first, _ in pairs} - {
        first.job.variant for first, second in pairs if not _digits_alike(first, second)
    }
    sets = {record.job.dataset for _, record in pairs}
    places = sorted({_place(record) for _, record in pairs})
    hours = sum(record.cost.seconds for _, record in pairs) / 3600
    said = (
        f"{counted(len(pairs))} on {counted(len(sets), 'set')}, on {', '.join(places)}, in {hours:.1f} hours. "
        f"{alike} have the same results byte for byte, {digits} in the four printed digits of all metrics"
    )
    return f"{said}, all of {', '.join(name for name in variants if name in same)} among them." if same else f"{said}."


def choices(records: Records, elsewhere: Records, variants: Sequence[str]) -> str:
    """Sentence on the largest distance of jobs where both places chose the same grid point and epoch, and where not."""
    pairs = pairs_of(records, elsewhere, variants)
    same = [pair for pair in pairs if _choice(pair[0]) == _choice(pair[1])]
    others = [pair for pair in pairs if _choice(pair[0]) != _choice(pair[1])]
    sentence = (
        f"{PRECISION.title} is {max(distances(same, PRECISION)):.4f} apart at most in {len(same)} jobs with the same "
        "grid point and epoch"
    )
    if others:
        variants_of_others = ", ".join(name for name in variants if name in {first.job.variant for first, _ in others})
        sentence += f", {max(distances(others, PRECISION)):.4f} in the {len(others)} others (of {variants_of_others})"
    return f"{sentence}."


def in_short(records: Records, elsewhere: Records, variants: Sequence[str]) -> str:
    """The same in two lines, for some variants beside all others."""
    own = pairs_of(records, elsewhere, variants)
    others = pairs_of(records, elsewhere, list({variant for _, variant, _ in elsewhere} - set(variants)))
    moved = distances(own, PRECISION)
    same = [f"{sum(_digits_alike(*pair) for pair in some)} of {len(some)}" for some in (own, others)]
    return (
        f"- **Another processor** gives the same four digits, with the same seed, in {same[0]} jobs of "
        f"{', '.join(variants)} and in {same[1]} of the others. {PRECISION.title} of the former moves by "
        f"{median(moved):.4f} at the median, {max(moved):.4f} at most "
        "([there](seeds.md#what-another-processor-does))."
    )


def pairs_of(records: Records, elsewhere: Records, variants: Sequence[str]) -> Pairs:
    """Pairs of records of the same job, of some variants."""
    return [(records[job], record) for job, record in elsewhere.items() if job in records and job[1] in variants]


def distances(pairs: Pairs, metric: Metric) -> list[float]:
    """Absolute differences on test data, of the pairs that have a value in both places."""
    values = [(on_test(first, metric), on_test(second, metric)) for first, second in pairs]
    return [abs(first - second) for first, second in values if first is not None and second is not None]


def _place(record: Record) -> str:
    """The GPU that a record was computed on, else the processor."""
    return str(record.environment["device" if computed_on_gpu(record) else "processor"])


def _bytes_alike(first: Record, second: Record) -> bool:
    return (
        first.result is not None and second.result is not None and digest_of(first.result) == digest_of(second.result)
    )


def _digits_alike(first: Record, second: Record) -> bool:
    return first.result is not None and second.result is not None and not list(differences(first.result, second.result))


def _choice(record: Record) -> tuple[int | None, int | None] | None:
    return (record.result.selected.point, record.result.selected.epoch) if record.result else None
