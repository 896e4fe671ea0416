"""``python -m tests.end_to_end.chaos --rounds 50`` (``make chaos``): runs disturbed in every way, again and again.

Each round starts a run with two workers in a fresh folder and disturbs it: waits for a phase (before, during or after
training, a checkpoint's or the record's write) at one of its workers and kills that worker or the run itself with
SIGKILL; replaces its data; edits a method; stops a worker between its commit and its end until ``--timeout`` ends it;
starts a second run beside it; or finds the disk full at one kind of write. Whatever is there then is whole and has the
key of what ran; the same command, run again, ends with every record once, with the result of an undisturbed run, and
nothing else: no torn or temporary file, no process. Writes are slowed down, or hardly a kill would hit one. A
disturbance that hits nothing is not counted.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from bench.records.locks import running
from bench.records.record import Record
from bench.records.store import Store
from tests.end_to_end.test_program import copied_program

PHASES = ("before training", "training", "checkpoint", "after training", "record write")
VICTIMS = ("worker", "run")
ROWS = ("BCE", "ML-KNN", "FLEM-D", "LEVI", "Mine")
SETTINGS = """
method_folders = ["own"]
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
FULL_DISK = """
import errno, os
slow = os.fsync
def full(descriptor):
    if {part!r} in os.readlink(f"/proc/self/fd/{{descriptor}}"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    slow(descriptor)
os.fsync = full
"""
WRITES = ("run.json", "seed-0.json", "seed-0.scores.npz", "/methods/", ".checkpoint")
"""Parts of the paths of all kinds of files that a run writes."""
OWN_METHOD = """
import torch
from bench.methods.api import LinearMethod, register

@register("Mine", family="test", paper="none")
class Mine(LinearMethod):
    def objective(self, batch):
        return torch.nn.functional.binary_cross_entropy_with_logits(batch.z, batch.y) * 1.0
"""
EDITED_METHOD = OWN_METHOD.replace("* 1.0", "* 5.0")
SECONDS_TO_VANISH = 10
TIMEOUT = 60
SHORT_ROWS = ROWS[:2]
"""Rows of jobs that take far less than the time-out."""


@dataclass(frozen=True)
class Kill:
    phase: str
    victim: str

    def __str__(self) -> str:
        return f"{self.victim} killed, {self.phase}"


OTHERS = ("data replaced", "method edited", "timeout at the commit", "two starts at once", "disk full")
DISTURBANCES: tuple[Kill | str, ...] = (*itertools.starmap(Kill, itertools.product(PHASES, VICTIMS)), *OTHERS)


