"""The reference run: ``python -m study.reference run|pack|elsewhere|check|renew [--subset] [--results FOLDER]``.

run        every job of the reference, in resumable parts; what is done is not done again
pack       the records into results/reference/records.jsonl.xz, and the tables they give
elsewhere  the same of another processor, into results/reference/another-processor, or of a GPU, into
           results/reference/gpu, for what it does to results
check      a fresh run's results against the committed ones, byte for byte and to four digits
renew      the keys and probes of the committed records, once today's code has given the same bytes as the code of the
           records: two runs of the subset on one machine, in --results and --before

Data folders come from BENCH_DATA. Variants of its own are in results/reference/bench.toml.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import msgspec
import numpy as np

from bench import config as configuration
from bench.analysis.within_datasets import RESAMPLED, resampled
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.costs import computed_on_gpu
from bench.plan.variants import variants_of
from bench.records.artifacts import KeptFile, read_scores
from bench.records.store import Store
from bench.system import writing
from bench.tables.comparison import comparison
from bench.tables.render import Look, render_all
from study import runs
from study.results.findings import LIKE_THE_PAPER
from study.runs import ROOT, bench, check, committed, done, packed, readable, renew

FOLDER = ROOT / "results/reference"
RECOVERY = FOLDER / "recovery"
DELICIOUS = FOLDER / "delicious"
"""983 labels: one seed, and four grid points of FLEM, by the bench.toml there."""
METHODS = FOLDER / "methods"
"""Of the methods that the paper does not compare."""
SENTENCES = FOLDER / "sentences"
ANOTHER_PROCESSOR = FOLDER / "another-processor"
"""One seed of the data that were at hand there."""
GPU = FOLDER / "gpu"
"""As of another processor."""
MEASURED = "measured.json"
"""Facts from kept scores, which are not committed."""
WITHIN = "within.jsonl"
"""Intervals of CONTROL against the others over test instances and seeds, from kept scores; a line a data set."""
CONTROL = "FLEM-D"
SMALL = ["yeast", "emotions", "scene", "birds", "medical", "enron"]
LARGE = ["bibtex", "corel5k", "tmc2007_500"]
OWN_VARIANTS = ["FLEM-D legacy", "FLEM-I separate"]
VOC_VARIANTS = ["R-FL VOC", "DB VOC"]
ENHANCEMENT = ["FCM", "KM", "LP", "ML", "GLLE"]
ONE, THREE = range(1), range(3)
"""Seeds of a part."""
PAPER = ["@paper"]
PARTS: list[tuple[list[str], range, list[str]]] = [
    ([*LIKE_THE_PAPER, *SMALL], ONE, PAPER),
    ([*LIKE_THE_PAPER, "yeast", "scene"], ONE, OWN_VARIANTS),
    (LARGE, ONE, PAPER),
    ([*LIKE_THE_PAPER, *SMALL], THREE, PAPER),
    ([*LIKE_THE_PAPER, "yeast", "scene"], THREE, OWN_VARIANTS),
    (["emotions", "birds", "yeast", "scene"], THREE, ENHANCEMENT),
    ([*LIKE_THE_PAPER, *SMALL], THREE, ["RAkELo"]),
    (LARGE, THREE, PAPER),
    (["VOC07tv"], THREE, VOC_VARIANTS),
]
"""(data sets, seeds, methods), by falling importance."""
BEYOND_THE_PAPER: list[tuple[list[str], range, list[str]]] = [
    (["yeast", "emotions", "scene", "VOC07tv", "Reuters"], ONE, [
        "@losses", "@partial-labels", "BR", "CC", "ECC", "SVM", "SVM micromacro", "@trees", "BRkNN", "Prototypes",
        "LIBLE", "ConLE", "LEIC", "SMILE",
    ]),
    (["VOC07tv[observed=1]"], THREE, [
        "BCE", "@partial-labels", "ASL", "ASL .8", "Hill", "SPLC", "SMILE", "RF", "BRkNN",
    ]),
]  # fmt: skip
"""As ``PARTS``, of the methods that the paper does not compare; packed into a folder of their own."""
SUBSET: list[tuple[list[str], range, list[str]]] = [
    (["yeast", "emotions"], ONE, ["ML-KNN", "RAKEL", "FL", "CB", "R-FL", "DB", "BS", "BCE", "FLEM-I", "FLEM-II"]),
    (["VOC07tv"], ONE, ["LEVI", "VALEN", "FLEM-S", "FLEM-T", "FLEM-D", "FLEM-I separate"]),
]
"""Under ten minutes on two cores."""
SUBSET_JOBS = sum(len(datasets) * len(seeds) * len(variants) for datasets, seeds, variants in SUBSET)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m study.reference", description=__doc__)
    parser.add_argument("what", choices=("run", "pack", "elsewhere", "check", "renew"))
    parser.add_argument("--before", type=Path, help="renew: the subset as the code of the records computes it here")
    parser.add_argument("--subset", action="store_true", help="the part that takes under ten minutes")
    parser.add_argument("--results", type=Path, default=FOLDER / "runs", help="the folder of the fresh records")
    arguments = parser.parse_args()
    results = arguments.results.resolve()
    if arguments.what == "run":
        run(results, SUBSET if arguments.subset else PARTS, beyond=not arguments.subset)
    elif arguments.what == "pack":
        write(results)
    elif arguments.what == "elsewhere":
        records = done(Store(results))
        packed(records, results, GPU if any(map(computed_on_gpu, records)) else ANOTHER_PROCESSOR)
    elif arguments.what == "renew":
        renew(results, arguments.before.resolve(), SUBSET_JOBS, {
            folder: configuration.load(DELICIOUS if folder == DELICIOUS else FOLDER)
            for folder in (FOLDER, METHODS, SENTENCES, ANOTHER_PROCESSOR, GPU, RECOVERY, DELICIOUS)
        })  # fmt: skip
    else:
        sys.exit(check(results, FOLDER))


def run(results: Path, parts: list[tuple[list[str], range, list[str]]], beyond: bool) -> None:
    """Run the parts; ``beyond`` them the methods that the paper does not compare, the recovery track, and delicious."""
    for datasets, seeds, variants in parts:
        runs.run(results, FOLDER, datasets, seeds, variants)
    if beyond:
        run(runs_beside(results, METHODS), BEYOND_THE_PAPER, beyond=False)
        bench("recover", runs_beside(results, RECOVERY), [], FOLDER)
        bench("run", runs_beside(results, DELICIOUS), ["--datasets", "delicious", "--seeds", "0"], DELICIOUS)


def runs_beside(results: Path, packed: Path) -> Path:
    """Folder of the fresh records that are packed into a folder of their own: beside the others'."""
    return results.with_name(f"{packed.name}-{results.name}")


