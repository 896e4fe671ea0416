"""Calls of ``bench run`` by a program, packed records, and fresh records beside committed ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from bench import methods
from bench.config import Config
from bench.datasets.catalog import data_folders
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan import digests
from bench.plan.probes import current_probes
from bench.plan.states import JobState, changed_parts, collect, expected_now
from bench.records.packed import PACKED, digest_of, pack, unpacked
from bench.records.record import AlsoSelected, CorruptRecordError, Manifest, Record, Result, as_json
from bench.records.store import Store
from bench.text import named

ROOT = Path(__file__).parent.parent


def bench(verb: str, results: Path, options: Sequence[str], settings: Path) -> None:
    """Run a verb into a results folder, with the bench.toml of ``settings``; end the program where it cannot run."""
    command = [sys.executable, "-m", "bench", verb, "--results", str(results), "--jobs", "auto", *options]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # The working folder is another one there, and so would be data folders that are given relative to this one.
    data = os.pathsep.join(os.path.abspath(one) for one in os.environ.get("BENCH_DATA", "").split(os.pathsep) if one)
    environment = {**os.environ, "PYTHONPATH": path, "BENCH_DATA": data}
    done = subprocess.run(command, cwd=settings, check=False, env=environment)
    if done.returncode not in (0, 1):
        sys.exit(done.returncode)


def run(results: Path, settings: Path, datasets: Sequence[str], seeds: range, methods: Sequence[str]) -> None:
    """Run every method on every data set with every seed; what is done is not done again."""
    chosen = ["--datasets", *datasets, "--seeds", *map(str, seeds), "--methods", *methods]
    bench("run", results, chosen, settings)


def readable(store: Store) -> list[Record]:
    """Records of a folder, failures too."""
    return [record for _, record in store.records() if isinstance(record, Record)]


def done(store: Store) -> list[Record]:
    """Records of the jobs of a folder that are done."""
    return [record for record in readable(store) if record.status == "done"]


def packed(records: Sequence[Record], runs: Path, folder: Path) -> Manifest:
    """Pack records of the runs into a folder, with the manifest of the runs."""
    path = pack(records, folder)
    manifest = replace(Store(runs).manifest(), files={})  # where the data lay is of this machine alone
    Store(folder).write_manifest(manifest)
    print(f"{len(records)} records, {path.stat().st_size / 1e6:.2f} MB")
    return manifest


def committed(store: Store, config: Config) -> list[JobState]:
    """States of the records as they were made, whatever data sets are here."""
    return collect(store, replace(config, datasets={}), [])


def renew(results: Path, before: Path, least: int, folders: Mapping[Path, Config]) -> None:
    """Write today's keys and probes into committed records, whose results stay as they are.

    A data set that is not here keeps its digest. A record whose protocol or options are others now is refused.

    Parameters
    ----------
    results, before: runs of the same jobs, at least so many, by today's code and by that of the records.
    folders: {committed records: their settings}.
    """
    two = [
        {record.job: digest_of(record.result) for record in done(Store(folder)) if record.result}
        for folder in (before, results)
    ]
    different = [job for job in two[0] if two[0][job] != two[1].get(job)]
    if different or len(two[0]) < least:
        sys.exit(f"{len(two[0])} jobs, of which {len(different)} differ: {', '.join(map(str, different))}")
    for folder, config in folders.items():
        methods.add_folders(folder / one for one in config.method_folders)
        every = expected_now(Store(folder), config, data_folders(config, None))
        if gone := [str(expected.job) for expected in every if expected.key is None]:
            sys.exit(f"{named(gone)}: there is no such method or variant today")
        probes = current_probes(
            (expected.request, expected.key) for expected in every if expected.request and expected.key
        )
        renewed = []
        for expected, probe in zip(every, probes, strict=True):
            record, key = expected.record, expected.key
            assert isinstance(record, Record)
            assert key is not None
            if changed := {"protocol", "hyperparameters", "seed"}.intersection(changed_parts(record, key)):
                sys.exit(f"{expected.job}: {', '.join(changed)} changed; its results are not today's")
            kept = record.key["data"][: digests.DIGEST_LENGTH]
            if not key["data"].startswith(kept):
                sys.exit(f"{expected.job}: its data changed")
            renewed.append(replace(record, key={**key, "data": kept}, probe_json=as_json(probe)))
        path = pack(renewed, folder)
        print(f"{len(renewed)} records, {path.stat().st_size / 1e6:.2f} MB: {path}")


EQUAL = ("byte for byte", "equal to four digits")


def check(results: Path, folder: Path) -> int:
    """Compare fresh records with the committed ones of a folder, and say what differs.

    Returns
    -------
    1 where a fresh job failed, or a metric differs in its four printed digits, or nothing could be compared; else 0.
    """
    known = {record.job: record for _, record in unpacked(folder / PACKED)}
    outcome: Counter[str] = Counter()
    elsewhere: set[str] = set()
    for _, record in Store(results).records():
        before = known.get(record.job) if isinstance(record, Record) else None
        if not isinstance(record, Record) or before is None or before.result is None:
            outcome["not comparable"] += 1
            print(record if isinstance(record, CorruptRecordError) else f"{record.job}: no result of it is committed")
            continue
        if record.result is None:
            outcome["failed"] += 1
            print(f"{record.job} failed: {record.problem}")
            continue
        if digest_of(record.result) == digest_of(before.result):
            outcome["byte for byte"] += 1
            continue
        different = list(differences(before.result, record.result))
        outcome["equal to four digits" if not different else "different"] += 1
        for metric, old, new in different:
            print(f"{record.job}: {metric} was {old} and is {new}")
        if different and (parts := changed_parts(record, before.key)):
            print(f"{record.job} was made with another {' and '.join(parts)}")
        there, here = (made.environment["processor"] for made in (before, record))
        if different and there != here:
            elsewhere.add(f"{there}, and here on {here}")
    print(", ".join(f"{count} {name}" for name, count in outcome.items()) or "there is nothing to compare")
    for two in sorted(elsewhere):
        print(f"Those that differ were computed on {two}: see docs/results/seeds.md, what another processor does.")
    return int(bool(outcome["different"] or outcome["failed"]) or not any(outcome[name] for name in EQUAL))


def differences(before: Result, now: Result) -> Iterator[tuple[str, str, str]]:
    """(metric, value before, value now) of the paper's metrics on test data that differ in their four printed digits,
    by each metric that the epoch and the grid point were selected by."""
    for criterion, selected in _selected(before).items():
        for metric in PAPER_METRICS:
            made = [one.test[metric.key] if one else None for one in (selected, _selected(now).get(criterion))]
            old, new = ("undefined" if value is None else f"{value:.4f}" for value in made)
            if old != new:
                yield metric.title + (f", selected by {criterion}," if criterion else ""), old, new


def _selected(result: Result) -> dict[str, Result | AlsoSelected]:
    """{metric: what it selects}; under "" that of the protocol's own."""
    return {"": result, **(result.also_selected if isinstance(result.also_selected, dict) else {})}
