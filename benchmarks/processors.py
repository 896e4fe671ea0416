"""What another processor makes of the same jobs: a part of docs/results.md.

Records are given as in ``benchmarks.findings``: those of the reference run, and those of the other processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.metric_catalogue import PAPER_METRICS
from bench.packed import digest_of
from bench.prose import Grid, as_text
from bench.records import Record
from benchmarks.findings import Records, on_test, seed_deviation
from benchmarks.reference import differences

HAMMING, PRECISION = PAPER_METRICS[0], PAPER_METRICS[3]


def compared(here: Records, there: Records, rows: Sequence[str]) -> str:
    """A line a row of the tables: how many jobs came out the same, and how far the others are apart."""
    lines = []
    for row in rows:
        pairs = [(here[job], record) for job, record in there.items() if job[1] == row and job in here]
        if not pairs:
            continue
        apart = [_apart(one, other) for one, other in pairs]
        deviations = [
            deviation
            for dataset in {record.job.dataset for _, record in pairs}
            if (deviation := seed_deviation(here, dataset, row, PRECISION)) is not None
        ]
        lines.append([
            row, len(pairs), sum(_bytes_alike(*pair) for pair in pairs), sum(_digits_alike(*pair) for pair in pairs),
            sum(_choice(one) == _choice(other) for one, other in pairs), f"{max(one for one, _ in apart):.4f}",
            f"{median(one for _, one in apart):.4f}", f"{max(one for _, one in apart):.4f}",
            f"{median(deviations):.4f}" if deviations else "–",
        ])  # fmt: skip
    headers = [
        "row", "jobs", "equal byte for byte", "to four digits", "same point and epoch chosen",
        f"{HAMMING.title}: largest distance", f"{PRECISION.title}: median distance", "largest",
        "median deviation over seeds",
    ]  # fmt: skip
    return as_text([Grid(headers, [[str(cell) for cell in line] for line in lines])], "pipe")


def summary(here: Records, there: Records, rows: Sequence[str]) -> str:
    """How many jobs, on how many sets and where, came out the same; and of which rows all did, or none."""
    pairs = [(here[job], record) for job, record in there.items() if job in here and job[1] in rows]
    alike, digits = sum(_bytes_alike(*pair) for pair in pairs), sum(_digits_alike(*pair) for pair in pairs)
    places = sorted({str(record.environment["processor"]) for _, record in pairs})
    hours = sum(record.cost["seconds"] for _, record in pairs) / 3600
    by_row = {row: [_digits_alike(*pair) for pair in pairs if pair[0].job.row == row] for row in rows}
    all_of = [row for row, same in by_row.items() if same and all(same)]
    none_of = [row for row, same in by_row.items() if same and not any(same)]
    return (
        f"{len(pairs)} jobs on {len({record.job.dataset for _, record in pairs})} sets, on {', '.join(places)}, in "
        f"{hours:.1f} hours. {alike} equal the reference byte for byte, {digits} in the four printed digits of all "
        f"metrics: all of {', '.join(all_of) or 'no row'}, none of {', '.join(none_of) or 'no row'}."
    )


def in_short(here: Records, there: Records, rows: Sequence[str]) -> str:
    """The same in two lines, for some rows beside all others."""
    pairs = [(here[job], record) for job, record in there.items() if job in here]
    own = [pair for pair in pairs if pair[0].job.row in rows]
    others = [pair for pair in pairs if pair[0].job.row not in rows]
    moved = [precision for _, precision in (_apart(*pair) for pair in own)]
    same = [f"{sum(_digits_alike(*pair) for pair in some)} of {len(some)}" for some in (own, others)]
    return (
        f"- **Another processor** gives the same four digits, with the same seed, in {same[0]} jobs of "
        f"{', '.join(rows)} and in {same[1]} of the others. {PRECISION.title} of the former moves by "
        f"{median(moved):.4f} at the median, {max(moved):.4f} at most (section 4)."
    )


def _apart(one: Record, other: Record) -> tuple[float, float]:
    """Distances in Hamming loss and in macro average precision."""
    hamming, precision = (
        abs((on_test(one, metric) or 0.0) - (on_test(other, metric) or 0.0)) for metric in (HAMMING, PRECISION)
    )
    return hamming, precision


def _bytes_alike(one: Record, other: Record) -> bool:
    assert one.result is not None
    assert other.result is not None
    return digest_of(one.result) == digest_of(other.result)


def _digits_alike(one: Record, other: Record) -> bool:
    assert one.result is not None
    assert other.result is not None
    return not list(differences(one.result, other.result))


def _choice(record: Record) -> tuple[int, int]:
    assert record.result is not None
    return record.result["selected"].get("point"), record.result["selected"].get("epoch")
