"""``python -m perf.released --flem FOLDER``: FLEM's released program and this harness on one data set, timed in turns.

    python -m perf.released --flem FLEM             # a copy of github.com/ailearn-ml/FLEM, which is not shipped
    python -m perf.released --rewrite               # without one: its loop written anew, perf/released/loop.py
    python -m perf.released --flem FLEM --cores 2 --data FOLDER --dataset VOC07tv@efficientnet-lite2 --store

The released program runs one configuration: FLEM-D, alpha = beta = 0.001, 30 epochs, its own loader, four metrics on
validation data after each epoch, and a test. It is run as it is, on a copy that holds the data set under the name that
it asks for. Ours is ``bench run`` of that configuration and of the grid of sixteen. Seconds are of whole processes.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy import sparse

import bench
from bench.datasets.dataset import Dataset
from bench.errors import UsageError
from bench.records.record import Record
from bench.records.store import Store
from bench.system import writing

ROOT = Path(__file__).parent.parent.parent
ENTRY = "run_flem.py"
NEEDED = (ENTRY, "methods/flem.py", "methods/template.py", "datasets/datasets.py", "utils/metrics.py", "utils/utils.py")
KNOWN_AS = "datasets/data/VOC2007_{}_{}"
"""Its files of a split, and of features or labels."""
CONFIGURATIONS = 16
FIXED, GRID = "FLEM-D fixed", "FLEM-D"
SETTINGS = f"""
[methods."{FIXED}"]
base = "FLEM-D"
grid = {{}}
alpha = 0.001
beta = 0.001
"""
VALUE = re.compile(r"^Hamming: ([\d.e-]+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """Seconds of a configuration or of a grid, and its Hamming loss on test data."""

    seconds: float
    hamming: float


@dataclass(frozen=True)
class Other:
    """The other side: a copy of the released program, or its loop written anew."""

    copy: Path | None

    @property
    def name(self) -> str:
        return "the released program" if self.copy else "a re-write of the released program's loop"

    def prepare(self, folder: Path, data: Dataset) -> None:
        """Make a folder in which the program finds its sources and the data set."""
        if self.copy:
            shutil.copytree(self.copy, folder, ignore=_not_sources)
        for split, part in data.splits.items():
            features, labels = io.BytesIO(), io.BytesIO()
            np.lib.format.write_array(features, np.ascontiguousarray(part.x, dtype=np.float32))
            sparse.save_npz(labels, sparse.csr_matrix(part.y))
            for name, made in (("features_imagenet_resnet50.npy", features), ("labels.npz", labels)):
                path = folder / KNOWN_AS.format(split, name)
                writing.make_folder(path.parent)
                writing.write(path, made.getvalue())

    def run(self, folders: Sequence[Path], threads: int) -> Run:
        """Run the program in all the folders at once, with so many threads each: seconds a configuration."""
        command = [sys.executable, ENTRY] if self.copy else [sys.executable, "-m", "perf.released.loop"]
        environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
        environment |= {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": "" if self.copy else str(ROOT)}
        for folder in folders:
            shutil.rmtree(folder / "save", ignore_errors=True)  # it tests what it finds trained
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        start = time.perf_counter()
        running = [subprocess.Popen(command, cwd=folder, env=environment, **pipes) for folder in folders]
        printed = [process.communicate()[0] for process in running]
        seconds = (time.perf_counter() - start) / len(folders)
        for process, text in zip(running, printed, strict=True):
            if process.returncode or not VALUE.search(text):
                last = (text.strip().splitlines() or ["nothing"])[-1]
                raise UsageError(f"{self.name} ended with code {process.returncode}; the last that it said: {last}")
        return Run(seconds, float(VALUE.findall(printed[0])[-1]))


def _not_sources(folder: str, names: list[str]) -> list[str]:
    """Names that are not copied: data, trained models, hidden folders."""
    folders = {name for name in names if Path(folder, name).is_dir() and name not in ("data", "save")}
    return [name for name in names if name.startswith(".") or not (name in folders or name.endswith(".py"))]


def checked(folder: Path) -> Path:
    """The folder, if it holds the released program.

    Raises
    ------
    UsageError: naming what is not there.
    """
    absent = [name for name in NEEDED if not (folder / name).is_file()]
    if absent:
        raise UsageError(f"{folder} holds no {absent[0]}; give a copy of github.com/ailearn-ml/FLEM, or --rewrite.")
    return folder


def ours(folder: Path, variant: str, dataset: str, data: str | None, jobs: int) -> Run:
    """``bench run`` of a variant, from nothing."""
    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    where = ["--data", str(Path(data).absolute())] if data else []
    command = [sys.executable, "-m", "bench", "run", "--datasets", dataset, "--methods", variant, *where]
    command += ["--results", str(results), "--jobs", str(jobs), "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    record = next((found for _, found in Store(results).records()), None)
    if done.returncode or not isinstance(record, Record):
        raise UsageError(
            f"bench run ended with code {done.returncode}: {(done.stderr.strip() or '?').splitlines()[-1]}"
        )
    return Run(seconds, float(record.metrics["hamming"] or 0.0))


def measure(other: Other, dataset: str, data: str | None, cores: Sequence[int], rounds: int) -> dict[str, Any]:
    """Seconds of both sides, in turns, for each number of cores; medians of the rounds."""
    loaded = bench.load_dataset(dataset, folder=data)
    found: dict[str, Any] = {"other": other.name, "rewrite": other.copy is None, "rounds": rounds}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name, "ours")
        writing.make_folder(work)
        writing.write(work / "bench.toml", SETTINGS.encode())
        copies = [Path(name, f"copy {number + 1}") for number in range(max(cores))]
        for copy in copies:
            other.prepare(copy, loaded)
        ours(work, FIXED, loaded.full_name, data, 1)  # fingerprints of data and sources are remembered
        for count in cores:
            turns = [_turn(other, copies, work, loaded.full_name, data, count) for _ in range(rounds)]
            found[f"cores_{count}"] = _medians(turns, count)
    train = loaded.splits["train"]
    return {**found, "dataset": loaded.full_name, "shape": [*train.x.shape, train.y.shape[1]]}


def _turn(
    other: Other, copies: Sequence[Path], work: Path, dataset: str, data: str | None, cores: int
) -> dict[str, Run]:
    turn = {"alone": other.run(copies[:1], cores)}
    if cores > 1:
        turn["side by side"] = other.run(copies[:cores], 1)
    return turn | {name: ours(work, name, dataset, data, cores) for name in (FIXED, GRID)}


def _medians(turns: Sequence[dict[str, Run]], cores: int) -> dict[str, float]:
    """Medians of seconds a configuration (ours: of the grid too) and of the turns' ratios."""
    ways = ["alone", *(["side by side"] if cores > 1 else [])]
    seconds = {name: median(turn[name].seconds for turn in turns) for name in (*ways, FIXED, GRID)}
    found = {f"other_seconds_{way.replace(' ', '_')}": seconds[way] for way in ways}
    found |= {"seconds_of_the_configuration": seconds[FIXED], "seconds_of_the_grid": seconds[GRID]}
    found["ratio_of_the_configuration"] = median(turn["alone"].seconds / turn[FIXED].seconds for turn in turns)
    for way in ways:
        ratio = median(CONFIGURATIONS * turn[way].seconds / turn[GRID].seconds for turn in turns)
        found[f"ratio_of_the_grid_{way.replace(' ', '_')}"] = ratio
    return found | {"other_hamming": turns[0]["alone"].hamming, "hamming_of_the_configuration": turns[0][FIXED].hamming}


