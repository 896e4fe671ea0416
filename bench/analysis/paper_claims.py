"""Claims of the paper of its method, counted alike in its printed tables and in ours. Imports neither torch nor
methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from bench.analysis.hypothesis_tests import ALPHA
from bench.metrics.catalogue import PAPER_METRICS
from bench.tables.comparison import paper_ablation
from bench.tables.ranking import printed
from bench.tables.table import MetricTable
from bench.text import Grid

VARIANTS = ("FLEM-S", "FLEM-T", "FLEM-D")
BASELINES = ("ML-KNN", "RAKEL", "FL", "CB", "R-FL", "DB", "BS", "LEVI", "VALEN")
LABEL_ENHANCEMENT = ("LEVI", "VALEN")
ABLATED = ("FLEM-I", "FLEM-II")
RESAMPLES = 2000


@dataclass(frozen=True)
class Count:
    """Cases in which a claim holds, of all."""

    holds: int
    cases: int

    def __str__(self) -> str:
        return f"{self.holds} of {self.cases}" if self.cases else "–"

    def __add__(self, other: Count) -> Count:
        return Count(self.holds + other.holds, self.cases + other.cases)

    @property
    def share(self) -> Fraction:
        return Fraction(self.holds, self.cases)


@dataclass(frozen=True)
class Claim:
    """A claim of section 4.3 or 4.4, and how often it holds."""

    text: str
    where: str
    chance: Fraction
    """The share of cases that methods without a difference would give, ties aside."""
    in_print: Count
    here: Count
    interval: tuple[float, float] | None
    """Of the share here: percentiles over resampled data sets. None with fewer than two."""

    @property
    def verdict(self) -> str:
        """In words; a claim is of all its cases."""
        if not self.here.cases:
            return "not tested"
        if self.here.share >= self.in_print.share:
            return "holds"
        low, high = self.interval or (float(self.here.share), float(self.here.share))
        if low > self.chance:
            return "holds in part"
        return "does not hold" if high < self.chance else "no more than chance"


Counting = Callable[[MetricTable, str], Count]
"""Count of a claim in a column of a table."""


def claims(papers: Sequence[MetricTable], ours: Sequence[MetricTable]) -> list[Claim]:
    """Each claim, counted in the paper's Tables 2-6 and in the tables of the same metrics from records.

    A case counts where the methods it speaks of have values; values are compared as printed.
    """
    weights = _resamples(len(ours[0].columns))
    counted = []
    for text, chance, count in CLAIMS:
        here = _by_column(ours, count)
        in_print = _total(_by_column(papers, count))
        counted.append(Claim(text, "4.3", chance, in_print, _total(here), _interval(_shares(here, weights))))
    text, chance = "each FLEM variant has a lower average rank than each baseline", Fraction(1, 2)
    in_print, of_records = (_total([_average_ranks(table) for table in tables]) for tables in (papers, ours))
    counted.append(Claim(text, "4.3", chance, in_print, of_records, _interval(_average_rank_shares(ours, weights))))
    for variant in ABLATED:
        here = _by_column(ours, _beats("FLEM-D", (variant,)))
        text, interval = f"FLEM-D is better than {variant} (Table 6)", _interval(_shares(here, weights))
        counted.append(Claim(text, "4.4", Fraction(1, 2), _ablation_in_print(variant), _total(here), interval))
    return counted


def _total(counts: Sequence[Count]) -> Count:
    return sum(counts, Count(0, 0))


def _by_column(tables: Sequence[MetricTable], count: Counting) -> list[Count]:
    """A count of each data set, over the metrics; the tables have the same columns."""
    return [_total([count(table, column) for table in tables]) for column in tables[0].columns]


def _resamples(columns: int) -> np.ndarray:
    """[RESAMPLES, columns]: how often each data set is drawn, with replacement."""
    return np.random.default_rng(0).multinomial(columns, np.full(columns, 1 / max(columns, 1)), size=RESAMPLES)


def _shares(counts: Sequence[Count], weights: np.ndarray) -> np.ndarray:
    """Share of cases in each resample that has any."""
    holds, cases = (weights @ np.array([[count.holds, count.cases] for count in counts]).reshape(-1, 2)).T
    if sum(count.cases > 0 for count in counts) < 2:
        return np.empty(0)
    return holds[cases > 0] / cases[cases > 0]


def _interval(shares: np.ndarray) -> tuple[float, float] | None:
    if not len(shares):
        return None
    low, high = np.quantile(shares, [ALPHA / 2, 1 - ALPHA / 2])
    return float(low), float(high)


def _signed(table: MetricTable, column: str) -> dict[str, Decimal]:
    """{variant: printed value, smaller is better} of a column."""
    sign = 1 if table.metric.lower_is_better else -1
    return {variant: sign * Decimal(printed(mean)) for variant, mean in table.values(column).items()}


def _first(ties_count: bool, variants: Sequence[str] = VARIANTS) -> Counting:
    """Claim that the best of the variants is better than every baseline (or as good)."""

    def count(table: MetricTable, column: str) -> Count:
        values = _signed(table, column)
        own = [values[name] for name in variants if name in values]
        others = [values[name] for name in BASELINES if name in values]
        if not own or not others:
            return Count(0, 0)
        return Count(int(min(own) < min(others) or (ties_count and min(own) == min(others))), 1)

    return count


def _beats(variant: str, others: Sequence[str]) -> Counting:
    """Claim that a variant is better than each of the others."""

    def count(table: MetricTable, column: str) -> Count:
        values = _signed(table, column)
        beaten = [values[variant] < values[other] for other in others if other in values and variant in values]
        return Count(sum(beaten), len(beaten))

    return count


def _average_ranks(table: MetricTable) -> Count:
    """Pairs of a variant and a baseline of which the variant has the lower average rank."""
    averages = {variant: Decimal(text) for variant, text in table.averages.items()}
    pairs = [(averages[v], averages[b]) for v in VARIANTS for b in BASELINES if v in averages and b in averages]
    return Count(sum(variant < baseline for variant, baseline in pairs), len(pairs))


def _average_rank_shares(tables: Sequence[MetricTable], weights: np.ndarray) -> np.ndarray:
    """Share of such pairs in each resample; average ranks are not rounded here."""
    lower, pairs = np.zeros(len(weights)), 0
    for table in tables:
        ranks = table.frame.pivot(index="variant", columns="dataset", values="rank")[table.columns]
        averaged = ranks.loc[[name for name in (*VARIANTS, *BASELINES) if name in table.averages]]
        complete = averaged.notna().all().to_numpy()
        if complete.sum() < 2:
            return np.empty(0)
        used = weights[:, complete]
        averages = dict(
            zip(averaged.index, averaged.to_numpy()[:, complete] @ used.T / used.sum(1).clip(1), strict=True)
        )
        for variant in VARIANTS:
            for baseline in BASELINES:
                if variant in averages and baseline in averages:
                    lower, pairs = lower + (averages[variant] < averages[baseline]), pairs + 1
    return lower / max(pairs, 1)


def _ablation_in_print(variant: str) -> Count:
    table = paper_ablation()
    columns = {metric: table.values(metric.heading) for metric in PAPER_METRICS}
    better = [
        values["Ours"] < values[variant] if metric.lower_is_better else values["Ours"] > values[variant]
        for metric, values in columns.items()
    ]
    return Count(sum(better), len(better))


CLAIMS: tuple[tuple[str, Fraction, Counting], ...] = (
    ("a FLEM variant is first (the best of three against nine; ties count)", Fraction(3, 12), _first(ties_count=True)),
    ("a FLEM variant is first alone", Fraction(3, 12), _first(ties_count=False)),
    ("FLEM-D is first (one against nine; ties count)", Fraction(1, 10), _first(ties_count=True, variants=("FLEM-D",))),
    ("FLEM-D is better than LEVI and VALEN", Fraction(1, 2), _beats("FLEM-D", LABEL_ENHANCEMENT)),
    ("FLEM-D is better than the seven other baselines", Fraction(1, 2), _beats("FLEM-D", BASELINES[:7])),
)


def claims_grid(counted: Sequence[Claim]) -> Grid:
    """Claims as a grid, a line each; the intervals are rough, since few data sets are resampled."""
    body = [
        [claim.text, claim.where, str(claim.in_print), str(claim.here), _percent(claim), f"{float(claim.chance):.0%}",
         claim.verdict]
        for claim in counted
    ]  # fmt: skip
    headers = [
        "claim (cells of the four metrics)",
        "section",
        "printed",
        "here",
        "95 % over data sets",
        "chance",
        "verdict",
    ]
    return Grid(headers, body, numbers=False)


def _percent(claim: Claim) -> str:
    return f"{claim.interval[0]:.0%} to {claim.interval[1]:.0%}" if claim.interval else "–"
