"""``python -m tests.end_to_end.chaos --rounds 50`` (``make chaos``): runs killed with SIGKILL, again and again.

Each round starts a run with two workers in a fresh folder, waits for a phase (before, during or after training, a
checkpoint's or the record's write) at one of its workers, kills that worker or the run itself, and runs again. Then
every record must be there once, with the result of an undisturbed run, and nothing else: no torn or temporary file, no
process. Writes are slowed down, or hardly a kill would hit one. A kill that hits nothing is not counted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.records.locks import running
from bench.records.record import Record
from bench.records.store import Store
from tests.end_to_end.test_program import copied_program

PHASES = ("before training", "training", "checkpoint", "after training", "record write")
VICTIMS = ("worker", "run")
ROWS = ("BCE", "ML-KNN", "FLEM-D", "LEVI")
SETTINGS = """
[run]
checkpoint_seconds = 0.2
[methods."FLEM-D"]
base = "FLEM-D"
grid = { alpha = [0.01, 0.1], beta = [0.01] }
[methods."LEVI"]
base = "LEVI"
grid = {}
"""
SLOW_WRITES = """
import os, time
flush = os.fsync
def slow_flush(descriptor):
    time.sleep(0.1)
    flush(descriptor)
os.fsync = slow_flush
"""
SECONDS_TO_VANISH = 10


@dataclass(frozen=True)
class Kill:
    phase: str
    victim: str


class Chaos:
    def __init__(self, folder: Path, epochs: int, seed: int) -> None:
        self.folder, self.epochs = folder, epochs
        self.random = random.Random(seed)
        self.program = copied_program(folder)  # so that work on the code does not make records stale
        (folder / "slow").mkdir()
        (folder / "slow/sitecustomize.py").write_text(SLOW_WRITES)
        self.expected = self.undisturbed()

    def undisturbed(self) -> dict[str, dict]:
        home = self.home("undisturbed")
        code = self.start(home, "--jobs", "1", slow=False).wait()
        assert code == 0, f"the undisturbed run ended with {code}"
        return results_of(home)

    def home(self, name: str) -> Path:
        home = self.folder / name
        home.mkdir()
        (home / "bench.toml").write_text(SETTINGS)
        return home

    def start(self, home: Path, *options: str, slow: bool = True) -> subprocess.Popen:
        path = os.pathsep.join([str(self.folder / "slow")] * slow + [str(self.program)])
        with (home / "output.txt").open("a") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "bench", "run", "--methods", *ROWS, "--epochs", str(self.epochs), *options],
                cwd=home,
                env={**os.environ, "PYTHONPATH": path, "BENCH_DATA": ""},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def round(self, number: int, wanted: Kill) -> Kill | None:
        """What was killed, None if nothing was; AssertionError for anything that is not as it must be."""
        home = self.home(f"round-{number}")
        store = Store(home / "results/runs")
        process = self.start(home, "--jobs", "2")
        hit = self.kill(process, store, wanted)
        family = descendants(process.pid)
        code = process.wait()
        if hit is not None and hit.victim == "run":
            gone = time.monotonic() + SECONDS_TO_VANISH
            while left := [pid for pid in family if alive(pid)]:
                assert time.monotonic() < gone, f"processes {left} outlive their run"
                time.sleep(0.05)
            for _, found in store.records():  # whatever is there is whole
                assert isinstance(found, Record), str(found)
            code = self.start(home, "--jobs", "2").wait()
        said = (home / "output.txt").read_text()
        assert code == 0, f"the run ended with {code}:\n{said}"
        assert results_of(home) == self.expected, "the results are not those of an undisturbed run"
        rubbish = [path for path in store.folder.rglob("*") if path.is_file() and not expected_file(path)]
        assert not rubbish, f"files were left behind: {rubbish}"
        assert running(store) == []
        return hit

    def kill(self, process: subprocess.Popen, store: Store, wanted: Kill) -> Kill | None:
        """Wait for the wanted phase at some worker, a random while more, and kill, if the phase still lasts."""
        skip = self.random.choice([0, 0, 1, 2])  # not always the first worker that comes by
        passed: set[tuple[int, str]] = set()
        family: set[int] = set()
        while process.poll() is None:
            for pid, phase in phases(store).items():
                if phase != wanted.phase:
                    continue
                if len(passed) < skip and (pid, phase) not in passed:
                    passed.add((pid, phase))
                    continue
                time.sleep(self.random.uniform(0, 0.04))
                family = descendants(process.pid)
                if phases(store).get(pid) != phase or pid not in family:
                    continue
                os.kill(pid if wanted.victim == "worker" else process.pid, signal.SIGKILL)
                return wanted
            time.sleep(0.001)
        return None


def phases(store: Store) -> dict[int, str]:
    """{worker: what it is at}."""
    found = {}
    for one in running(store):
        within = "training" if "epoch" in one.what else "after training"
        found[one.pid] = within if one.what else "before training"
    for path in store.folder.glob("*@*/*/.seed-*.tmp"):
        found[int(path.name.split(".")[-2])] = "record write"
    for path in store.folder.glob("*@*/*/.seed-*.checkpoints/.*.tmp"):
        found[int(path.name.split(".")[-2])] = "checkpoint"
    return found


def results_of(home: Path) -> dict[str, dict]:
    store = Store(home / "results/runs")
    return {str(path.relative_to(store.folder)): json.loads(path.read_text())["result"] for path in store.paths()}


def expected_file(path: Path) -> bool:
    return path.name == "run.json" or path.name in ("seed-0.json", "seed-0.scores.npz")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> set[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    family, size = {pid}, 0
    while len(family) != size:
        size = len(family)
        family |= {child for child, parent in parents.items() if parent in family}
    return family - {pid}


def run(rounds: int, epochs: int, seed: int) -> Counter[Kill]:
    """Kills that hit, by phase and victim, ``rounds`` in all."""
    hits: Counter[Kill] = Counter()
    wanted = itertools.cycle(itertools.starmap(Kill, itertools.product(PHASES, VICTIMS)))
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), epochs, seed)
        target = next(wanted)
        for number in itertools.count():
            if hits.total() == rounds:
                break
            assert number < 3 * rounds, f"kills keep missing {target}"
            hit = chaos.round(number, target)
            print(f"round {number}: {f'{hit.victim} killed, {hit.phase}' if hit else 'nothing hit'}", flush=True)
            if hit is not None:
                hits[hit] += 1
                target = next(wanted)
    return hits


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    begin = time.monotonic()
    hits = run(given.rounds, given.epochs, given.seed)
    for phase in PHASES:
        print(f"{phase:16} " + ", ".join(f"{victim} killed {hits[Kill(phase, victim)]}" for victim in VICTIMS))
    print(f"{hits.total()} rounds in {(time.monotonic() - begin) / 60:.1f} min; every result as undisturbed.")


if __name__ == "__main__":
    main()
