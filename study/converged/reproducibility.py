"""docs/reproducibility.md, a checklist filled in: ``python -m study.converged.reproducibility [--results FOLDER]``.

Its numbers are those of the committed records of the study, or of a folder's; the template reproducibility.md beside
this module has names in braces for them, and sources.toml says where the data sets come from.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.dataset_name import dataset_name
from bench.records.packed import PACKED
from bench.records.record import Record
from bench.records.store import Store
from bench.system import reading, writing
from bench.text import Grid, as_text, counted, duration, named
from study.converged.convergence.anchor import late_epochs, late_sentence
from study.converged.parts import FOLDER, GPU, PARTS, SUBSET, Part
from study.results import processors
from study.results.findings import by_job
from study.runs import ROOT, readable

PAGE = ROOT / "docs/reproducibility.md"
TEMPLATE = Path(__file__).with_name("reproducibility.md")
SOURCES = Path(__file__).with_name("sources.toml")
FILES = {
    "npz": "[a .npz file](data.md#one-file), made of the published one",
    "package": "the package river, which flem-bench depends on",
    "photographs": "`bench data prepare NAME --raw FOLDER --extractor efficientnet-lite2`",
    "texts": "`bench data prepare NAME --raw FOLDER --extractor EXTRACTOR`",
    "texts by ids": "`bench data prepare NAME --raw FOLDER --ids FOLDER --extractor EXTRACTOR`; the ids of the split's "
    "documents are not published here, and without them other validation documents are drawn",
}
"""Ways to get the files, by the word that sources.toml has."""
NONE_YET = "No record of the study is committed yet.\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m study.converged.reproducibility", description=__doc__)
    parser.add_argument("--results", type=Path, default=FOLDER, help="the folder of the records")
    writing.write(PAGE, page(readable(Store(parser.parse_args().results)), beside()).encode())


def beside() -> dict[str, list[Record]]:
    """{folder in results/study: its records}."""
    return {one.parent.name: readable(Store(one.parent)) for one in sorted(FOLDER.glob(f"*/{PACKED}"))}


def page(records: Sequence[Record], others: Mapping[str, Sequence[Record]]) -> str:
    """The page of these records, and of those in folders of their own, some of them on a GPU."""
    values = {
        "runs": runs(records),
        "subset": subset(records),
        "parts": parts_table(costs([part for part in PARTS if not part.own], records)),
        "beside": beside_sentence(others),
        "methods": methods_table(budgets(records)),
        "chosen": chosen_table(choices(records)),
        "sets": sets_table(used(records)),
        "sources": sources_table(),
        "environments": environments_table(records),
        "on_gpu": again(records, others.get(GPU.name, [])),
        "late": late_sentence(late) if (late := late_epochs(records)) else NONE_YET.strip(),
        "failures": failures(records),
    }
    return reading.text(TEMPLATE).format(**values).rstrip() + "\n"


def runs(records: Sequence[Record]) -> str:
    """A sentence on the number of jobs and trainings, and the hours of all."""
    if not records:
        return NONE_YET.strip()
    trained = sum(len(record.result.grid) for record in records if record.result)
    seconds = sum(record.cost.seconds for record in records)
    failed = sum(record.status == "failed" for record in records)
    return (
        f"{counted(len(records))} ({failed} failed), each of a data set, a method and a seed; {trained} models fitted "
        f"in all, grids counted by their points; {seconds / 3600:.1f} hours of computing on one thread each."
    )


def subset(records: Sequence[Record]) -> str:
    """A sentence on what the jobs of ``make study-check`` took."""
    every = [part for part in costs(SUBSET, records) if part.name != BESIDE]
    there = sum(part.done for part in every)
    if not there:
        return NONE_YET.strip()
    jobs = counted(sum(part.jobs for part in every))
    took = duration(sum(part.seconds for part in every))
    return f"Of the {jobs} that it compares, {there} are among the records, for which they took {took} of computing."


BESIDE = "in no part"


@dataclass(frozen=True)
class PartCost:
    """Cost of a part of the study. A job that an earlier part has too is that one's."""

    name: str
    jobs: int
    done: int
    failed: int
    seconds: float


def costs(parts: Iterable[Part], records: Iterable[Record]) -> list[PartCost]:
    """Cost of each part, then of the jobs that are in none."""
    left = {(record.job.full_dataset, record.job.variant, record.job.seed): record for record in records}
    full_names = {name.partition("@")[0]: name for name, _, _ in left}
    planned: set[tuple[str, str, int]] = set()
    found = []
    for part in parts:
        datasets = [_full_name(spec, full_names) for spec in part.datasets]
        jobs = {(name, method, seed) for name in datasets for method in part.methods for seed in part.seeds} - planned
        planned |= jobs
        found.append(_cost(part.name, len(jobs), [left.pop(job) for job in jobs & left.keys()]))
    return [*found, _cost(BESIDE, len(left), list(left.values()))] if left else found


