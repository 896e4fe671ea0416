"""Our values beside the paper's, cell by cell: differences, rank correlations, and what cannot be compared.

Imports neither torch nor methods.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pandas as pd
from tabulate import tabulate

from bench.analysis.hypothesis_tests import half_width_of_another_run
from bench.config import Config
from bench.errors import UsageError, did_you_mean
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.record import Manifest
from bench.tables import paper
from bench.tables.ranking import competition_ranks, printed
from bench.tables.table import Cell, MetricTable
from bench.text import counted, csv_of

FORMATS = ("terminal", "markdown", "csv", "json")
COLUMNS = [
    "dataset", "paper_dataset", "variant", "metric", "ours", "std", "printed", "difference", "half_width", "verdict",
    "rank", "printed_rank",
]  # fmt: skip
LEVEL = (
    "level: equal as printed, or within the distance from our mean that one more run of ours would keep in 95 % of "
    "cases, by the t-distribution over our seeds; with one seed that distance is unknown, and nothing is judged"
)
"""Meaning of the verdicts."""
VERDICTS = ("better", "level", "worse", "not judged")
COLOURS = {"better": "\x1b[32m", "worse": "\x1b[31m"}
PLAIN = "\x1b[0m"


def comparison_frame(tables: Sequence[MetricTable], stand_ins: Mapping[str, str]) -> pd.DataFrame:
    """Comparable cells, a line each, with the columns COLUMNS.

    ``half_width`` is the distance from our mean within which one more run of ours would lie in 95 % of cases, missing
    for one seed; ``verdict`` says whether ours is better or worse than printed, or level: within that distance, or
    equal as printed. The paper is one run: with one seed nothing is judged.
    Ranks are among the paper's methods that have both values.

    Parameters
    ----------
    tables: one for each of the paper's metrics, from records.
    stand_ins: {our data set: the paper's that it is set beside}; a set of the paper's name stands for itself.

    Raises
    ------
    UsageError: for a stand-in that no table has.
    """
    lines = []
    if tables:
        _check_names(stand_ins, tables[0])
    for table in tables:
        metric = table.metric
        assert metric.paper_table is not None
        theirs = {(cell.method, cell.dataset): cell.value for cell in paper.comparison_table(metric.paper_table)}
        for column in table.columns:
            name = column.partition("@")[0]
            beside = stand_ins.get(column, stand_ins.get(name, name))
            ours = {variant: mean for variant, mean in table.values(column).items() if (variant, beside) in theirs}
            printed_values = {variant: theirs[variant, beside] for variant in ours}
            ranks = competition_ranks({name: printed(mean) for name, mean in ours.items()}, metric.lower_is_better)
            printed_ranks = competition_ranks(printed_values, metric.lower_is_better)
            lines += [
                {
                    "dataset": table.sources.get(column, column),
                    "paper_dataset": beside,
                    "variant": variant,
                    "metric": metric.key,
                    "ours": mean,
                    "std": table.cells[variant, column].std,
                    "printed": float(printed_values[variant]),
                    **_distance(mean, table.cells[variant, column], printed_values[variant], metric),
                    "rank": ranks[variant],
                    "printed_rank": printed_ranks[variant],
                }
                for variant, mean in ours.items()
            ]
    return pd.DataFrame(lines, columns=COLUMNS).astype({"std": "float64", "half_width": "float64"})


def _check_names(stand_ins: Mapping[str, str], table: MetricTable) -> None:
    names = {name for column in table.columns for name in (column, column.partition("@")[0])} | {
        *table.sources.values()
    }
    for ours in stand_ins:
        if ours not in names:
            raise UsageError(f"--map {ours}={stand_ins[ours]}: no record is of {ours!r}; {did_you_mean(ours, names)}")


def _distance(mean: float, cell: Cell, value: str, metric: Metric) -> dict:
    difference = mean - float(value)
    if cell.std is None:
        return {"difference": difference, "half_width": None, "verdict": "not judged"}
    half_width = half_width_of_another_run(cell.std, cell.seeds)
    level = abs(difference) <= half_width or printed(mean) == value
    verdict = "level" if level else "better" if (difference < 0) == metric.lower_is_better else "worse"
    return {"difference": difference, "half_width": half_width, "verdict": verdict}


def rank_correlation(frame: pd.DataFrame) -> float | None:
    """Spearman's rank correlation of one data set and metric; None below three methods or where a side has no order."""
    if len(frame) < 3 or frame["rank"].nunique() < 2 or frame["printed_rank"].nunique() < 2:
        return None
    return float(frame["rank"].rank().corr(frame["printed_rank"].rank()))


def checked_stand_ins(given: Sequence[str], config: Config) -> dict[str, str]:
    """{ours: the paper's} from "OURS=PAPER".

    Raises
    ------
    UsageError: for another form, or a name that is not a data set of the paper.
    """
    known = [name for name in config.datasets if paper.dataset_facts(name)]
    stand_ins: dict[str, str] = {}
    for pair in given:
        ours, equals, theirs = pair.partition("=")
        if ours in stand_ins:
            raise UsageError(f"--map names {ours} twice, beside {stand_ins[ours]} and {theirs}.")
        if not equals:
            raise UsageError(f"--map takes OURS=PAPER, such as VOC07tv=VOC07, not {pair!r}.")
        if theirs not in known:
            raise UsageError(f"the paper has no data set {theirs!r}; {did_you_mean(theirs, known)}")
        stand_ins[ours] = theirs
    return stand_ins


def not_compared(tables: Sequence[MetricTable], frame: pd.DataFrame, manifest: Manifest) -> list[str]:
    """Sentences on data sets and variants without a counterpart on the other side, or without a value on ours."""
    beside = set(frame["paper_dataset"])
    without: dict[str, list[str]] = {}
    for name in dict.fromkeys(cell.dataset for cell in paper.printed_cells() if cell.table == 2):
        if name not in beside and name != paper.AVERAGE:
            why = "no data here" if name in manifest.missing else "no record, nor of a stand-in"
            without.setdefault(why, []).append(name)
    table = tables[0]
    compared = set(frame["dataset"])
    for column in table.columns:
        if table.sources.get(column, column) not in compared and column not in manifest.missing:
            without.setdefault("not of the paper, and not named as a stand-in by --map", []).append(column)
    reasons = [f"{', '.join(names)}: {why}." for why, names in without.items()]
    methods = {cell.method for cell in paper.comparison_table(2)}
    other = [variant for variant in table.variants if variant not in methods]
    if other:
        reasons.append(
            f"{', '.join(other)}: the paper prints no value of {'them' if len(other) > 1 else 'it'} per data set."
        )
    for column in table.columns:
        if table.sources.get(column, column) in compared:
            gaps: dict[str, list[str]] = {}
            for method in methods:
                cell = table.cell(method, column)
                state = "not here" if cell is None or cell.state == "missing" else cell.state
                if state != "value":
                    gaps.setdefault(state, []).append(method)
            reasons += [f"{column}: {', '.join(sorted(names))} {state}." for state, names in gaps.items()]
    return reasons


def render_comparison(
    frame: pd.DataFrame, config: Config, form: str, reasons: Sequence[str], colour: bool = False
) -> str:
    """Comparison as text: the cells, data set by data set, and what is not compared.

    Parameters
    ----------
    colour: terminal only: better than printed green, worse red, level uncoloured.
    """
    if form == "csv":
        return csv_of(frame)
    if form == "json":
        known = frame.astype(object).where(frame.notna(), None)  # NaN is no JSON
        return json.dumps(known.to_dict(orient="records"), indent=1) + "\n"
    style = "pipe" if form == "markdown" else "simple"
    parts = [
        _one_set(str(ours), str(theirs), cells, config, style, colour)
        for (ours, theirs), cells in frame.groupby(["dataset", "paper_dataset"], sort=False)
    ]
    parts.append(f"In brackets: ours minus printed{meaning_of_widths(frame)}. {totals(frame)}\n")
    if reasons:
        parts.append("\n".join(["Not compared:", "", *(f"- {reason}" for reason in reasons)]) + "\n")
    return "\n".join(parts)


def meaning_of_widths(frame: pd.DataFrame) -> str:
    """Rest of a sentence on the half-widths, where some cell has one."""
    return ", ± half the 95 % interval of one more run of ours" if frame["half_width"].notna().any() else ""


def totals(frame: pd.DataFrame) -> str:
    """Sentences on the verdicts of the sets that carry the paper's names; stand-ins are other experiments."""
    stands_in = frame["dataset"].str.partition("@")[0] != frame["paper_dataset"]
    own, others = frame[~stands_in], frame[stands_in]
    sentences = []
    if len(own):
        counts = own["verdict"].value_counts()
        summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
        of = ", ".join(dict.fromkeys(own["paper_dataset"]))
        sentences.append(f"Of {counted(len(own), 'cell')} of {of} against the printed value: {summary} ({LEVEL}).")
    if len(others):
        sentences.append(f"Not counted together, because they stand in: {', '.join(dict.fromkeys(others['dataset']))}.")
    return " ".join(sentences)


def _one_set(ours: str, theirs: str, cells: pd.DataFrame, config: Config, style: str, colour: bool) -> str:
    body = [[variant, *(_text(line, colour) for line in lines)] for variant, lines in by_variant(cells)]
    body.append(["rank correlation", *correlations(cells)])
    headers = ["ours (ours − printed)", *(metric.heading for metric in PAPER_METRICS)]
    align = ("left", *["right"] * len(PAPER_METRICS))
    table = tabulate(body, headers, tablefmt=style, colalign=align, disable_numparse=True)
    return f"{ours} beside the paper's {theirs}\n\n{table}\n\n{caveat(ours, theirs, config)}\n"


def _text(line: dict | None, colour: bool) -> str:
    if line is None:
        return "–"
    spread = "" if pd.isna(line["std"]) else f"±{printed(line['std'])}"
    text = f"{printed(line['ours'])}{spread} ({difference(line)})"
    return f"{COLOURS[line['verdict']]}{text}{PLAIN}" if colour and line["verdict"] in COLOURS else text


def difference(line: Mapping) -> str:
    """Difference of a line of the frame, with its half-width where it has one."""
    width = "" if pd.isna(line["half_width"]) else f" ± {printed(line['half_width'])}"
    return f"{line['difference']:+.4f}{width}"


def by_variant(cells: pd.DataFrame) -> list[tuple[str, list[dict | None]]]:
    """[(variant, its line of each of the paper's metrics)] of one data set's part of the frame."""
    lines = {(line["variant"], line["metric"]): line for line in cells.to_dict("records")}
    return [
        (variant, [lines.get((variant, metric.key)) for metric in PAPER_METRICS])
        for variant in dict.fromkeys(cells["variant"])
    ]


def correlations(cells: pd.DataFrame) -> list[str]:
    """Rank correlation by each of the paper's metrics, as text."""
    values = [rank_correlation(cells[cells["metric"] == metric.key]) for metric in PAPER_METRICS]
    return ["–" if value is None else f"{value:.2f}" for value in values]


def caveat(ours: str, theirs: str, config: Config) -> str:
    """Sentence on why the two columns are not the same experiment, as far as names tell."""
    name, _, extractor = ours.partition("@")
    expected = config.datasets[theirs].extractor if theirs in config.datasets else None
    if name != theirs:
        return f"{name} is not {theirs}: other rows, other features; differences are not errors of either side."
    if extractor != expected:
        return f"The features are {extractor}, not the paper's {expected}."
    return "The features carry the paper's name; the paper published no checksums to compare them by."