def described(found: dict[str, Any]) -> list[str]:
    """The measurement and its scaling, as lines of text."""
    rows, features, labels = found["shape"]
    lines = [f"{found['dataset']}, {rows} x {features}, {labels} labels; the other is {found['other']}."]
    for cores, one in ((key.removeprefix("cores_"), one) for key, one in found.items() if key.startswith("cores_")):
        table = [
            ("one configuration, the other", one["other_seconds_alone"], f"Hamming loss {one['other_hamming']:.4f}"),
            (
                "one configuration, bench run",
                one["seconds_of_the_configuration"],
                f"Hamming loss {one['hamming_of_the_configuration']:.4f}; {one['ratio_of_the_configuration']:.1f}x",
            ),
            (
                f"grid of {CONFIGURATIONS}, bench run",
                one["seconds_of_the_grid"],
                f"{one['ratio_of_the_grid_alone']:.1f}x the other's {CONFIGURATIONS}, one after another",
            ),
        ]
        if "other_seconds_side_by_side" in one:
            table.insert(1, (f"the other, {cores} at once", one["other_seconds_side_by_side"], "a configuration"))
            table[-1] = (
                *table[-1][:2],
                f"{table[-1][2]}; {one['ratio_of_the_grid_side_by_side']:.1f}x {cores} at once",
            )
        lines += [f"Cores: {cores}", *(f"  {what:<32}{seconds:8.1f} s   {note}" for what, seconds, note in table)]
    return [*lines, f"The other side has one configuration a run; its {CONFIGURATIONS} are {CONFIGURATIONS} times one."]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m perf.released", description=__doc__.split("\n")[0])
    parser.add_argument("--flem", type=Path, metavar="FOLDER", help="a copy of the authors' repository")
    parser.add_argument("--rewrite", action="store_true", help="its loop written anew, where there is no copy")
    parser.add_argument("--dataset", default="VOC07tv")
    parser.add_argument("--data", metavar="FOLDER", help="searched for the data set; default: BENCH_DATA")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--store", action="store_true", help="keep it among this processor's perf/results*.json")
    given = parser.parse_args()
    try:
        if given.flem is None and not given.rewrite:
            raise UsageError(
                "give --flem FOLDER, a copy of github.com/ailearn-ml/FLEM, which is not shipped, or --rewrite."
            )
        other = Other(checked(given.flem) if given.flem else None)
        found = measure(other, given.dataset, given.data, given.cores, given.rounds)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(described(found)))
    if given.store:
        from perf.machine import stamp
        from perf.stored import read, store, stored_here

        store(stored_here(), read(stored_here()) | {"released": {**found, "measured": stamp()}})
    return 0


if __name__ == "__main__":
    sys.exit(main())
