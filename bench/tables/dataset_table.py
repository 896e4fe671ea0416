"""Table 1: the data sets that are here, beside the sizes that the paper prints. Imports no torch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from tabulate import tabulate

from bench.config import Config
from bench.datasets.catalog import Missing, available
from bench.datasets.dataset import SPLITS
from bench.datasets.source import Unreadable
from bench.errors import UsageError
from bench.tables import paper
from bench.tables.render import latex_escaped
from bench.text import csv_of

COLUMNS = {"train": "N_train", "val": "N_val", "test": "N_test", "features": "D_features", "labels": "L_labels"}
GAP = "–"


def dataset_frame(config: Config, folders: list[Path]) -> pd.DataFrame:
    """Sizes of the data sets, a line a set; the paper's come first, in bench.toml's order.

    Columns: dataset, extractor, cardinality (labels a sample), and for each of COLUMNS its size here and, with the
    suffix _printed, the paper's (missing: none).
    """
    lines = []
    for source in available(config, folders):
        name = source.name
        facts = paper.dataset_facts(name)
        line: dict[str, object] = {
            "dataset": name,
            "extractor": "",
            "cardinality": None,
            "domain": facts.get("F_domain"),
        }
        sizes: dict[str, int] = {}
        if isinstance(source, Unreadable):
            line["fault"] = source.fault
        elif not isinstance(source, Missing):
            try:
                dataset = source.load()
            except UsageError as error:
                line["fault"] = str(error)
            else:
                train = dataset.splits["train"]
                sizes = {split: dataset.splits[split].x.shape[0] for split in SPLITS}
                sizes |= {"features": train.x.shape[1], "labels": len(dataset.label_names)}
                line |= {"extractor": source.extractor, "cardinality": float(train.y.sum(1).mean())}
        for column, fact in COLUMNS.items():
            line[column] = sizes.get(column)
            line[f"{column}_printed"] = int(facts[fact]) if facts else None
        lines.append(line)
    order = {name: place for place, name in enumerate(config.tables.datasets)}
    lines.sort(key=lambda line: order.get(str(line["dataset"]), len(order)))
    frame = pd.DataFrame(lines)
    columns = [name for column in COLUMNS for name in (column, f"{column}_printed")]
    return frame.astype(dict.fromkeys(columns, "Int64"))


def render_datasets(frame: pd.DataFrame, form: str) -> str:
    """Table 1 as text: a size here, and in brackets the printed one where it differs or there is none here."""
    if form == "csv":
        return csv_of(frame)
    if form == "json":
        return frame.to_json(orient="records", indent=1, force_ascii=False) + "\n"
    headers = ["Data set", "N train", "N val", "N test", "D", "L", "labels a row", "features"]
    body = [_cells(line) for line in frame.to_dict("records")]
    notes = [
        "Sizes of the data that are here; in brackets as printed in Table 1 where that differs or nothing is here.",
        *(str(line["fault"]) for line in frame.to_dict("records") if isinstance(line.get("fault"), str)),
    ]
    if form == "latex":
        latex_lines = [" & ".join(latex_escaped(cell) for cell in cells) + r" \\" for cells in body]
        head = " & ".join(latex_escaped(header) for header in headers) + r" \\"
        return "\n".join(
            [
                "% needs \\usepackage{booktabs}",
                r"\begin{table}",
                r"\centering\footnotesize",
                rf"\caption{{Data sets. {latex_escaped(notes[0])}}}",
                r"\begin{tabular}{l" + "r" * (len(headers) - 2) + "l}",
                r"\toprule",
                head,
                r"\midrule",
                *latex_lines,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )
    style = {"terminal": "simple", "markdown": "pipe", "html": "html"}[form]
    align = ("left", *["right"] * (len(headers) - 2), "left")
    table = tabulate(body, headers, tablefmt=style, colalign=align, disable_numparse=True)
    return "\n".join([table, "", *notes]) + "\n"


def _cells(line: dict) -> list[str]:
    cells = [str(line["dataset"])]
    for column in COLUMNS:
        size, printed = line[column], line[f"{column}_printed"]
        text = GAP if pd.isna(size) else str(size)
        cells.append(text if pd.isna(printed) or (not pd.isna(size) and size == printed) else f"{text} ({printed})")
    cells.append(GAP if pd.isna(line["cardinality"]) else f"{line['cardinality']:.2f}")
    return [*cells, line["extractor"]]
