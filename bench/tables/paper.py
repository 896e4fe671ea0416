"""The paper's printed numbers (paper_tables.csv beside this file). Imports neither torch nor methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bench.system import reading

CITATION = "Zhao, An, Xu, Geng: Fusion Label Enhancement for Multi-Label Learning, IJCAI 2022"
AVERAGE = "Avg. Rank"


@dataclass(frozen=True)
class Printed:
    """A printed number of Tables 1 to 6."""

    table: int
    metric: str
    method: str
    dataset: str
    value: str
    """As printed, four decimals; empty for an average rank."""
    rank: str


@lru_cache(maxsize=1)
def printed_cells() -> tuple[Printed, ...]:
    """All printed numbers, in the file's order."""
    path = Path(__file__).with_name("paper_tables.csv")
    _, *lines = reading.csv_rows(reading.text(path), path)
    return tuple(Printed(int(table), *others) for _, (table, *others) in lines)


def comparison_table(number: int) -> list[Printed]:
    """Cells of Table 2, 3, 4, 5 (averages included) or 6."""
    return [cell for cell in printed_cells() if cell.table == number]


def dataset_facts(dataset: str) -> dict[str, str]:
    """Table 1's facts of a data set: N_train, N_val, N_test, D_features, L_labels, F_domain; empty for another set."""
    return {cell.metric: cell.value for cell in printed_cells() if cell.table == 1 and cell.dataset == dataset}


def printed_size(name: str) -> str:
    """Table 1's numbers of a data set; empty for one that is not in the paper."""
    facts = dataset_facts(name)
    if not facts:
        return ""
    samples = f"{facts['N_train']}/{facts['N_val']}/{facts['N_test']}"
    return f"{samples} x {facts['D_features']}, {facts['L_labels']} labels"
