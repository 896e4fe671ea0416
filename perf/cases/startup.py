"""Start-up times of the light commands, from a cold interpreter, against that of the interpreter alone; seconds of the
processor."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from statistics import median

from perf.machine import children_time, in_turns, over

COMMANDS = {
    "help": ("--help",),
    "list_methods": ("list", "methods"),
    "list_datasets": ("list", "datasets"),
    "table_of_the_paper": ("table", "--from", "paper"),
}


def run(full: bool) -> dict[str, object]:
    programs = {name: ("-m", "bench", *arguments) for name, arguments in COMMANDS.items()}
    programs["interpreter"] = ("-c", "pass")
    runs = {name: partial(_call, arguments) for name, arguments in programs.items()}
    times = in_turns(runs, 5, children_time)
    return {
        **{f"{name}_seconds": median(taken) for name, taken in times.items()},
        "to_interpreter": {name: over(times[name], times["interpreter"]) for name in COMMANDS},
    }


def _call(arguments: tuple[str, ...]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
