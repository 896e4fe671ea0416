"""What a label-enhancement method recovered for one training instance, as a bar list. Imports no torch."""

from __future__ import annotations

import sys

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.records.artifacts import DISTRIBUTIONS, RecoveredDistribution, read_distribution
from bench.records.record import CorruptRecordError, Record, job_of
from bench.records.store import Store

BAR_WIDTH = 30


def show_instance(store: Store, dataset: str, row: str, instance: int, seed: int | None, top: int) -> None:
    """Print one training row's labels with logical label, recovered degree and predicted score.

    Raises
    ------
    UsageError: where the record, its distributions or the instance is not there, with what is.
    """
    record = find_record(store, dataset, row, seed)
    if DISTRIBUTIONS not in record.artifacts:
        if DISTRIBUTIONS.partition(".")[0] in record.asked:
            raise UsageError(f"{record.job.variant} recovers no label distribution; there is nothing to show.")
        raise UsageError(
            f"{record.job} did not keep its distributions; run it again by `bench run` with --keep distributions."
        )
    found = read_distribution(store.path(record.job).with_name(record.artifacts[DISTRIBUTIONS]))
    rows = len(found.degrees)
    if not 0 <= instance < rows:
        raise UsageError(f"{record.job.full_dataset} has the training rows 0 to {rows - 1}, not {instance}.")
    print(heading(record, found, instance))
    print("\n".join(bar_list(found, instance, top, _bar_character())))


def find_record(store: Store, dataset: str, row: str, seed: int | None) -> Record:
    """The record that a name of a data set (with or without its extractor), a row and a seed stand for."""
    stored = [job_of(path) for path in store.paths()]
    jobs = [job for job in stored if job.seed >= 0 and seed in (None, job.seed)]
    here = [job for job in jobs if dataset.casefold() in (job.dataset.casefold(), job.full_dataset.casefold())]
    if not here:
        known = dict.fromkeys(job.full_dataset for job in jobs)
        wanted = f"{dataset}" + (f" with seed {seed}" if seed is not None else "")
        raise UsageError(f"{store.folder} has no record of the data set {wanted}; {did_you_mean(dataset, known)}")
    extractors = sorted({job.full_dataset for job in here})
    if len(extractors) > 1:
        raise UsageError(f"{store.folder} has records of {' and '.join(extractors)}; name one of them.")
    matching = [job for job in here if job.variant.casefold() == row.casefold()]
    if not matching:
        known = dict.fromkeys(job.variant for job in here)
        raise UsageError(f"{store.folder} has no record of {row!r} on {extractors[0]}; {did_you_mean(row, known)}")
    try:
        record = store.read(min(matching, key=lambda job: job.seed))
    except CorruptRecordError as error:
        raise UsageError(f"{error}.") from error
    assert record is not None
    if record.status == "failed":
        raise UsageError(f"{record.job} failed: {record.problem}.")
    return record


def heading(record: Record, found: RecoveredDistribution, instance: int) -> str:
    labels = [name for name, positive in zip(found.label_names, found.logical[instance], strict=True) if positive]
    chosen = record.result.selected.hyperparameters if record.result else {}
    point = "".join(f", {name} {value:g}" for name, value in chosen.items())
    return (
        f"{record.job}{point}: training row {instance} of {len(found.degrees)}\n"
        f"logical labels: {', '.join(labels) or 'none'}\n"
    )


def bar_list(found: RecoveredDistribution, instance: int, top: int, block: str) -> list[str]:
    """Lines: the labels by falling degree, the positive ones always, of the others those among the ``top`` degrees."""
    degrees, logical = found.degrees[instance], found.logical[instance]
    order = np.argsort(-degrees, kind="stable")
    shown = [j for place, j in enumerate(order) if place < top or logical[j]]
    width = max(5, *(len(found.label_names[j]) for j in shown))
    longest = max(float(degrees.max()), 1e-12)
    columns = ["label".ljust(width), "y", "degree", " " * BAR_WIDTH]
    columns += ["true  "] if found.true is not None else []
    columns += ["  score", "predicted"] if found.scores is not None else []
    lines = ["  ".join(columns).rstrip()]
    for j in shown:
        bar = (block * round(BAR_WIDTH * float(degrees[j]) / longest)).ljust(BAR_WIDTH)
        cells = [found.label_names[j].ljust(width), str(int(logical[j])), f"{degrees[j]:.4f}", bar]
        if found.true is not None:
            cells.append(f"{found.true[instance, j]:.4f}")
        if found.scores is not None and found.threshold is not None:
            score = found.scores[instance, j]
            cells += [f"{score:+7.3f}", "yes" if score > found.threshold else "no"]
        lines.append("  ".join(cells).rstrip())
    hidden = len(degrees) - len(shown)
    if hidden:
        rest = np.setdiff1d(np.arange(len(degrees)), shown)
        lines.append(f"{hidden} more labels, none of them positive, with degrees up to {degrees[rest].max():.4f}")
    return lines


def _bar_character() -> str:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"
