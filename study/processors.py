"""Results of the same jobs on another processor: a part of docs/results.md.

Records are given as in ``study.findings``: those of the reference run, and those of the other processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.packed import digest_of
from bench.records.record import Record
from bench.text import Grid, as_text
from study.findings import Records, on_test, seed_deviation
from study.reference import differences

HAMMING, PRECISION = PAPER_METRICS[0], PAPER_METRICS[3]

Pairs = list[tuple[Record, Record]]
"""A job's record here, and its record there."""


def compared(here: Records, there: Records, rows: Sequence[str]) -> str:
    """A line a row of the tables: how many jobs came out the same, and how far the others are apart."""
    lines = []
    for row in rows:
        pairs = pairs_of(here, there, [row])
        if not pairs:
            continue
        precision = distances(pairs, PRECISION)
        datasets = {record.job.dataset for _, record in pairs}
        stds = [one for dataset in datasets if (one := seed_deviation(here, dataset, row, PRECISION)) is not None]
        lines.append([
            row, len(pairs), sum(_bytes_alike(*pair) for pair in pairs), sum(_digits_alike(*pair) for pair in pairs),
            sum(_choice(one) == _choice(other) for one, other in pairs), f"{max(distances(pairs, HAMMING)):.4f}",
            f"{median(precision):.4f}", f"{max(precision):.4f}", f"{median(stds):.4f}" if stds else "–",
        ])  # fmt: skip
    headers = [
        "variant", "jobs", "equal byte for byte", "to four digits", "same point and epoch chosen",
        f"{HAMMING.title}: largest distance", f"{PRECISION.title}: median distance", "largest",
        "median deviation over seeds",
    ]  # fmt: skip
    return as_text([Grid(headers, [[str(cell) for cell in line] for line in lines])], "pipe")


def summary(here: Records, there: Records, rows: Sequence[str]) -> str:
    """Jobs that came out the same, counted, on how many sets and where; and the variants of which all did."""
    pairs = pairs_of(here, there, rows)
    alike, digits = sum(_bytes_alike(*pair) for pair in pairs), sum(_digits_alike(*pair) for pair in pairs)
    same = {one.job.variant for one, _ in pairs} - {
        one.job.variant for one, other in pairs if not _digits_alike(one, other)
    }
    places = sorted({str(record.environment["processor"]) for _, record in pairs})
    hours = sum(record.cost.seconds for _, record in pairs) / 3600
    return (
        f"{len(pairs)} jobs on {len({record.job.dataset for _, record in pairs})} sets, on {', '.join(places)}, in "
        f"{hours:.1f} hours. {alike} equal the reference byte for byte, {digits} in the four printed digits of all "
        f"metrics, all of {', '.join(row for row in rows if row in same) or 'no row'} among them."
    )


def choices(here: Records, there: Records, rows: Sequence[str]) -> str:
    """Largest distances between jobs, where both places chose the same grid point and epoch, and where not."""
    pairs = pairs_of(here, there, rows)
    same = [pair for pair in pairs if _choice(pair[0]) == _choice(pair[1])]
    others = [pair for pair in pairs if _choice(pair[0]) != _choice(pair[1])]
    said = f"{PRECISION.title} is {max(distances(same, PRECISION)):.4f} apart at most in {len(same)} jobs with the same"
    if others:
        rows_of_others = ", ".join(row for row in rows if row in {one.job.variant for one, _ in others})
        said += f", {max(distances(others, PRECISION)):.4f} in the {len(others)} others (of {rows_of_others})"
    return f"{said}."


def in_short(here: Records, there: Records, rows: Sequence[str]) -> str:
    """The same in two lines, for some rows beside all others."""
    own = pairs_of(here, there, rows)
    others = pairs_of(here, there, list({row for _, row, _ in there} - set(rows)))
    moved = distances(own, PRECISION)
    same = [f"{sum(_digits_alike(*pair) for pair in some)} of {len(some)}" for some in (own, others)]
    return (
        f"- **Another processor** gives the same four digits, with the same seed, in {same[0]} jobs of "
        f"{', '.join(rows)} and in {same[1]} of the others. {PRECISION.title} of the former moves by "
        f"{median(moved):.4f} at the median, {max(moved):.4f} at most (section 4)."
    )


def pairs_of(here: Records, there: Records, rows: Sequence[str]) -> Pairs:
    return [(here[job], record) for job, record in there.items() if job in here and job[1] in rows]


def distances(pairs: Pairs, metric: Metric) -> list[float]:
    """On test data, of the pairs that have a value in both places."""
    values = [(on_test(one, metric), on_test(other, metric)) for one, other in pairs]
    return [abs(one - other) for one, other in values if one is not None and other is not None]


def _bytes_alike(one: Record, other: Record) -> bool:
    return one.result is not None and other.result is not None and digest_of(one.result) == digest_of(other.result)


def _digits_alike(one: Record, other: Record) -> bool:
    return one.result is not None and other.result is not None and not list(differences(one.result, other.result))


def _choice(record: Record) -> tuple[int | None, int | None] | None:
    return (record.result.selected.point, record.result.selected.epoch) if record.result else None