def write(results: Path) -> None:
    """Write the packed records, and of them every table in Markdown and LaTeX."""
    store, config = Store(results), configuration.load(FOLDER)
    manifest = packed(done(store), results, FOLDER)
    for folder in (METHODS, RECOVERY, DELICIOUS):
        if (beside := runs_beside(results, folder)).is_dir():
            # A failure of the methods that the paper does not compare is a finding.
            packed(readable(Store(beside)) if folder == METHODS else done(Store(beside)), beside, folder)
    states = committed(Store(FOLDER), config)
    tables = [comparison(states, metric, config, manifest, list(variants_of(config))) for metric in PAPER_METRICS]
    for form, suffix in (("markdown", "md"), ("latex", "tex")):
        writing.write(FOLDER / f"tables.{suffix}", render_all(tables, form, Look("page")).encode())
    variants = [*tables[0].ranked, "BCE"]
    writing.write(FOLDER / MEASURED, (json.dumps(measured(store), indent=1, sort_keys=True) + "\n").encode())
    within = resampled(committed(store, config), variants, CONTROL, RESAMPLED)
    writing.write(FOLDER / WITHIN, b"".join(msgspec.json.encode(intervals) + b"\n" for intervals in within))


def measured(store: Store) -> dict[str, dict[str, float]]:
    """{data set: facts from the kept test scores}: the label density, and how far RAKEL's scores are saturated."""
    facts: dict[str, dict[str, float]] = {}
    for path in sorted(store.folder.glob("*@*/RAKEL/seed-0.scores.npz")):
        kept = read_scores(KeptFile(path))
        highest = kept.scores.max(1, keepdims=True)
        facts[path.parts[-3].partition("@")[0]] = {
            "density": float(kept.y.mean()),
            "saturated": float((np.minimum(kept.scores, 1 - kept.scores) < 1e-6).mean()),
            "tied at the top": float(((kept.scores == highest).sum(1) > 1).mean()),
        }
    return facts


if __name__ == "__main__":
    main()
