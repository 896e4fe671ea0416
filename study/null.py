"""False alarms of ``bench stats`` between copies of one method, where nothing differs: ``python -m study.null`` stores
study/null.json and writes docs/statistics.md.

Plain BCE is trained with SEEDS seeds on small real sets. A copy takes one of a set's seeds at random (or several, and
their mean), so COPIES copies differ by nothing but their seeds; whatever a test finds between them is false.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis.bootstrap import intervals, resamples, values_of
from bench.analysis.hypothesis_tests import ALPHA, critical_difference, friedman, holm, wilcoxon_p
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.artifacts import SCORES, kept_file, read_scores
from bench.records.record import Record
from bench.records.store import Store
from bench.system import writing
from study import statistics_page
from study.runs import bench

SETS = ("emotions", "flags", "birds", "scene", "yeast", "foodtruck", "cal500", "image_subset600")
SEEDS = 40
COPIES = 13
ROUNDS = 1000
METRICS = tuple(metric.key for metric in PAPER_METRICS)


def main() -> None:
    writing.write(statistics_page.NULL, (json.dumps(run(), indent=1) + "\n").encode())
    statistics_page.main()


def run() -> dict[str, Any]:
    """Train the copies in a folder that is thrown away, and count."""
    data = os.environ.get("BENCH_DATA")
    if not data:
        sys.exit(f"needs {', '.join(SETS)}; set BENCH_DATA to a folder with them")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = folder / "runs"
        seeds = [str(seed) for seed in range(SEEDS)]
        names = ("--methods", "BCE", "--epochs", "30", "--seeds", *seeds, "--data", str(Path(data).resolve()))
        bench("run", results, ["--datasets", *SETS, *names], folder)
        return rates(Store(results))


def rates(store: Store) -> dict[str, Any]:
    """Rates of findings among the records, with the numbers of sets, seeds, copies and rounds."""
    records = {}
    for _, record in store.records():
        assert isinstance(record, Record)
        records[record.job.dataset, record.job.seed] = record
    return {
        "sets": len(SETS),
        "seeds": SEEDS,
        "copies": COPIES,
        "rounds": ROUNDS,
        "rounds_within": ROUNDS // 10,
        "over_sets": over_sets(records, ROUNDS),
        "within_sets": within_sets(store, records, ROUNDS // 10),
    }


def over_sets(records: dict, rounds: int) -> dict[str, dict[str, float]]:
    """{metric: {test: share of rounds in which it finds something}}."""
    random = np.random.default_rng(0)
    apart = critical_difference(COPIES, len(SETS))
    shares = {}
    for metric in PAPER_METRICS:
        values = np.array([[records[name, seed].result.test[metric.key] for seed in range(SEEDS)] for name in SETS])
        hits = dict.fromkeys(("iman_davenport", "any_nemenyi_pair", "any_wilcoxon_after_holm"), 0)
        for _ in range(rounds):
            drawn = np.stack([random.permutation(line)[:COPIES] for line in values])
            test = friedman(drawn, metric.lower_is_better)
            hits["iman_davenport"] += test.f_p < ALPHA
            hits["any_nemenyi_pair"] += max(test.mean_ranks) - min(test.mean_ranks) > apart
            against = holm([wilcoxon_p(drawn[:, copy] - drawn[:, 0]) for copy in range(1, COPIES)])
            hits["any_wilcoxon_after_holm"] += any(p < ALPHA for p in against)
        shares[metric.key] = {test: float(count / rounds) for test, count in hits.items()}
    return shares


def within_sets(store: Store, records: dict, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """{seeds of a copy: {metric: {set: share of rounds in which some interval of the other copies against the first
    misses zero}}}."""
    shares: dict[str, dict[str, dict[str, float]]] = {count: {metric: {} for metric in METRICS} for count in "123"}
    for name in SETS:
        kept = []
        for seed in range(SEEDS):
            record = records[name, seed]
            file = kept_file(record, store.path(record.job), SCORES)
            assert file is not None
            kept.append(read_scores(file))
        counts = resamples(len(kept[0].y))
        values = [values_of(scores, METRICS, counts) for scores in kept]
        for seeds in (1, 2, 3):
            for metric in METRICS:
                random = np.random.default_rng(0)
                hits = 0
                for _ in range(rounds):
                    drawn = random.permutation(SEEDS)[: COPIES * seeds].reshape(COPIES, seeds)
                    copies = {
                        str(copy): {place: values[seed][metric] for place, seed in enumerate(line)}
                        for copy, line in enumerate(drawn)
                    }
                    hits += any(interval.p < ALPHA for interval in intervals(copies, "0"))
                shares[str(seeds)][metric][name] = hits / rounds
    return shares


if __name__ == "__main__":
    main()
