"""Start-up times of the light commands, from a cold interpreter."""

from __future__ import annotations

import subprocess
import sys

from perf.machine import seconds


def run(full: bool) -> dict[str, object]:
    def call(*arguments: str) -> float:
        command = [sys.executable, "-m", "bench", *arguments]
        return seconds(lambda: subprocess.run(command, check=True, capture_output=True), times=9)

    return {
        "interpreter_seconds": seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True), times=9),
        "help_seconds": call("--help"),
        "list_methods_seconds": call("list", "methods"),
        "list_datasets_seconds": call("list", "datasets"),
        "table_of_the_paper_seconds": call("table", "--from", "paper"),
    }