class Chaos:
    def __init__(self, folder: Path, epochs: int, seed: int) -> None:
        self.folder, self.epochs = folder, epochs
        self.random = random.Random(seed)
        self.writes = itertools.cycle(WRITES)
        self.program = copied_program(folder)  # so that work on the code does not make records stale
        (folder / "slow").mkdir()
        (folder / "slow/sitecustomize.py").write_text(SLOW_WRITES)
        self.expected = self.undisturbed()

    def undisturbed(self) -> dict[str, tuple[str, bytes]]:
        home = self.home("undisturbed")
        code = self.start(home, "--jobs", "1", slow=False).wait()
        assert code == 0, f"the undisturbed run ended with {code}"
        return results_of(home)

    def home(self, name: str) -> Path:
        home = self.folder / name
        home.mkdir()
        (home / "bench.toml").write_text(SETTINGS)
        (home / "own").mkdir()
        (home / "own/mine.py").write_text(OWN_METHOD)
        write_data(home / "data.npz", 0)
        return home

    def start(
        self, home: Path, *options: str, slow: bool = True, rows: Sequence[str] = ROWS, first: str = ""
    ) -> subprocess.Popen:
        path = os.pathsep.join(
            [*([first] if first else []), *([str(self.folder / "slow")] if slow else []), str(self.program)]
        )
        what = ["--datasets", "data.npz", "--methods", *rows, "--epochs", str(self.epochs)]
        with (home / "output.txt").open("a") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "bench", "run", *what, *options],
                cwd=home,
                env={**os.environ, "PYTHONPATH": path, "BENCH_DATA": ""},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def round(self, number: int, wanted: Kill | str) -> bool:
        """True where the disturbance hit; AssertionError for anything that is not as it must be."""
        home = self.home(f"round-{number}")
        store = Store(home / "results/runs")
        hit, again = self.disturbed(home, store, wanted)
        for path, found in store.records():  # whatever is there is whole, and has the key of what ran
            assert isinstance(found, Record), str(found)
            if found.status == "done":
                assert said_of(found) == self.expected[str(path.relative_to(store.folder))], f"{found.job} is another"
        if again:
            code = self.start(home, "--jobs", "2").wait()
            assert code == 0, f"the run ended with {code}:\n{(home / 'output.txt').read_text()}"
        said = (home / "output.txt").read_text()
        assert "Traceback" not in said, said
        assert results_of(home) == self.expected, "the results are not those of an undisturbed run"
        manifest = store.manifest()
        assert (sorted(manifest.variants), manifest.seeds) == (sorted(ROWS), [0])
        rubbish = [path for path in store.folder.rglob("*") if path.is_file() and not expected_file(path)]
        assert not rubbish, f"files were left behind: {rubbish}"
        assert running(store) == []
        return hit

    def disturbed(self, home: Path, store: Store, wanted: Kill | str) -> tuple[bool, bool]:
        """(True where it hit, True where the run is to be started again)."""
        match wanted:
            case Kill():
                process = self.start(home, "--jobs", "2")
                hit = self.kill(process, store, wanted)
                family = descendants(process.pid)
                code = process.wait()
                if hit and wanted.victim == "run":
                    self.wait_for_the_end_of(family)
                    return hit, True
                assert code == 0, f"the run ended with {code}:\n{(home / 'output.txt').read_text()}"
                return hit, False
            case "data replaced":
                return self.changed(home, store, "data.npz", lambda path: write_data(path, 1))
            case "method edited":
                return self.changed(home, store, "mine.py", lambda path: path.write_text(EDITED_METHOD))
            case "timeout at the commit":
                process = self.start(home, "--jobs", "2", "--timeout", str(TIMEOUT), rows=SHORT_ROWS)
                hit = self.stop_after_the_commit(process, store)
                code = process.wait()
                assert code == 0, f"the run ended with {code}:\n{(home / 'output.txt').read_text()}"
                return hit, True
            case "two starts at once":
                both = [self.start(home, rows=rows) for rows in (ROWS[:2], ROWS[2:])]
                codes = [process.wait() for process in both]
                assert codes == [0, 0], f"the runs ended with {codes}:\n{(home / 'output.txt').read_text()}"
                return True, False
            case _:
                part = next(self.writes)
                (home / "full").mkdir()
                (home / "full/sitecustomize.py").write_text(SLOW_WRITES + FULL_DISK.format(part=part))
                code = self.start(home, "--jobs", "2", slow=False, first=str(home / "full")).wait()
                said = (home / "output.txt").read_text()
                assert code == (0 if part == ".checkpoint" else 2), f"{part}: the run ended with {code}:\n{said}"
                assert "No space left on device" in said
                return True, code != 0

    def changed(self, home: Path, store: Store, name: str, change: Callable[[Path], object]) -> tuple[bool, bool]:
        """Change a file that the run depends on while it is on, and back when it has ended."""
        path = next(home.rglob(name))
        before = path.read_bytes()
        process = self.start(home, "--jobs", "2")
        while process.poll() is None and not running(store):
            time.sleep(0.01)
        time.sleep(self.random.uniform(0, 4))
        hit = process.poll() is None
        change(path)
        code = process.wait()
        assert code in (0, 1), f"the run ended with {code}:\n{(home / 'output.txt').read_text()}"
        for _, found in store.records():
            if isinstance(found, Record) and found.failure:
                assert name in found.failure.message or "Mine" in found.failure.message, found.failure.message
        path.write_bytes(before)
        return hit, True

    def stop_after_the_commit(self, process: subprocess.Popen, store: Store) -> bool:
        """Stop a worker whose record is there before it can say so."""
        while process.poll() is None:
            for one in running(store):
                name = one.job.removesuffix(" seed 0").replace(" ", "/", 1)
                if not (store.folder / name / "seed-0.json").exists():
                    continue
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGSTOP)
                if any((other.job, other.pid) == (one.job, one.pid) for other in running(store)):
                    return True
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGCONT)
            time.sleep(0.001)
        return False

    @staticmethod
    def wait_for_the_end_of(family: set[int]) -> None:
        gone = time.monotonic() + SECONDS_TO_VANISH
        while left := [pid for pid in family if alive(pid)]:
            assert time.monotonic() < gone, f"processes {left} outlive their run"
            time.sleep(0.05)

    def kill(self, process: subprocess.Popen, store: Store, wanted: Kill) -> bool:
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
                return True
            time.sleep(0.001)
        return False


