"""What the paper claims of its method, counted alike in its printed tables and in ours. Imports neither torch nor
methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bench.prose import Grid
from bench.ranking import printed
from bench.tables import Table, paper_ablation

VARIANTS = ("FLEM-S", "FLEM-T", "FLEM-D")
BASELINES = ("ML-KNN", "RAKEL", "FL", "CB", "R-FL", "DB", "BS", "LEVI", "VALEN")
LABEL_ENHANCEMENT = ("LEVI", "VALEN")
ABLATED = ("FLEM-I", "FLEM-II")


@dataclass(frozen=True)
class Count:
    holds: int
    cases: int

    def __str__(self) -> str:
        return f"{self.holds} of {self.cases}" if self.cases else "–"

    def __add__(self, other: Count) -> Count:
        return Count(self.holds + other.holds, self.cases + other.cases)


@dataclass(frozen=True)
class Claim:
    """A claim of section 4.3 or 4.4, and how often it holds."""

    text: str
    where: str
    in_print: Count
    here: Count

    @property
    def verdict(self) -> str:
        """In words; a claim is of all its cases."""
        if not self.here.cases:
            return "not tested"
        share, printed_share = self.here.holds / self.here.cases, self.in_print.holds / self.in_print.cases
        return "holds" if share >= printed_share else "holds in part" if share > 0.5 else "does not hold"


def claims(papers: Sequence[Table], ours: Sequence[Table]) -> list[Claim]:
    """Each claim, counted in the paper's Tables 2-6 and in the tables of the same metrics from records.

    A case counts where the methods it speaks of have values; values are compared as printed.
    """
    found = []
    for text, where, count in CLAIMS:
        found.append(Claim(text, where, _total(papers, count), _total(ours, count)))
    for row in ABLATED:
        text = f"FLEM-D is better than {row} (Table 6)"
        in_print = _ablation_in_print(row)
        found.append(Claim(text, "4.4", in_print, _total(ours, _beats("FLEM-D", (row,)))))
    return found


def _total(tables: Sequence[Table], count: Callable[[Table], Count]) -> Count:
    return sum((count(table) for table in tables), Count(0, 0))


def _signed(table: Table, column: str) -> dict[str, Decimal]:
    """{row: printed value, smaller is better} of a column."""
    assert table.metric is not None
    sign = 1 if table.metric.lower_is_better else -1
    values = {}
    for row in (*table.ranked, *table.extra):
        cell = table.cell(row, column)
        if cell is not None and cell["state"] == "value":
            values[row] = sign * Decimal(printed(cell["mean"]))
    return values


def _first(ties_count: bool, variants: Sequence[str] = VARIANTS) -> Callable[[Table], Count]:
    """Columns in which the best of the variants is better than every baseline (or as good)."""

    def count(table: Table) -> Count:
        holds = cases = 0
        for column in table.columns:
            values = _signed(table, column)
            own = [values[row] for row in variants if row in values]
            others = [values[row] for row in BASELINES if row in values]
            if own and others:
                cases += 1
                holds += min(own) < min(others) or (ties_count and min(own) == min(others))
        return Count(holds, cases)

    return count


def _beats(row: str, others: Sequence[str]) -> Callable[[Table], Count]:
    def count(table: Table) -> Count:
        holds = cases = 0
        for column in table.columns:
            values = _signed(table, column)
            there = [values[other] for other in others if other in values]
            if row in values:
                cases += len(there)
                holds += sum(values[row] < value for value in there)
        return Count(holds, cases)

    return count


def _average_ranks(table: Table) -> Count:
    """Pairs of a variant and a baseline of which the variant has the lower average rank."""
    averages = {row: Decimal(text) for row, text in table.averages.items()}
    pairs = [(averages[v], averages[b]) for v in VARIANTS for b in BASELINES if v in averages and b in averages]
    return Count(sum(variant < baseline for variant, baseline in pairs), len(pairs))


def _ablation_in_print(row: str) -> Count:
    table = paper_ablation()
    holds = 0
    for column in table.columns:
        ours, other = (float(table.cell(name, column)["mean"]) for name in ("Ours", row))  # type: ignore[index]
        holds += ours < other if column.endswith("↓") else ours > other
    return Count(holds, len(table.columns))


CLAIMS: tuple[tuple[str, str, Callable[[Table], Count]], ...] = (
    ("a FLEM variant is first (the best of three against nine; ties count)", "4.3", _first(ties_count=True)),
    ("a FLEM variant is first alone", "4.3", _first(ties_count=False)),
    ("FLEM-D is first (one against nine; ties count)", "4.3", _first(ties_count=True, variants=("FLEM-D",))),
    ("each FLEM variant has a lower average rank than each baseline", "4.3", _average_ranks),
    ("FLEM-D is better than LEVI and VALEN", "4.3", _beats("FLEM-D", LABEL_ENHANCEMENT)),
    ("FLEM-D is better than the seven other baselines", "4.3", _beats("FLEM-D", BASELINES[:7])),
)


def claims_grid(found: Sequence[Claim]) -> Grid:
    body = [[claim.text, claim.where, str(claim.in_print), str(claim.here), claim.verdict] for claim in found]
    return Grid(["claim (cells of the four metrics)", "section", "printed", "here", "verdict"], body, numbers=False)
