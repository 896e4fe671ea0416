"""``python -m perf [--full] [NAME ...]``: measure, print, and store perf/results.json.

What another processor measures goes into a file of its own beside it, and into the last part of docs/performance.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads slow a shared machine down

import argparse
import importlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.system import reading, writing
from bench.system.environment import environment

NAMES = (
    "startup", "steps", "selection", "ranking_metrics", "mlknn", "memory", "large_data", "methods", "runner",
    "grid",
)  # fmt: skip
NOISE = 1.4
"""Ratios of two runs on a shared machine differ by up to this factor without anything having changed."""
RESULTS = Path(__file__).with_name("results.json")
ELSEWHERE = "results-*.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m perf", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all without")
    parser.add_argument("--full", action="store_true", help="time every plain model and every method; half an hour")
    parser.add_argument(
        "--check", action="store_true", help="store nothing; say which ratios moved beyond noise, and exit with 1"
    )
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")

    import torch

    from perf import performance_page, scaling_page
    from perf.machine import facts

    torch.set_num_threads(2)
    here = stored_here()
    results = read(here)
    wanted = given.names or NAMES
    if given.check:
        sys.exit(check(results or read(RESULTS), wanted, given.full))
    if "grid" in wanted or "machine" not in results:  # the grid's shares are of the machine as it was beside it
        results["machine"] = facts()
        show("machine", results["machine"])
    for name in wanted:
        results[name] = importlib.import_module(f"perf.cases.{name}").run(given.full)
        show(name, results[name])
        store(here, results)
    if "grid" in wanted:
        results["grid"] |= shares(results["grid"], results["machine"])
        show("grid, shares of the machine", shares(results["grid"], results["machine"]))
    store(here, results)
    performance_page.write(read(RESULTS), [read(path) for path in sorted(RESULTS.parent.glob(ELSEWHERE))])
    if here == RESULTS:
        scaling_page.write(results)


def stored_here() -> Path:
    """The file of this processor's measurements."""
    processor = str(environment("cpu")["processor"])
    if read(RESULTS).get("machine", {}).get("processor", processor) == processor:
        return RESULTS
    return RESULTS.with_name(ELSEWHERE.replace("*", "-".join(re.findall("[a-z0-9]+", processor.lower()))))


def read(path: Path) -> dict:
    return reading.json(path, dict[str, Any]) if path.exists() else {}


def check(stored: dict, wanted: Sequence[str], full: bool) -> int:
    """Measure again and compare ratios, which hold on any machine better than seconds do."""
    moved = []
    for name in wanted:
        before = ratios(stored.get(name, {}))
        for key, now in ratios(importlib.import_module(f"perf.cases.{name}").run(full)).items():
            if key in before and not before[key] / NOISE <= now <= before[key] * NOISE:
                moved.append(f"{name}: {key} was {before[key]:.3g} and is {now:.3g}")
        print(f"{name}: measured, {len(before)} ratios to compare with", flush=True)
    print("\n".join(moved) or f"no ratio moved by more than a factor of {NOISE:g}")
    return 1 if moved else 0


def ratios(values: object, path: str = "") -> dict[str, float]:
    """{path: value} of the numbers that are ratios, by their names: "ratio...", "to_...", "share..."."""
    if isinstance(values, dict):
        parts = [ratios(value, f"{path} {key}".strip()) for key, value in values.items()]
        return {key: value for part in parts for key, value in part.items()}
    words = path.split()
    named = any(word.startswith(("ratio", "to_", "share")) for word in words)
    return {path: float(values)} if named and isinstance(values, int | float) else {}


def store(path: Path, results: dict) -> None:
    writing.write(path, (json.dumps(results, indent=1) + "\n").encode())


def shares(grid: dict, machine: dict) -> dict[str, float]:
    """Shares of the measured matrix-product rate and update bandwidth that the step reaches, and of both together."""
    floor_products = grid["step_gflop"] / machine["matrix_product_gflops"] * 1e3
    floor_bytes = grid["step_gb"] / machine["update_gb_per_s"] * 1e3
    return {
        "floor_of_products_ms": floor_products,
        "floor_of_bytes_ms": floor_bytes,
        "share_of_product_rate": floor_products / grid["step_ms"],
        "share_of_bandwidth": floor_bytes / grid["step_ms"],
        "share_of_both_floors": (floor_products + floor_bytes) / grid["step_ms"],
    }


def show(name: str, values: dict) -> None:
    print(f"\n{name}")
    for key, value in values.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"  {key:<48} {text}", flush=True)


if __name__ == "__main__":
    main()
