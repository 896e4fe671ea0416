"""``python -m bench``: the application and its verbs; nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from bench import __version__
from bench.cli.data import data_app
from bench.cli.doctor import doctor
from bench.cli.figures import plot, report, show
from bench.cli.listing import list_
from bench.cli.models import fit, predict
from bench.cli.options import INTERRUPTED, USAGE
from bench.cli.run import recover, run
from bench.cli.status import status
from bench.cli.tables import compare, export, stats, table
from bench.errors import UsageError

app = App(
    name="bench",
    help="Reproduce every comparison table of FLEM (IJCAI-22), and compare your own method with it.",
    version=__version__,
    version_flags=["--version"],
)
app.command(data_app)
app.command(list_, name="list")
for verb in (run, recover, doctor, status, show, table, compare, stats, plot, report, export, fit, predict):
    app.command(verb)


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
    from bench import config as configuration

    if folders := [*configuration.load().method_folders, *(methods_dir or [])]:
        from bench.methods import add_folders

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
        from bench.methods import BrokenMethodError, UnknownMethodError

        if not isinstance(error, BrokenMethodError | UnknownMethodError):
            raise
        message = str(error)
    print(f"error: {message}", file=sys.stderr)
    return USAGE
