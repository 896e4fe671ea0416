"""Application of ``python -m bench``: verbs by import path, so that only the one that is called is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError

from bench import __version__
from bench.cli.options import FAILED, INTERRUPTED, USAGE, Switch, renamed_option
from bench.errors import UsageError
from bench.system import terminal
from bench.text import shown

VERBS = {
    "data": (
        "bench.cli.data:data_app",
        "The data sets: what is here, where they come from, how they are made and split.",
    ),
    "list": (
        "bench.cli.listing:list_",
        "Show what there is: methods, datasets, metrics, decision rules, transforms of data sets or backbones.",
    ),
    "run": ("bench.cli.run:run", "Run data sets x methods x seeds; what is done already is not done again."),
    "recover": (
        "bench.cli.run:recover",
        "Label enhancement where the true label distribution is known: run what is not done, print the six measures.",
    ),
    "doctor": (
        "bench.cli.records:doctor",
        "Say whether a run with these options can work here: versions, devices, data, folders, disk, memory, time.",
    ),
    "status": (
        "bench.cli.records:status",
        "Show a results folder's jobs, from any terminal: done, failed, running (by whom), missing.",
    ),
    "converged": (
        "bench.cli.statistics:converged",
        "List the jobs whose kept epoch is among their last: their training may have been cut short.",
    ),
    "show": (
        "bench.cli.records:show",
        "Draw the label distribution that a method recovered for one training instance.",
    ),
    "table": (
        "bench.cli.tables:table",
        "Print ranked tables from the records; without --metric and --number the paper's Tables 2-5.",
    ),
    "compare": (
        "bench.cli.tables:compare",
        "Set our values beside the paper's printed ones: differences, rank correlations, and what its claims come to.",
    ),
    "stats": (
        "bench.cli.statistics:stats",
        "Test whether methods differ, over data sets and within each, and say what the data cannot decide.",
    ),
    "plot": (
        "bench.cli.figures:plot",
        "Draw figures from the records; without a name every figure that the records allow.",
    ),
    "report": (
        "bench.cli.figures:report",
        "Write one HTML page, which needs no network: what ran, tables, figures, the paper, statistics, gaps, cost.",
    ),
    "export": (
        "bench.cli.tables:export",
        "Write the records as flat tables (jobs, metrics, grid, curves), for tables and figures of one's own.",
    ),
    "merge": (
        "bench.cli.records:merge",
        "Join the records of several people or machines in one folder, or pack them into one file.",
    ),
    "check-records": (
        "bench.cli.records:check_records",
        "Check submitted records, a line each: whole, of this version's code, and at odds with no committed one.",
    ),
    "fit": ("bench.cli.models:fit", "Train one method on one data set as a run does, and save the model."),
    "predict": (
        "bench.cli.models:predict",
        "Predict the labels of a file's rows with a saved model: a line a row, 0 or 1 for every label.",
    ),
    "decide": (
        "bench.cli.models:decide",
        "Compute the decisions of old records by every decision rule, from their kept scores; nothing is trained.",
    ),
    "score": (
        "bench.cli.models:score",
        "Make a record of the scores of a model trained elsewhere, for tables, statistics and the report.",
    ),
}
"""{verb: (where it is, the first line of its docstring)}; written out, because reading it there would import it."""

app = App(
    name="bench",
    help="Reproduce every comparison table of FLEM (IJCAI-22), and compare your own method with it.",
    version=__version__,
    version_flags=["--version"],
)
app.suppress_keyboard_interrupt = app.meta.suppress_keyboard_interrupt = False
for verb, (path, line) in VERBS.items():
    app.command(path, name=verb, help=line)


@app.meta.default
def launch(
    *command: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    methods_dir: Annotated[list[str] | None, Parameter(negative=())] = None,
    debug: Switch = False,
) -> int:
    """Run a command with the options that all have.

    Parameters
    ----------
    methods_dir
        A folder of plain method files, beside those that bench.toml names; may be given several times.
    debug
        Show where in the program an error arose, before the sentence about it.
    """
    from bench import config as configuration  # here, because --help does without it and msgspec

    if folders := [*configuration.load().method_folders, *(methods_dir or [])]:
        from bench.methods import add_folders  # here, because most commands have no folders to add

        add_folders(folders)
    return app(command, exit_on_error=False, print_error=False, result_action="return_value")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever ends it early is one sentence on standard error."""
    # Must be set before CUDA starts: without it products may differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Must be set before OpenMP starts: waiting threads that spin make a shared machine 5 to 10 times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    terminal.settle()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _refuse_empty(words)
        code = int(app.meta(words, exit_on_error=False, print_error=False, result_action="return_value") or 0)
        message = (fault := terminal.output_fault()) and f"standard output could not be written: {fault}."
        if not message:
            return code
        code = USAGE
    except KeyboardInterrupt:
        code, message = INTERRUPTED, "interrupted."
    except Exception as error:
        if "--debug" in words:
            import traceback

            traceback.print_exception(error)
        code, message = _explained(error)
    print(message if code == INTERRUPTED else f"error: {shown(message)}", file=sys.stderr)
    return code


def _refuse_empty(words: Sequence[str]) -> None:
    """Refuse an empty argument: it is no folder, file or name, and comes of a shell variable that is not set."""
    for before, word in pairwise(["", *words]):
        if not word.strip() or (word.startswith("--") and word.endswith("=")):
            option = next((one for one in (word.rstrip("="), before) if one.startswith("--")), "an argument")
            raise UsageError(f"{option} is empty; is a shell variable unset?")


def _explained(error: Exception) -> tuple[int, str]:
    """(exit code, sentence) of an error: 2 where the user can mend it, 1 where the program has to be mended."""
    if isinstance(error, UsageError):
        return USAGE, str(error)
    if isinstance(error, CycloptsError):
        renamed = renamed_option(error) if isinstance(error, UnknownOptionError) else ""
        return USAGE, renamed or " ".join(str(error).split())
    from bench.system.reading import in_short  # here, because --help does without

    if isinstance(error, OSError | MemoryError):
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        return USAGE, f"{where}{in_short(error)} (--debug shows where)."
    return FAILED, f"{type(error).__name__}: {in_short(error)}. The program did not expect this; --debug shows where."
