"""Mutation run: does some test notice each of the seeded changes in ``mutants.toml``?

    python -m tests.mutation.run [WORD ...]  of all mutants, or of those whose file or text has one of the words

Every mutant is applied alone to a copy of the checkout. The test files that are expected to notice it run first; the
others only where those pass. A mutant counts as killed by a test of values or behaviour alone: tests that compare
stored records or written pages do not run, see ``EXCLUDED``. Exit codes: 0 all killed, 1 some survived, 2 a mutant
does not apply, or the tests fail without any.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2
LIBRARIES = ["torch", "pandas", "scipy.stats", "sklearn.linear_model", "skmultilearn.ensemble", "scikit_posthocs"]
"""Imported once, by the process that the others fork from."""
CONTEXT = get_context("forkserver")
SECONDS = 1800
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
    """A change of one place in one file, and the test files (or tests) expected to notice it."""

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


class FirstFailure:
    """A plugin of pytest that remembers the first test, or test file, that fails."""

    name: str | None = None

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.name = self.name or (report.nodeid if report.failed else None)

    pytest_collectreport = pytest_runtest_logreport


def failing_test(tests: tuple[str, ...], mutant: Mutant | None = None) -> str | None:
    """The first test that fails in a copy of the checkout, under a mutant; None where all pass. In a fresh process."""
    import pytest

    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy_checkout(Path(folder))
        if mutant is not None:
            path = Path(folder, mutant.file)
            path.write_text(path.read_text(encoding="utf-8").replace(mutant.old, mutant.new), encoding="utf-8")
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]  # the checkout's, which this module is one of
        os.chdir(folder)
        # Plugins of pytest take half of the time, and none is used.
        os.environ |= {"PYTHONPATH": folder, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        sys.path.insert(0, folder)
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(SECONDS)
        first = FirstFailure()
        ignored = [f"--ignore={name}" for name in EXCLUDED]
        with contextlib.redirect_stdout(io.StringIO()):
            code = pytest.main(["-x", "-q", "--tb=no", "-p", "no:cacheprovider", *ignored, *tests], [first])
        signal.alarm(0)
    if code not in (0, 1, 2):
        raise RuntimeError(f"pytest ended with {code} on {tests}, mutant {mutant}")
    return first.name or (f"pytest ended with {code}" if code else None)


def copy_checkout(folder: Path) -> None:
    """Copy what git lists or would, without stored records and pages; links stay links."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ":!results", ":!docs"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if name and os.path.lexists(ROOT / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"the tests have not ended within {SECONDS} s")


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


def not_killed(tests: Mapping[Mutant, tuple[str, ...]]) -> list[Mutant]:
    """The mutants under which their tests pass; a line is printed for each.

    Raises
    ------
    SystemExit: with 2, when the tests fail without any mutant.
    """
    left = []
    with ProcessPoolExecutor(AT_ONCE, CONTEXT, max_tasks_per_child=1) as pool:
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
    os.environ["OMP_NUM_THREADS"] = "1"
    CONTEXT.set_forkserver_preload(LIBRARIES)
    sys.exit(main(sys.argv[1:]))
