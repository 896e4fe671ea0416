"""The verbs that read what runs left: status, show, table, export. Nothing heavy before it is used."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from bench.cli_data import DataFolder
from bench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.choice import Choice
    from bench.collect import JobState
    from bench.config import Config
    from bench.records import Manifest
    from bench.tables import Style

DEFAULT_RESULTS = "results/runs"
REFERENCE = Path(__file__).resolve().parent.parent / "results/reference"

Origin = Annotated[Literal["runs", "reference"], Parameter(name="--from")]


def _some(kind: Any, given: list | None) -> None:
    """An option without a value (of an unset shell variable, say) is a mistake, not everything or nothing."""
    if given is not None and not given:
        raise ValueError("It needs at least one value.")


Names = Annotated[list[str] | None, Parameter(consume_multiple=True, negative=(), validator=_some)]
Numbers = Annotated[list[int] | None, Parameter(consume_multiple=True, negative=(), validator=_some)]


def status(*, results: str = DEFAULT_RESULTS) -> int:
    """What a results folder holds and who is computing what, from any terminal: done, failed, running, missing.

    Parameters
    ----------
    results
        The folder of the records.
    """
    from bench import config as configuration
    from bench.datasets import data_folders
    from bench.records import Store
    from bench.status import show_status

    config = configuration.load()
    return show_status(Store(Path(results)), config, data_folders(config, None))


def show(
    dataset: str,
    method: str,
    *,
    instance: int,
    seed: int | None = None,
    top: int = 12,
    results: str = DEFAULT_RESULTS,
) -> int:
    """Draw the label distribution that a method recovered for one training instance.

    Parameters
    ----------
    dataset
        A data set of the records.
    method
        A label-enhancement row; its job must have run with --keep distributions.
    instance
        The number of a training row, from 0.
    seed
        Default: the smallest there is.
    top
        How many labels to show beside the positive ones.
    results
        The folder of the records.
    """
    from bench.records import Store
    from bench.show import show_instance

    show_instance(Store(Path(results)), dataset, method, instance, seed, top)
    return 0


def table(
    *,
    number: int | None = None,
    metric: str | None = None,
    form: Annotated[str, Parameter(name="--format")] = "terminal",
    methods: Names = None,
    datasets: Names = None,
    seeds: Numbers = None,
    digits: int = 4,
    rank_on: Literal["printed", "exact"] = "printed",
    include: Literal["extra"] | None = None,
    fit: Literal["column", "page"] = "column",
    source: Literal["ours", "paper"] = "ours",
    origin: Origin = "runs",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Print ranked tables from the records; without --metric and --number the paper's Tables 2-5.

    Parameters
    ----------
    number
        A table of the paper: 1 (the data sets), 2 (Hamming), 3 (ranking), 4 (coverage), 5 (average precision), 6 (the
        ablation, on VOC07 or the one set that --datasets names).
    metric
        hamming, ranking, coverage, average-precision, or another of `list metrics`.
    form
        terminal, markdown, latex, html, csv or json.
    methods
        Rows to show. Default: all.
    datasets
        Columns to show. Default: all.
    seeds
        Seeds to average over. Default: all.
    digits
        Decimals of a value.
    rank_on
        printed: values that look equal are equal, as in the paper; exact: only those that are.
    include
        extra ranks the rows under the rule with the others.
    fit
        Of LaTeX: column, as wide as it is; page, across both columns and shrunk to the page where it is wider.
    source
        ours (from records) or paper (as printed there, Tables 2-6).
    origin
        runs (your own) or reference (the committed ones).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    from bench.choice import Choice
    from bench.metric_catalogue import PAPER_METRICS, metric_named
    from bench.render import FORMATS, render_all
    from bench.tables import ABLATION, Style, ablation, paper_ablation, paper_table

    known(form, FORMATS, "format")
    if not 1 <= digits <= 10:
        raise UsageError(f"--digits must be from 1 to 10, not {digits}.")
    if number is not None and metric is not None:
        raise UsageError("--number and --metric exclude each other.")
    folder, config, committed = place(origin, results)
    if number == 1:
        from bench.dataset_table import dataset_frame, render_datasets
        from bench.datasets import data_folders

        print(render_datasets(dataset_frame(config, data_folders(config, data)), form), end="")
        return 0
    metrics = [metric_named(metric)] if metric else list(PAPER_METRICS)
    if number not in (None, 6):
        metrics = [one for one in metrics if one.paper_table == number]
        if not metrics:
            raise UsageError(f"there is no table {number} here; 1 to 6 are.")
    if source == "paper":
        for one in metrics:
            if one.paper_table is None:
                raise UsageError(f"the paper has no table of {one.title}.")
        if any(given is not None for given in (methods, datasets, seeds, include)) or digits != 4:
            raise UsageError("the paper's tables are shown as printed; --source paper takes no other choice.")
        tables = [paper_ablation()] if number == 6 else [paper_table(one, config) for one in metrics]
        print(render_all(tables, form, fit), end="")
        return 0
    choice = Choice(methods, datasets, seeds)
    style = Style(digits, rank_on, rank_extra=include == "extra", show_ranks=number != 6)
    if number == 6:
        choice = Choice(methods or ABLATION, datasets or ["VOC07"], seeds)
        if len(choice.datasets or ()) != 1:
            raise UsageError("Table 6 is of one data set; name one with --datasets.")
    entries, tables, _ = collected(metrics, folder, data, config, committed, choice, style)
    if number == 6:
        tables = [ablation(tables)]
    if note := origin_note(entries, committed):
        for made in tables:
            made.notes.append(note)
    print(render_all(tables, form, fit), end="")
    return 1 if any(entry.state == "corrupt" for entry in entries) else 0


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
    from bench.choice import Choice, chosen
    from bench.collect import collect
    from bench.datasets import data_folders
    from bench.plan import rows_of
    from bench.records import Store
    from bench.tables import PAPERS_STYLE, comparison

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
    order = list(rows_of(config))
    style = style or PAPERS_STYLE
    tables = [comparison(entries, metric, config, manifest, order, style) for metric in metrics]
    return entries, tables, manifest


def export(
    target: str,
    *,
    form: Annotated[Literal["sqlite", "csv", "parquet"] | None, Parameter(name="--format")] = None,
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Write the records as flat tables (jobs, metrics, grid, curves), for tables and figures of one's own.

    Parameters
    ----------
    target
        A SQLite file, or for csv and parquet a folder that gets a file for each table.
    form
        sqlite, csv or parquet. Default: sqlite for a name that ends in .sqlite or .db, else csv.
    results
        The folder of the records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    from bench import config as configuration
    from bench.export import export as write
    from bench.export import frames

    path = Path(target)
    if form is None and path.suffix in (".csv", ".parquet"):
        kind = path.suffix.removeprefix(".")
        raise UsageError(f"{kind} takes a folder, which gets a file for each table: --format {kind} {path.stem}")
    entries, _, _ = collected([], Path(results), data, configuration.load())
    for written in write(frames(entries), path, form or ("sqlite" if path.suffix in (".sqlite", ".db") else "csv")):
        print(written)
    return 0


def origin_note(states: Sequence[JobState], committed: bool) -> str:
    """Where committed records come from, and whether the code has changed since records were made; maybe empty."""
    from bench.collect import code_note

    commits = sorted({str(state.record.environment.get("commit")) for state in states if state.record})
    made = f"Reference records, made at commit {', '.join(commits)}." if committed else ""
    return " ".join(filter(None, (made, code_note(states))))


def known(word: str, words: tuple[str, ...], what: str) -> None:
    """Refuse a word that is not among those that there are."""
    if word not in words:
        raise UsageError(f"there is no {what} {word!r}; {did_you_mean(word, words)}")


def checked_seeds(seeds: list[int]) -> list[int]:
    """Each seed once; none is negative."""
    if any(seed < 0 for seed in seeds):
        raise UsageError(f"a seed cannot be negative: {min(seeds)}.")
    return list(dict.fromkeys(seeds))
