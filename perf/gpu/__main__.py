"""``python -m perf.gpu --minutes 8``: everything about a GPU in one short visit, most important first.

    python -m perf.gpu --minutes 8                            # on a GPU; perf/gpu.json after every line
    python -m perf.gpu --parts step tables --minutes 3        # some parts
    python -m perf.gpu --device cpu --scale 0.004 --minutes 2 # the same code on a stand-in; --out, else nothing is kept

Lines that the file holds of the same card and code are kept and not measured again; ``--again`` measures them.
Features and labels are simulated, of the paper's sizes.
"""

from __future__ import annotations

import argparse
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as the program sets it

import torch

from bench.system.hardware import name_of
from perf.gpu import correctness, neighbours, program, steps, tables
from perf.gpu.page import RESULTS
from perf.gpu.setting import Line, Setting
from perf.machine import stamp
from perf.stored import read, store

PARTS: dict[str, tuple[Callable[[Setting], Iterator[Line]], float]] = {
    "right": (correctness.lines, 0.25),
    "step": (steps.lines, 0.40),
    "tables": (tables.lines, 0.80),
    "neighbours": (neighbours.lines, 0.88),
    "program": (program.lines, 1.0),
}
"""{part: (its lines, the share of the minutes by whose end no further line of it is begun)}."""


def measured(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A line's numbers and the seconds it took; of one that failed, how: the others still count."""
    start = time.perf_counter()
    try:
        found = measure()
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"[:600], "traceback": traceback.format_exc()[-1500:]}
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return {**found, "line_seconds": time.perf_counter() - start}


def visit(setting: Setting, parts: list[str], minutes: float, kept: dict[str, Any], save: Callable[[], None]) -> None:
    """Measure what ``kept`` lacks, part by part, until the minutes are over; ``save`` after each line."""
    begun = time.monotonic()
    for part in parts:
        lines, share = PARTS[part]
        place = kept.setdefault(part, {})
        for name, measure in lines(setting):
            if name in place and "error" not in place[name]:
                continue
            if time.monotonic() - begun > minutes * 60 * share:
                print(f"{part}: stopped before {name}, {minutes * share:.1f} minutes are over", flush=True)
                break
            place[name] = measured(measure)
            print(f"{time.monotonic() - begun:5.0f} s  {part}: {name} {_short(place[name])}", flush=True)
            save()


def _short(line: dict[str, Any]) -> str:
    texts = {key: f"{value:.4g}" if isinstance(value, float) else str(value) for key, value in line.items()}
    return ", ".join(f"{key} {text[-400:]}" for key, text in texts.items())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m perf.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of each set's rows")
    parser.add_argument("--out", type=Path, help="the file of the results")
    parser.add_argument("--again", action="store_true", help="measure what the file holds anew")
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU; --device cpu --scale 0.004 runs the same code on a stand-in")
    setting = Setting(device, given.scale)
    out = given.out or (RESULTS if setting.on_gpu and given.scale == 1 else None)
    torch.set_num_threads(1)
    if setting.on_gpu:
        torch.use_deterministic_algorithms(True, warn_only=True)  # as jobs do
    stored = read(out) if out else {}
    card = stored.setdefault(name_of(given.device), {})
    card["software"] = {"torch": torch.__version__, "cuda": torch.version.cuda, "scale": given.scale, **stamp()}
    if given.again:
        for part in given.parts:
            card.pop(part, None)

    def save() -> None:
        if out:
            store(out, stored)

    visit(setting, given.parts, given.minutes, card, save)


if __name__ == "__main__":
    main()
