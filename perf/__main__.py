"""Speed and memory, against floors and against what users would run instead: ratios of one run.

  python -m perf                   every case: minutes; stores perf/results*.json (a file a processor), writes the page
  python -m perf CASE ...          some cases; --full: more rounds, every model and method, half an hour
  python -m perf --check           what moved since, of the quick cases, against its own noise; exit 1: to the worse
  python -m perf --page            docs/performance.md and docs/scaling.md from what is stored
  python -m perf.growth            exponents of rows, features, labels, points, seeds, records: docs/scaling.md
  python -m perf.gpu --minutes 8   everything about a GPU in one visit: perf/gpu.json
  python -m perf.peers             packages that users would run instead, to equal quality: perf/peers-*.json
  python -m perf.released          FLEM's released program, timed beside ours by whoever has a copy
  python -m perf.cost_model        what a job costs, fitted to the committed records: bench/plan/typical_costs.json

which case answers what:
  startup          how long --help, the lists and the paper's tables take, against a bare interpreter
  steps            a training step of each method, against its floor, plain PyTorch's, and BCE's
  grid             FLEM's grid of 16 points, against 16 plain PyTorch trainings and the floors of products and bytes
  methods          methods that are not a loss, against a job of BCE
  mlknn            ML-KNN, against scikit-multilearn-ng and searches for neighbours
  ranking_metrics  the ranked metrics, against sorting, scikit-learn and torchmetrics
  selection        what further metrics to select by add to an epoch
  large_data       data of NUS-WIDE's size: time to the first step, against plain PyTorch; nothing is copied
  memory           peak memory of each method there
  runner           empty jobs, 5000 records in plan, status, table and report, two processes against one

What was tried and did not pay: perf/NOTES.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads slow a shared machine down

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from bench.system.environment import environment
from perf import check
from perf.stored import read, store, stored_everywhere, stored_here

NAMES = (
    "startup", "steps", "selection", "ranking_metrics", "mlknn", "memory", "large_data", "methods", "runner",
    "grid",
)  # fmt: skip
QUICK = ("startup", "steps", "ranking_metrics", "mlknn")
"""Those that ``--check`` measures without names, within three minutes."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m perf", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="CASE", help="all without")
    parser.add_argument("--full", action="store_true", help="more rounds, every plain model and every method")
    parser.add_argument("--check", action="store_true", help="store nothing, say what moved")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the pages")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no case {unknown[0]!r}; there are {', '.join(NAMES)}")
    if given.page:
        return write_pages()

    import torch

    from perf.machine import facts, stamp

    torch.set_num_threads(2)
    if given.check:
        sys.exit(what_moved(given.names or QUICK, given.full))
    here = stored_here()
    results = read(here)
    wanted = given.names or NAMES
    if "grid" in wanted or "machine" not in results:  # the grid's shares are of the machine as it was beside it
        results["machine"] = {**facts(), "measured": stamp()}
        show("machine", results["machine"])
    for name in wanted:
        results[name] = {**check.medians(measured(name, given.full)), "measured": stamp()}
        if name == "grid":
            results[name] |= shares(results[name], results["machine"])
        show(name, results[name])
        store(here, results)
    write_pages()


def measured(name: str, full: bool) -> dict[str, Any]:
    values: dict[str, Any] = importlib.import_module(f"perf.cases.{name}").run(full)
    return values


def what_moved(wanted: Sequence[str], full: bool) -> int:
    """Measure again, and name each ratio that moved beyond its noise; 1 where one did to the worse."""
    here, everywhere = read(stored_here()), stored_everywhere()
    if not here:
        names = " and ".join(str(results["machine"]["processor"]) for results in everywhere if results)
        processor = environment("cpu")["processor"]
        print(f"Nothing is stored of this processor, {processor}: each ratio is compared with the nearest of {names}.")
    found: list[check.Move] = []
    for name in wanted:
        elsewhere = name not in here
        stored = [results[name] for results in (everywhere if elsewhere else [here]) if name in results]
        now = check.medians(measured(name, full))
        found += check.moves(name, now, stored, elsewhere)
        compared = check.ratios(now).keys() & {path for values in stored for path in check.ratios(values)}
        print(f"{name}: {len(compared)} ratios compared", flush=True)
    print("\n".join(map(str, found)) or "No ratio moved beyond its noise.")
    return int(any(move.worse for move in found))


def write_pages() -> None:
    from perf import performance_page, scaling_page

    everywhere = stored_everywhere()
    performance_page.write(everywhere)
    scaling_page.write(everywhere)


def shares(grid: dict[str, Any], machine: dict[str, Any]) -> dict[str, float]:
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


def show(name: str, values: dict[str, Any]) -> None:
    print(f"\n{name}")
    for key, value in values.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"  {key:<48} {text}", flush=True)


if __name__ == "__main__":
    main()
