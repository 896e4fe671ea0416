"""The simulated sets: ``python -m study.converged.simulated make|run|pack|show [--to FOLDER] [--results FOLDER]``.

make  the sets, as .npz files in the folder TO
run   BCE, FLEM and its controls on them, resumable; what is done is not done again
pack  the records and the orders of recovered distributions into results/study/simulated
show  answer and tables of the packed records, or of those in RESULTS
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.errors import UsageError
from bench.records.packed import PACKED
from bench.records.store import Store
from bench.system import reading, writing
from study import runs
from study.converged import parts
from study.converged.simulated import page
from study.converged.simulated.data import CORRELATED_ROWS, CORRELATIONS, ROWS, SETTINGS, make
from study.converged.simulated.gains import METRICS, gains
from study.converged.simulated.recovered import ORDERS, Order, kept, orders

FOLDER = parts.SIMULATED
CORE = ["BCE", "LR", "LD-y", "LD-true", "FLEM-D"]
FURTHER = ["FLEM-S", "FLEM frozen", "LD-random", "FLEM-D heavy", "LD-true heavy"]


class Part(NamedTuple):
    """Methods on the sets of one group."""

    methods: list[str]
    correlation: float
    rows: int


PARTS = [
    Part(CORE, CORRELATIONS[0], CORRELATED_ROWS),
    *(Part(CORE, CORRELATIONS[0], rows) for rows in ROWS if rows != CORRELATED_ROWS),
    Part(CORE, CORRELATIONS[1], CORRELATED_ROWS),
    Part(FURTHER, CORRELATIONS[0], CORRELATED_ROWS),
]
"""By falling importance."""


def main(words: Sequence[str] | None = None) -> int:
    """Exit code of a command, 2 with a sentence for what cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python -m study.converged.simulated", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("what", choices=("make", "run", "pack", "show"))
    parser.add_argument("--to", type=Path, help="the folder of the sets; make and run need it")
    parser.add_argument("--results", type=Path, help="the folder of the fresh records; run and pack need it")
    arguments = parser.parse_args(words)
    if arguments.what in ("make", "run") and arguments.to is None:
        parser.error(f"{arguments.what} needs --to FOLDER")
    if arguments.what in ("run", "pack") and arguments.results is None:
        parser.error(f"{arguments.what} needs --results FOLDER")
    try:
        if arguments.what == "make":
            print(f"{len(make(arguments.to))} sets in {arguments.to}")
        elif arguments.what == "run":
            run(arguments.to.resolve(), arguments.results.resolve())
        elif arguments.what == "pack":
            packed(arguments.results, FOLDER)
        else:
            print(report(arguments.results or FOLDER))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run(sets: Path, results: Path) -> None:
    """Run the parts draw by draw, so that what is cut short has all strengths of a group."""
    for part in PARTS:
        of_group = [one for one in SETTINGS if (one.correlation, one.rows) == (part.correlation, part.rows)]
        names = [str(setting) for setting in sorted(of_group, key=lambda setting: setting.draw)]
        options = ["--data", str(sets), "--seeds", "0", "--keep", "distributions"]
        runs.bench("run", results, [*options, "--methods", *part.methods, "--datasets", *names], FOLDER)


def packed(results: Path, folder: Path) -> None:
    """Pack the records that are done with their manifest, and the orders of what they recovered."""
    store = Store(results)
    runs.packed(runs.done(store), results, folder)
    found = sorted(orders(kept(store)), key=lambda one: (one.dataset, one.variant))
    writing.write(folder / ORDERS, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def report(folder: Path) -> str:
    """Answer and tables in Markdown; those of orders where the folder is packed."""
    found = gains(runs.done(Store(folder)))
    parts = [page.design()]
    for metric in METRICS:
        parts += [page.answer(found, metric), page.further(found, metric), page.gain_table(found, metric)]
    if (folder / PACKED).exists():
        found_orders = reading.json(folder / ORDERS, list[Order])
        parts += [page.order_answer(found_orders), page.order_table(found_orders)]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