def phases(store: Store) -> dict[int, str]:
    """{worker: what it is at}."""
    found = {}
    for one in running(store):
        within = "training" if "epoch" in one.what else "after training"
        found[one.pid] = within if one.what else "before training"
    holders = {one.job: one.pid for one in running(store)}
    for pattern, phase in (("*@*/*/.seed-*.tmp", "record write"), ("*@*/*/.seed-*.checkpoints/.*.tmp", "checkpoint")):
        for path in store.folder.glob(pattern):
            dataset, variant = path.relative_to(store.folder).parts[:2]
            if (pid := holders.get(f"{dataset} {variant} seed 0")) is not None:
                found[pid] = phase
    return found


def write_data(path: Path, seed: int) -> None:
    """A small set, in place of what is there or written over it."""
    random = np.random.default_rng(seed)
    x = random.random((1200, 60), dtype=np.float32)
    target = path.with_suffix(".new.npz") if seed == 0 or random.random() < 0.5 else path
    np.savez(target, X=x, Y=(x[:, :8] + 0.3 * random.random((1200, 8)) > 0.6).astype(np.int8))
    target.replace(path)


def said_of(record: Record) -> tuple[str, bytes]:
    """(digests of a record's data and code, its result)."""
    parts = ("data", "method", "loop", "metrics")
    return str([record.key[part] for part in parts]), msgspec.json.encode(record.result, order="sorted")


def results_of(home: Path) -> dict[str, tuple[str, bytes]]:
    store = Store(home / "results/runs")
    found = {str(path.relative_to(store.folder)): record for path, record in store.records()}
    assert all(isinstance(record, Record) for record in found.values()), found
    return {name: said_of(record) for name, record in found.items() if isinstance(record, Record)}


def expected_file(path: Path) -> bool:
    return path.name in ("run.json", "seed-0.json", "seed-0.scores.npz") or path.parent.name == "methods"


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


def run(rounds: int, epochs: int, seed: int, only: Sequence[str]) -> Counter[Kill | str]:
    """Disturbances that hit, ``rounds`` in all; ``only`` those whose name has one of these in it."""
    hits: Counter[Kill | str] = Counter()
    wanted = itertools.cycle([one for one in DISTURBANCES if any(part in str(one) for part in only)])
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), epochs, seed)
        target = next(wanted)
        for number in itertools.count():
            if hits.total() == rounds:
                break
            assert number < 3 * rounds, f"nothing hits: {target}"
            hit = chaos.round(number, target)
            print(f"round {number}: {target if hit else 'nothing hit'}", flush=True)
            if hit:
                hits[target] += 1
                target = next(wanted)
    return hits


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=[""], help="disturbances whose names have one of these in them")
    given = parser.parse_args()
    begin = time.monotonic()
    hits = run(given.rounds, given.epochs, given.seed, given.only)
    for disturbance in DISTURBANCES:
        print(f"{disturbance!s:32} {hits[disturbance]}")
    print(f"{hits.total()} rounds in {(time.monotonic() - begin) / 60:.1f} min; every result as undisturbed.")


if __name__ == "__main__":
    main()
