"""The study: ``python -m study.converged run|pack|check|renew [PART ...] [--subset] [--results FOLDER]``.

run    the parts (without names all), in their order, resumable; what is done is not done again. --subset: those of
       ``make study-check``, on the data sets that are here
pack   the records into results/study/records.jsonl.xz, those of a part with a folder of its own into that, those of a
       GPU into results/study/gpu; docs/reproducibility.md is written from them
check  a fresh run's results against the committed ones, byte for byte and to four digits
renew  the keys of the committed records, once today's code has given the same bytes as the records' code: two runs of
       the subset on one machine, in --results and --before

Data folders come from BENCH_DATA. Methods' grids and the protocol are in results/study/bench.toml.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import config as configuration
from bench.datasets.catalog import data_folders, present
from bench.errors import UsageError
from bench.plan.costs import computed_on_gpu
from bench.records.store import Store
from bench.text import counted
from study import runs
from study.converged.parts import FOLDER, GPU, PARTS, SUBSET, SUBSET_JOBS, Part


def main(words: Sequence[str] | None = None) -> int:
    """Exit code of a command, 2 with a sentence for what cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python -m study.converged", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "pack", "check", "renew"))
    parser.add_argument("--before", type=Path, help="renew: the subset as the code of the records computes it here")
    parser.add_argument("parts", nargs="*", metavar="PART", help="run: names of the parts, without names all of them")
    parser.add_argument("--subset", action="store_true", help="run: the parts that take under ten minutes")
    parser.add_argument("--results", type=Path, default=FOLDER / "runs", help="the folder of the fresh records")
    arguments = parser.parse_args(words)
    results = arguments.results.resolve()
    known = {part.name: part for part in (SUBSET if arguments.subset else PARTS)}
    if strange := [name for name in arguments.parts if name not in known]:
        parser.error(f"there is no part {strange[0]!r}; there are {', '.join(map(repr, known))}")
    try:
        if arguments.what == "run":
            for part in [known[name] for name in arguments.parts] or known.values():
                run(part_here(part) if arguments.subset else part, results)
        elif arguments.what == "pack":
            # Failures too: that a method cannot be run on a data set is a finding.
            every = {own: runs.readable(Store(results / own)) for own in own_folders()}
            if not any(every.values()):
                parser.error(f"{results} has no records of the study")
            for own, records in every.items():
                if records:
                    folder = GPU if any(map(computed_on_gpu, records)) else FOLDER
                    runs.packed(records, results / own, folder / own)
        elif arguments.what == "renew":
            if arguments.before is None:
                parser.error("renew takes --before")
            settings = {FOLDER / own: configuration.load(FOLDER / own) for own in own_folders()}
            runs.renew(results, arguments.before.resolve(), SUBSET_JOBS, settings)
        else:
            return runs.check(results, FOLDER)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run(part: Part, results: Path) -> None:
    """Run a part; ``bench run`` says first how many of its jobs are done and what the others are forecast to take."""
    jobs = counted(len(part.datasets) * len(part.seeds) * len(part.methods))
    print(f"Part {part.name!r}, {jobs}: {', '.join(part.methods)}", flush=True)
    if part.datasets:
        runs.run(results / part.own, FOLDER / part.own, part.datasets, part.seeds, part.methods)


def own_folders() -> list[str]:
    """Folders of the parts in FOLDER, "" for FOLDER itself."""
    return list(dict.fromkeys(part.own for part in PARTS))


def part_here(part: Part) -> Part:
    """The part on those of its data sets that are in the data folders; each of the others is named."""
    config = configuration.load(FOLDER)
    folders, found = data_folders(config, None), []
    for name in part.datasets:
        try:
            present(name, config, folders)
            found.append(name)
        except UsageError as error:
            print(f"Not compared, for it is not here: {name} ({str(error).rstrip('.')}).", flush=True)
    return part._replace(datasets=found)


if __name__ == "__main__":
    sys.exit(main())
