"""Application of ``python -m bench``: verbs by import path, so that only the one that is called is imported."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError

from bench import __version__
from bench.cli.options import INTERRUPTED, USAGE, renamed_option
from bench.errors import UsageError

VERBS = {
    "data": (
        "bench.cli.data:data_app",
        "The data sets: what is here, where they come from, how they are made and split.",
    ),
    "list": ("bench.cli.listing:list_", "Show what there is: methods, datasets or metrics."),
    "run": ("bench.cli.run:run", "Run data sets x methods x seeds; what is done already is not done again."),
    "recover": (
        "bench.cli.run:recover",
        "Label enhancement where the true label distribution is known: run what is not done, print the six measures.",
    ),
    "doctor": (
        "bench.cli.status:doctor",
        "Say whether a run with these options can work here: versions, devices, data, folders, disk, memory, time.",
    ),
    "status": (
        "bench.cli.status:status",
        "Show a results folder's jobs, from any terminal: done, failed, running (by whom), missing.",
    ),
    "show": (
        "bench.cli.status:show",
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
    "fit": ("bench.cli.models:fit", "Train one method on one data set as a run does, and save the model."),
    "predict": (
        "bench.cli.models:predict",
        "Predict the labels of a file's rows with a saved model: a line a row, 0 or 1 for every label.",
    ),
}
"""{verb: (where it is, the first line of its docstring)}; written out, because reading it there would import it."""

app = App(
    name="bench",
    help="Reproduce every comparison table of FLEM (IJCAI-22), and compare your own method with it.",
    version=__version__,
    version_flags=["--version"],
)
for verb, (path, line) in VERBS.items():
    app.command(path, name=verb, help=line)


@app.meta.default
def launch(
    *command: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    methods_dir: Annotated[list[str] | None, Parameter(negative=())] = None,
) -> int:
    """Run a command with the options that all have.

    Parameters
    ----------
    methods_dir
        A folder of plain method files, beside those that bench.toml names; may be given several times.
    """
    from bench import config as configuration  # here, because --help does without it and msgspec

    if folders := [*configuration.load().method_folders, *(methods_dir or [])]:
        from bench.methods import add_folders  # here, because most commands have no folders to add

        add_folders(folders)
    return app(command, exit_on_error=False, print_error=False, result_action="return_value")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a user's mistake is one sentence on standard error and exit code 2."""
    # Must be set before CUDA starts: without it products may differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Must be set before OpenMP starts: waiting threads that spin make a shared machine 5 to 10 times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = app.meta(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return int(code or 0)
    except UnknownOptionError as error:
        message = renamed_option(error) or " ".join(str(error).split())
    except CycloptsError as error:
        message = " ".join(str(error).split())
    except UsageError as error:
        message = str(error)
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from bench.methods import BrokenMethodError, UnknownMethodError  # here, because --help does without

        if not isinstance(error, BrokenMethodError | UnknownMethodError):
            raise
        message = str(error)
    print(f"error: {message}", file=sys.stderr)
    return USAGE
