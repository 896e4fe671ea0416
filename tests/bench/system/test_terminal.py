"""Standard streams that are closed, broken, full or of few letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent
PROGRAM = """
import os, subprocess, sys
from bench.system import terminal
terminal.settle()
for number in range(3000):
    print("a line that is shown ↓", number)
print("warning ↓", file=sys.stderr)
fault = terminal.output_fault()
subprocess.run([sys.executable, "-c", "print(1, flush=True)"], check=True)  # a process started from here can print
with open("done", "w") as file:
    file.write(fault or "nothing")
    assert file.fileno() > 2
print("more")
"""


@pytest.mark.parametrize(
    ("shell", "fault", "environment"),
    [
        ("{} >&-", "nothing", {}),
        ("{} <&- >&- 2>&-", "nothing", {}),
        ("{} 2>&-", "nothing", {}),
        ("{} | head -1", "nothing", {}),
        ("{} > /dev/full", "No space left on device", {}),
        ("{} 2> /dev/full", "nothing", {}),
        ("{}", "nothing", {"PYTHONIOENCODING": "ascii"}),
        ("{}", "nothing", {"PYTHONIOENCODING": "latin-1"}),
    ],
)
def test_no_program_ends_by_its_output(tmp_path: Path, shell: str, fault: str, environment: dict[str, str]) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = "set -o pipefail; " + shell.format(f"{sys.executable} program.py")
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "done").read_text() == fault
    if environment:
        assert r"a line that is shown \u2193 2999" in done.stdout
        assert r"warning \u2193" in done.stderr


@pytest.mark.parametrize("columns", ["", "0", "1", "5", "abc", "²", "99999999999999999999", "-3"])
def test_the_width_is_one_that_help_can_be_laid_out_in(columns: str) -> None:
    program = (
        "import os\nfrom bench.system import terminal\nterminal.settle()\n"
        "from rich.console import Console\nassert 20 <= Console().width <= 1000, Console().width\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": columns}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_streams_of_somebody_else_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    from bench.system import terminal

    before = sys.stdout
    terminal.settle()
    assert sys.stdout is before
    assert terminal.output_fault() == ""
