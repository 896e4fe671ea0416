"""Label distribution that a method recovered for one training instance, as a bar list. Imports no torch."""

from __future__ import annotations

import sys

import numpy as np

from bench.dataset_name import dataset_name
from bench.errors import UsageError, did_you_mean
from bench.records.artifacts import DISTRIBUTIONS, RecoveredDistribution, kept_file, read_distribution
from bench.records.record import CorruptRecordError, Record, job_of
from bench.records.store import Store
from bench.text import shown

BAR_WIDTH = 30


def show_instance(store: Store, dataset: str, variant: str, instance: int, seed: int | None, top: int) -> None:
    """Print a training instance's labels with logical label, recovered degree and predicted score.

    Raises
    ------
    UsageError: where the record, its distributions or the instance is not there, with what is.
    """
    record = find_record(store, dataset, variant, seed)
    file = kept_file(record, store.path(record.job), DISTRIBUTIONS)
    if file is None:
        if DISTRIBUTIONS.partition(".")[0] in record.asked:
            raise UsageError(f"{record.job.variant} recovers no label distribution; there is nothing to show.")
        raise UsageError(
            f"{record.job} did not keep its distributions; run it again by `bench run` with --keep distributions."
        )
    recovered = read_distribution(file)
    n_samples = len(recovered.degrees)
    if not 0 <= instance < n_samples:
        raise UsageError(f"{record.job.full_dataset} has the training rows 0 to {n_samples - 1}, not {instance}.")
    for line in (*heading(record, recovered, instance), *bar_list(recovered, instance, top, _bar_character())):
        print(shown(line))


def find_record(store: Store, dataset: str, variant: str, seed: int | None) -> Record:
    """Record that a data set's name (with or without its extractor), a variant and a seed stand for.

    Parameters
    ----------
    seed: None: the smallest there is.

    Raises
    ------
    UsageError: where there is no such record, several data sets of the name, or the job failed.
    """
    dataset = str(dataset_name(dataset))
    stored = [job_of(path) for path in store.paths()]
    jobs = [job for job in stored if job.seed >= 0 and seed in (None, job.seed)]
    of_set = [job for job in jobs if dataset.casefold() in (job.dataset.casefold(), job.full_dataset.casefold())]
    if not of_set:
        known = dict.fromkeys(job.full_dataset for job in jobs)
        wanted = f"{dataset}" + (f" with seed {seed}" if seed is not None else "")
        raise UsageError(f"{store.folder} has no record of the data set {wanted}; {did_you_mean(dataset, known)}")
    extractors = sorted({job.full_dataset for job in of_set})
    if len(extractors) > 1:
        raise UsageError(f"{store.folder} has records of {' and '.join(extractors)}; name one of them.")
    matching = [job for job in of_set if job.variant.casefold() == variant.casefold()]
    if not matching:
        known = dict.fromkeys(job.variant for job in of_set)
        raise UsageError(
            f"{store.folder} has no record of {variant!r} on {extractors[0]}; {did_you_mean(variant, known)}"
        )
    try:
        record = store.read(min(matching, key=lambda job: job.seed))
    except CorruptRecordError as error:
        raise UsageError(f"{error}.") from error
    assert record is not None
    if record.status == "failed":
        raise UsageError(f"{record.job} failed: {record.problem}.")
    return record


def heading(record: Record, recovered: RecoveredDistribution, instance: int) -> list[str]:
    """Two lines, and an empty one: the job with its grid point, and the instance's logical labels."""
    labels = [
        name for name, positive in zip(recovered.label_names, recovered.logical[instance], strict=True) if positive
    ]
    chosen = record.result.selected.hyperparameters if record.result else {}
    point = "".join(f", {name} {value:g}" for name, value in chosen.items())
    return [
        f"{record.job}{point}: training row {instance} of {len(recovered.degrees)}",
        f"logical labels: {', '.join(labels) or 'none'}",
        "",
    ]


def bar_list(recovered: RecoveredDistribution, instance: int, top: int, block: str) -> list[str]:
    """Lines of labels by falling degree: the positive ones, and of the others those among the ``top`` degrees.

    Parameters
    ----------
    block: the character that bars are made of.
    """
    degrees, logical = recovered.degrees[instance], recovered.logical[instance]
    names = [shown(name) for name in recovered.label_names]
    order = np.argsort(-degrees, kind="stable")
    listed = [j for place, j in enumerate(order) if place < top or logical[j]]
    width = max(5, *(len(names[j]) for j in listed))
    longest = max(float(degrees.max()), 1e-12)
    columns = ["label".ljust(width), "y", "degree", " " * BAR_WIDTH]
    columns += ["true  "] if recovered.true is not None else []
    columns += ["  score", "predicted"] if recovered.scores is not None else []
    lines = ["  ".join(columns).rstrip()]
    for j in listed:
        bar = (block * round(BAR_WIDTH * float(degrees[j]) / longest)).ljust(BAR_WIDTH)
        cells = [names[j].ljust(width), str(int(logical[j])), f"{degrees[j]:.4f}", bar]
        if recovered.true is not None:
            cells.append(f"{recovered.true[instance, j]:.4f}")
        if recovered.scores is not None and recovered.threshold is not None:
            score = recovered.scores[instance, j]
            cells += [f"{score:+7.3f}", "yes" if score > recovered.threshold else "no"]
        lines.append("  ".join(cells).rstrip())
    hidden = len(degrees) - len(listed)
    if hidden:
        rest = np.setdiff1d(np.arange(len(degrees)), listed)
        lines.append(f"{hidden} more labels, none of them positive, with degrees up to {degrees[rest].max():.4f}")
    return lines


def _bar_character() -> str:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"
