"""Mutation run: does some test notice each of the seeded changes in ``mutants.toml``?

    python -m tests.mutation [WORD ...]      of all mutants, or of those whose file or text has one of the words

Every mutant is applied alone to a copy of the checkout. The test files that are expected to notice it run first; the
others only where those pass. A mutant counts as killed by a test of values or behaviour alone: tests that compare
stored records or written pages do not run, see ``EXCLUDED``. Exit codes: 0 all killed, 1 some survived, 2 a mutant
does not apply, or the tests fail without any.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2
SECONDS = 600
"""For one run of tests; a mutant under which they do not end is killed."""
ALL = ("tests/methods", "tests/bench")
EXCLUDED = {
    "tests/bench/plan": "keys, digests and probes: they notice that code has changed, not that a value is wrong",
    "tests/bench/report": "figures and the page",
    "tests/bench/tables/test_golden_tables.py": "tables as files",
}
"""Tests of ``ALL`` that do not run, and why. Those of the whole program and of the results pages are in neither."""


@dataclass(frozen=True)
class Mutant:
    """A change of one place in one file, and the test files expected to notice it."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.old}  ->  {self.new}"

    @property
    def times(self) -> int:
        """Number of places in which the old text stands; it has to be one."""
        return (ROOT / self.file).read_text(encoding="utf-8").count(self.old)


def mutants() -> list[Mutant]:
    """The list, in its order."""
    groups = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text(encoding="utf-8"))["group"]
    return [Mutant(*change, tuple(group["tests"])) for group in groups for change in group["changes"]]


def failing_test(tests: tuple[str, ...], mutant: Mutant | None = None) -> str | None:
    """The first test that fails in a copy of the checkout, under a mutant; None where all pass."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ":!results", ":!docs"]
        for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[
            :-1
        ]:
            if os.path.lexists(ROOT / name):
                Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, Path(folder, name), follow_symlinks=False)
        if mutant is not None:
            path = Path(folder, mutant.file)
            path.write_text(path.read_text(encoding="utf-8").replace(mutant.old, mutant.new), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", *tests]
        command += [f"--ignore={name}" for name in EXCLUDED]
        environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"no end within {SECONDS} s"
    if done.returncode == 0:
        return None
    failed = [line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if not failed:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[0].split(" ", 1)[1]


def main(words: list[str]) -> int:
    """Run all mutants, or those that have one of the words; print a line each and the count."""
    chosen = [mutant for mutant in mutants() if not words or any(word in str(mutant) for word in words)]
    if stale := [mutant for mutant in chosen if mutant.times != 1]:
        print(*(f"does not apply, its text stands {mutant.times} times: {mutant}" for mutant in stale), sep="\n")
        return 2
    start = time.monotonic()
    survivors = not_killed({mutant: mutant.tests for mutant in chosen})
    survivors = not_killed(dict.fromkeys(survivors, ALL))
    print(f"{len(chosen)} mutants, {len(survivors)} survived, {(time.monotonic() - start) / 60:.1f} minutes")
    print(*(f"survived  {mutant}" for mutant in survivors), sep="\n")
    return 1 if survivors else 0


def not_killed(tests: dict[Mutant, tuple[str, ...]]) -> list[Mutant]:
    """The mutants under which their tests pass; a line is printed for each.

    Raises
    ------
    SystemExit: with 2, when the tests fail without any mutant.
    """
    left = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        every = sorted({name for names in tests.values() for name in names})
        without = pool.submit(failing_test, tuple(every)) if every else None
        for mutant, killer in zip(tests, pool.map(failing_test, tests.values(), tests), strict=True):
            print(f"killed    {mutant}\n          by {killer}" if killer else f"not seen  {mutant}", flush=True)
            if killer is None:
                left.append(mutant)
        if without and (broken := without.result()):
            print(f"fails without any mutant: {broken}")
            sys.exit(2)
    return left


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
