"""Tables of a results folder or of the committed reference. Imports no torch."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.records.store import DEFAULT_RESULTS

if TYPE_CHECKING:
    from bench.config import Config
    from bench.plan.filters import Choice
    from bench.records.record import Manifest
    from bench.tables.table import Style


REFERENCE = Path(__file__).resolve().parent.parent.parent / "results/reference"


def place(origin: str, results: str) -> tuple[Path, Config, bool]:
    """(folder, configuration, whether the records are the committed ones) of what ``--from`` and ``--results`` say."""
    from bench import config as configuration

    if origin == "runs":
        return Path(results), configuration.load(), False
    if results != DEFAULT_RESULTS:
        raise UsageError("--from reference and --results exclude each other.")
    # The committed records have rows of their own, which a bench.toml beside them names.
    return REFERENCE, configuration.load(REFERENCE), True


def collected(
    metrics: list,
    folder: Path,
    data: str | None,
    config: Config,
    committed: bool = False,
    choice: Choice | None = None,
    style: Style | None = None,
) -> tuple[list, list, Manifest]:
    """The chosen records of the folder, a table of each metric, and what runs into the folder asked for of it."""
    from bench.datasets.catalog import data_folders
    from bench.plan.filters import Choice, chosen
    from bench.plan.states import collect
    from bench.plan.variants import variants_of
    from bench.records.store import Store
    from bench.tables.comparison import comparison
    from bench.tables.table import PAPERS_STYLE

    if not folder.is_dir():
        how = "this version comes without reference records." if committed else "run `python -m bench run` first."
        raise UsageError(f"there are no records in {folder}; {how}")
    store = Store(folder)
    gc.disable()  # thousands of records leave nothing to collect, and looking costs a tenth of the command
    try:
        entries = collect(store, config, data_folders(config, data))
    finally:
        gc.enable()
    if not entries:
        raise UsageError(f"there are no records in {folder}; run `python -m bench run` first.")
    entries, manifest = chosen(entries, store.manifest(), choice or Choice())
    order = list(variants_of(config))
    style = style or PAPERS_STYLE
    tables = [comparison(entries, metric, config, manifest, order, style) for metric in metrics]
    return entries, tables, manifest