def _full_name(spec: str, known: dict[str, str]) -> str:
    """A data set as records name it; where the spec has no extractor, that of the records of this name."""
    parts = dataset_name(spec)
    base, _, extractor = parts.base.partition("@")
    plain, extractor = base + parts.suffix, extractor or parts.extractor
    return f"{plain}@{extractor}" if extractor else known.get(plain, plain)


def _cost(name: str, jobs: int, records: Sequence[Record]) -> PartCost:
    failed = sum(record.status == "failed" for record in records)
    return PartCost(name, jobs, len(records) - failed, failed, sum(record.cost.seconds for record in records))


def parts_table(found: Sequence[PartCost]) -> str:
    """Markdown of the parts, those without any record left out and named."""
    if not any(part.done + part.failed for part in found):
        return NONE_YET
    whole = PartCost(
        "all", *(sum(getattr(part, name) for part in found) for name in ("jobs", "done", "failed", "seconds"))
    )
    begun = [part for part in found if part.done + part.failed or not part.jobs]
    body = [
        [part.name, str(part.jobs), str(part.done), str(part.failed), f"{part.seconds / 3600:.2f}"]
        for part in [*begun, whole]
    ]
    table = as_text([Grid(["part", "jobs", "done", "failed", "hours"], body)], "pipe")
    left_out = [f"{part.name} ({part.jobs})" for part in found if part not in begun]
    return table + (f"\nNot run, with their jobs: {named(left_out, len(left_out))}.\n" if left_out else "")


def beside_sentence(others: Mapping[str, Sequence[Record]]) -> str:
    """Sentence on the jobs of each folder of its own, and their hours; empty without any."""
    told = []
    for name, records in others.items():
        hours = sum(record.cost.seconds for record in records) / 3600
        told.append(f"{counted(len(records))} in `results/study/{name}` ({hours:.1f} hours)")
    return f"Beside these: {named(told)}." if told else ""


@dataclass(frozen=True)
class Budget:
    """Tuning budget and cost of a method, over its jobs."""

    variant: str
    points: list[int]
    """Numbers of grid points that its jobs tried, ascending."""
    searched: dict[str, list[Any]]
    """{hyperparameter: values that were tried}."""
    jobs: int
    seconds: float
    """Median of a job, its whole grid included."""


def budgets(records: Iterable[Record]) -> list[Budget]:
    """Budget of each method, by name."""
    by_variant: dict[str, list[Record]] = {}
    for record in records:
        if record.result is not None:
            by_variant.setdefault(record.job.variant, []).append(record)
    found = []
    for variant, of_variant in sorted(by_variant.items(), key=lambda item: item[0].lower()):
        grids = [record.result.grid for record in of_variant if record.result]
        tried: dict[str, list[Any]] = {}
        for point in (point for grid in grids for point in grid):
            for name, value in point.hyperparameters.items():
                if value not in tried.setdefault(name, []):
                    tried[name].append(value)
        seconds = median(record.cost.seconds for record in of_variant)
        found.append(Budget(variant, sorted({len(grid) for grid in grids}), tried, len(of_variant), seconds))
    return found


def methods_table(found: Sequence[Budget]) -> str:
    """Markdown of the budgets."""
    if not found:
        return NONE_YET
    body = [
        [
            one.variant,
            " or ".join(map(str, one.points)),
            "; ".join(f"{name} {', '.join(map(_short, values))}" for name, values in one.searched.items()) or "nothing",
            str(one.jobs),
            duration(one.seconds),
        ]
        for one in found
    ]
    return as_text([Grid(["method", "points", "searched", "jobs", "median of a job"], body, numbers=False)], "pipe")


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def choices(records: Iterable[Record]) -> dict[str, Counter[float]]:
    """{hyperparameter: {value: jobs that chose it}}, of numbers that more than one value was tried of."""
    found: dict[str, Counter[float]] = {}
    for record in records:
        if record.result is None or record.result.selected.point is None:
            continue
        for name, chosen in record.result.selected.hyperparameters.items():
            tried = {point.hyperparameters.get(name) for point in record.result.grid}
            if len(tried) > 1 and isinstance(chosen, int | float):
                counts = found.setdefault(name, Counter())
                counts.update({value: 0 for value in tried if isinstance(value, int | float)})
                counts[chosen] += 1
    return found


def chosen_table(found: dict[str, Counter[float]]) -> str:
    """Markdown of the choices: values in ascending order, so that the ends of a range are seen."""
    if not found:
        return NONE_YET
    body = [
        [name, str(counts.total()), ", ".join(f"{value:g} in {counts[value]}" for value in sorted(counts))]
        for name, counts in sorted(found.items())
    ]
    return as_text([Grid(["searched", "jobs", "chosen"], body, numbers=False)], "pipe")


