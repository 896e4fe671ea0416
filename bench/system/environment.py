"""The environment of a job: versions, commit, processor. Imports no torch."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.system import reading

PACKAGES = ("bench", "methods")
LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "scikit-multilearn-ng")


def environment(device: str, folders: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Environment of a job, which is not part of its key; ``folders`` are those of plain method files."""
    return {
        "bench": version("flem-bench"),
        "commit": commit(folders),
        "python": platform.python_version(),
        "libraries": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": device,
        "host": platform.node(),
    }


def versions() -> dict[str, str | None]:
    return {name: version(name) for name in LIBRARIES}


@lru_cache(maxsize=64)
def version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=8)
def commit(folders: tuple[Path, ...] = ()) -> str | None:
    """The commit of the checkout that the code runs from; None outside a checkout.

    "+" is added where it does not tell the code: files differ from it, or Python files of the packages or of
    ``folders`` are not in it.
    """
    folder = Path(__file__).resolve().parent.parent.parent
    if not (folder / ".git").exists():
        return None
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        inside = [path for path in folders if path.is_relative_to(folder)]
        # Ignored files count too: they run as well as others do.
        untracked = _git(folder, "ls-files", "--others", "--", *(f"{one}/*.py" for one in (*PACKAGES, *inside)))
        outside = any(next(path.glob("*.py"), None) for path in folders if path not in inside)
        return head + ("+" if changed or untracked or outside else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


@lru_cache(maxsize=1)
def _processor() -> str:
    with suppress(UsageError):  # other systems have no such file
        for _, line in reading.lines("/proc/cpuinfo"):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
