"""``python -m perf.peers [--minutes M] [--venv DIR] [NAME ...]``: packages that a user would run instead, beside ours.

    python -m perf.peers                                # installs them into a cache folder, measures all
    python -m perf.peers --minutes 0.8                  # a piece: lines that are there are kept, the next ones measured
    python -m perf.peers pytorch pyldl-lp --again       # these peers anew
    python -m perf.peers --datasets yeast               # on these sets alone

Both sides train on the same arrays in turns, a process of one thread each; processor seconds of fit and prediction are
taken inside. After each line perf/peers-<processor>.json is written. A peer that cannot be installed is named with the
reason. Data: BENCH_DATA, BENCH_SHARED_DATA; where a set is not there, a simulated one of its size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.system.environment import environment as facts
from perf.peers.comparison import Limits, both, measured
from perf.peers.data import SIZES, given
from perf.peers.environment import Environment, default_folder
from perf.peers.table import PACKAGES, PEERS
from perf.stored import in_a_name, read, store

RESULTS = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m perf.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(PEERS)}; all without")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which no further line is begun")
    parser.add_argument(
        "--venv", type=Path, default=default_folder(), help="the peers' environment, made where it is not"
    )
    parser.add_argument("--datasets", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--limit", type=float, default=60.0, help="processor seconds of one side's process on one set")
    parser.add_argument("--line", type=float, default=20.0, help="seconds of a line after which no round is begun")
    parser.add_argument("--out", type=Path, help="the file of the results")
    parser.add_argument("--again", action="store_true", help="measure what the file holds anew")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in PEERS]:
        parser.error(f"there is no peer {unknown[0]!r}; there are {', '.join(PEERS)}")
    begun = time.monotonic()
    machine = facts("cpu")
    out = options.out or RESULTS / f"peers-{in_a_name(str(machine['processor']))}.json"
    stored = read(out)
    stored["machine"] = {key: machine[key] for key in ("processor", "cores", "python", "libraries")}

    def save() -> None:
        store(out, stored)

    def over() -> bool:
        return time.monotonic() - begun > 60 * options.minutes

    names = options.names or list(PEERS)
    place = Environment(options.venv.absolute())
    place.install({package: PACKAGES[package] for name in names for package in PEERS[name].packages})
    for package, why in place.missing.items():
        print(f"{package} cannot be installed: {why}", flush=True)
    named = stored.get("missing", {})
    wanted = {package for name in names for package in PEERS[name].packages}
    stored["missing"] = {name: why for name, why in named.items() if name not in wanted} | place.missing
    save()
    lines = stored.setdefault("lines", {})
    limits = Limits(options.limit, options.line)
    visit(names, options.datasets, lines, place, limits, options.again, over, save)


def visit(
    names: Sequence[str],
    datasets: Sequence[str],
    lines: dict[str, Any],
    place: Environment,
    limits: Limits,
    again: bool,
    over: Callable[[], bool],
    save: Callable[[], None],
) -> None:
    """Measure what ``lines`` lacks, peer by peer and set by set, until the minutes are over; ``save`` after each."""
    for name in names:
        peer = PEERS[name]
        if place.reason(peer.packages):
            continue
        pins = [PACKAGES[package].pin for package in peer.packages]
        kept = lines.setdefault(name, {})
        for dataset in [one for one in peer.datasets if one in datasets]:
            there = kept.get(dataset, {})
            if there.get("pins") == pins and "error" not in there and not again:
                continue
            if over():
                print(f"stopped before {name} on {dataset}: the minutes are over", flush=True)
                return
            kept[dataset] = measured(name, peer, given(dataset), place, limits) | {"pins": pins}
            print(f"{name} on {dataset}: {short(kept[dataset])}", flush=True)
            save()


def short(line: dict[str, Any]) -> str:
    """A line of the screen."""
    seconds = {
        side: [round(both(one[side]), 3) for one in line["rounds"] if side in one] for side in ("ours", "theirs")
    }
    wanted = ("ratio", "to_equal_quality", "ours_quality", "theirs_quality", "theirs_not_done_in", "error")
    return f"{seconds} " + ", ".join(f"{key} {line[key]}" for key in wanted if key in line)


if __name__ == "__main__":
    main()