@dataclass(frozen=True)
class UsedSet:
    """A data set with all its folds and regimes."""

    name: str
    n_samples: dict[str, int]
    """{split: rows}, of the set itself where it ran, else of its first fold."""
    n_features: int
    n_labels: int
    forms: list[str]
    """Transforms that ran beside the set itself, "" for itself."""
    variants: int
    seeds: int


def used(records: Iterable[Record]) -> list[UsedSet]:
    """The data sets of the records, by name."""
    by_set: dict[str, list[Record]] = {}
    for record in records:
        if record.result is not None:
            by_set.setdefault(f"{dataset_name(record.job.dataset).base}@{record.job.extractor}", []).append(record)
    found = []
    for name, of_set in sorted(by_set.items(), key=lambda item: item[0].lower()):
        of_set.sort(key=lambda record: record.job)
        result = of_set[0].result
        assert result is not None
        forms = sorted({dataset_name(record.job.dataset).suffix for record in of_set})
        counts = (len({getattr(record.job, field) for record in of_set}) for field in ("variant", "seed"))
        found.append(UsedSet(name, result.n_samples, result.n_features, result.n_labels, forms, *counts))
    return found


def sets_table(found: Sequence[UsedSet]) -> str:
    """Markdown of the data sets' sizes."""
    if not found:
        return NONE_YET
    body = [
        [
            one.name,
            " / ".join(str(one.n_samples[split]) for split in ("train", "val", "test")),
            str(one.n_features),
            str(one.n_labels),
            ", ".join(f"`{form}`" for form in one.forms if form) or "itself",
            str(one.variants),
            str(one.seeds),
        ]
        for one in found
    ]
    headers = ["data set", "train / val / test", "features", "labels", "folds and regimes", "methods", "seeds"]
    return as_text([Grid(headers, body, numbers=False)], "pipe")


def sources_table() -> str:
    """Markdown of where the data sets of the parts come from."""
    told = reading.toml(SOURCES)
    names = dict.fromkeys(base_of(spec) for part in PARTS for spec in part.datasets)
    body = [[name, told[name]["source"], told[name]["terms"], FILES[told[name]["files"]]] for name in names]
    return as_text([Grid(["data set", "source", "terms", "how to get it"], body, numbers=False)], "pipe")


def base_of(spec: str) -> str:
    """Name of a data set without extractor and transforms."""
    return dataset_name(spec).base.partition("@")[0]


def environments_table(records: Iterable[Record]) -> str:
    """Markdown of the machines, versions and commits that jobs ran with."""
    commits: dict[tuple[str, str], Counter[str]] = {}
    for record in records:
        here = record.environment
        libraries = [f"{name} {version}" for name, version in here.get("libraries", {}).items() if version]
        device = str(here["device"]).partition(" (")[0]  # without how its threads wait
        machine = f"{here.get('processor')}, {here.get('cores')} cores, {device}, {here.get('system')}"
        software = ", ".join([f"Python {here.get('python')}", *libraries])
        commits.setdefault((machine, software), Counter())[str(here.get("commit"))] += 1
    if not commits:
        return NONE_YET
    body = [[*facts, ", ".join(sorted(of)), str(of.total())] for facts, of in sorted(commits.items())]
    return as_text([Grid(["machine", "software", "commits", "jobs"], body, numbers=False)], "pipe")


def again(records: Iterable[Record], on_gpu: Iterable[Record]) -> str:
    """A sentence and a table on the jobs that were computed on a GPU, too."""
    here, there = by_job(records), by_job(on_gpu)
    methods = list(dict.fromkeys(method for dataset, method, seed in there if (dataset, method, seed) in here))
    if not methods:
        return NONE_YET
    sets = named(sorted({dataset for dataset, _, _ in here.keys() & there}))
    said = " ".join(part(here, there, methods) for part in (processors.summary, processors.choices))
    return f"{said} The sets: {sets}.\n\n{processors.compared(here, there, methods)}"


def failures(records: Sequence[Record]) -> str:
    """A list of the jobs that failed, by the reason."""
    if not records:
        return NONE_YET.strip()
    reasons: dict[str, list[str]] = {}
    for record in records:
        if record.failure is not None:
            where = f"{record.job.variant} on {record.job.full_dataset}"
            if where not in (places := reasons.setdefault(record.problem.splitlines()[0].rstrip("."), [])):
                places.append(where)
    if not reasons:
        return "No job of the committed records failed."
    return "\n".join(f"- {named(places)}: {reason}." for reason, places in reasons.items())


if __name__ == "__main__":
    main()
