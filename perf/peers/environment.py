"""The peers' environment: a virtual one in a cache folder, filled by pip and Maven as they are configured here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.system import reading, writing
from perf.peers.meka import JARS
from perf.peers.table import Package

ROOT = Path(__file__).parents[2]
MINUTES = 15
"""Of installing one package."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
THERE = "import importlib.metadata, json; d = importlib.metadata.distributions(); " \
    "print(json.dumps({one.name.lower(): one.version for one in d}))"  # fmt: skip
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>peers</groupId>
<artifactId>peers</artifactId><version>1</version><dependencies><dependency><groupId>{}</groupId><artifactId>{}</artifactId>
<version>{}</version></dependency></dependencies></project>
"""


def default_folder() -> Path:
    """In the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flem-bench/peers"


@dataclass
class Environment:
    """A folder with an interpreter of its own, and jars; ``missing`` says why a package could not be installed."""

    folder: Path

    def __post_init__(self) -> None:
        self.missing: dict[str, str] = {}

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    @property
    def jars(self) -> Path:
        return self.folder / "jars"

    def install(self, packages: Mapping[str, Package]) -> None:
        """Install each by itself, so that one that fails leaves the others."""
        if not self.python.exists():
            command = [sys.executable, "-m", "venv", str(self.folder)]
            if why := _failure(command):
                self.missing = dict.fromkeys(packages, why)
                return
        done = subprocess.run([self.python, "-c", THERE], capture_output=True, text=True, check=True)
        there = reading.decoded_json(done.stdout, self.folder, dict[str, str])
        for name, package in packages.items():
            print(f"{name}: {package.pin}", flush=True)
            why = self._jars(package) if package.maven else self._wheel(package, there)
            if why:
                self.missing[name] = why

    def _wheel(self, package: Package, there: Mapping[str, str]) -> str:
        project, _, version = package.pin.partition("==")
        if there.get(project, "").partition("+")[0] == version:
            return ""
        return _failure([str(self.python), "-m", "pip", "install", "--quiet", package.pin])

    def _jars(self, package: Package) -> str:
        """With all that they need; by a project file of theirs alone, since Maven copies what a project depends on."""
        for program in ("java", "mvn"):
            if shutil.which(program) is None:
                return f"there is no {program} on the path"
        if any(self.jars.glob("*.jar")):
            return ""
        writing.write(self.folder / "pom.xml", POM.format(*package.pin.split(":")).encode())
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={self.jars}"]
        return _failure(["mvn", "--batch-mode", "--quiet", "-f", str(self.folder / "pom.xml"), *copy])

    def reason(self, packages: Iterable[str]) -> str:
        """The first reason that one of the packages is not there; empty where all are."""
        return next((f"{name}: {self.missing[name]}" for name in packages if name in self.missing), "")

    def variables(self) -> dict[str, str]:
        """Of a side's process: one thread, this checkout's modules, Keras' backend, the jars."""
        own = {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": "", JARS: f"{self.jars}/*"}
        return {**os.environ, **ONE_THREAD, **own}


def _failure(command: Sequence[str]) -> str:
    """The line that says why a command failed; empty where it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 * MINUTES)
    except (OSError, subprocess.TimeoutExpired) as error:
        return reading.in_short(error)
    return reason(done.stdout + done.stderr) if done.returncode else ""


def reason(printed: str) -> str:
    """Of what pip or Maven printed, the first two clauses of its first error, without colours and addresses."""
    plain = re.sub(r"\x1b\[[0-9;]*m|\S*://\S*", "", printed)
    lines = [line for line in plain.splitlines() if "ERROR" in line] or plain.strip().splitlines()[-1:] or ["no reason"]
    words = lines[0].replace("[ERROR]", "").replace("ERROR:", "").strip()
    return ": ".join(words.split(": ")[:2])[:200].rstrip(". ")
