"""Claims of the paper of its method, counted alike in its printed tables and in ours. Imports neither torch nor
methods."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import chain

import numpy as np

from bench.analysis.hypothesis_tests import ALPHA
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.independent_sets import IndependentSet
from bench.tables.comparison import paper_ablation
from bench.tables.ranking import printed
from bench.tables.table import MetricTable
from bench.text import Grid

VARIANTS = ("FLEM-S", "FLEM-T", "FLEM-D")
BASELINES = ("ML-KNN", "RAKEL", "FL", "CB", "R-FL", "DB", "BS", "LEVI", "VALEN")
LABEL_ENHANCEMENT = ("LEVI", "VALEN")
ABLATED = ("FLEM-I", "FLEM-II")
NEAR_COPIES = (VARIANTS, ("FL", "CB", "R-FL"), ("BCE", "FLEM-I"))
"""Methods that are nearly one: the same loss but for the strategy, constant weights, a map or the clip. Of equals, each
such group would be first as often as one method."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Count:
    """Cases in which a claim holds, of all, and the methods that it is counted with."""

    holds: int
    cases: int
    expected: Fraction = Fraction(0)
    """Cases in which it would hold among methods without a difference, ties aside."""
    own: tuple[str, ...] = ()
    """The methods that it speaks for, those that have values."""
    others: tuple[str, ...] = ()
    """The methods that it speaks against, those that have values."""

    def __str__(self) -> str:
        return f"{self.holds} of {self.cases}" if self.cases else "–"

    @property
    def share(self) -> Fraction:
        return Fraction(self.holds, self.cases)

    @property
    def chance(self) -> Fraction:
        return self.expected / self.cases


@dataclass(frozen=True)
class Claim:
    """A claim of section 4.3 or 4.4, and how often it holds."""

    text: str
    where: str
    in_print: Count
    here: Count
    """Of the data sets with all of the claim's methods; where there is none, of those with some."""
    lacking: str
    """Parts of the claim's field that are here, "1 of 9 baselines"; empty where all of it is."""
    interval: tuple[float, float] | None
    """Of the share here, over data sets. None without a case."""

    @property
    def verdict(self) -> str:
        """In words; a claim is of all its cases, and of all its methods."""
        if self.lacking:
            return f"{self.lacking} here: not tested"
        assert self.interval is not None
        low, high = self.interval
        if low > self.here.chance:
            return "holds" if self.here.share >= self.in_print.share else "holds in part"
        return "does not hold" if high < self.here.chance else "not shown to exceed chance"


@dataclass(frozen=True)
class Counting:
    """A claim that each, or the best, of some methods is better than others, as it is counted on an independent set."""

    text: str
    where: str
    own: tuple[str, ...]
    others: tuple[str, ...]
    others_are: str
    """Noun for several of the others."""
    first: bool = False
    """True for the best of the own against all others at once, False for each pair."""
    ties: bool = False
    """True where a tie holds."""

    def count(self, table: MetricTable, of_set: IndependentSet) -> Count:
        return self.of(_turned(table.set_values(of_set, (*self.own, *self.others)), table.metric))

    def of(self, values: Mapping[str, Decimal]) -> Count:
        """Count among values by method of which smaller is better."""
        own = tuple(name for name in self.own if name in values)
        others = tuple(name for name in self.others if name in values)
        if not own or not others:
            return Count(0, 0, own=own, others=others)
        if self.first:
            best, rival = min(values[name] for name in own), min(values[name] for name in others)
            return Count(
                int(best < rival or (self.ties and best == rival)), 1, chance_to_be_first(own, others), own, others
            )
        lower = [values[one] < values[other] for one in own for other in others]
        return Count(sum(lower), len(lower), Fraction(len(lower), 2), own, others)

    def whole(self, count: Count) -> bool:
        return len(count.own) == len(self.own) and len(count.others) == len(self.others)

    def lacking(self, counts: Sequence[Count]) -> str:
        """Parts of the field that the fullest count has, as far as it lacks any."""
        most = max(counts, key=lambda count: len(count.own) + len(count.others), default=Count(0, 0))
        parts = [(most.own, self.own, "variants"), (most.others, self.others, self.others_are)]
        return ", ".join(_part(there, names, noun) for there, names, noun in parts if len(there) < len(names))


def _part(there: Sequence[str], names: Sequence[str], noun: str) -> str:
    return f"no {names[0]}" if len(names) == 1 else f"{len(there)} of {len(names)} {noun}"


def entrants(methods: Collection[str]) -> list[tuple[str, ...]]:
    """Methods by groups of near-copies, in order; a method without a copy is a group of its own."""
    groups = {name: group for group in NEAR_COPIES for name in group}
    found: dict[tuple[str, ...], list[str]] = {}
    for name in methods:
        found.setdefault(groups.get(name, (name,)), []).append(name)
    return [tuple(names) for names in found.values()]


def chance_to_be_first(own: Sequence[str], others: Sequence[str]) -> Fraction:
    """Chance that one of ``own`` is first of all where no method differs; near-copies are one entrant."""
    return Fraction(len(entrants(own)), len(entrants((*own, *others))))


def claims(papers: Sequence[MetricTable], ours: Sequence[MetricTable]) -> list[Claim]:
    """Each claim, counted in the paper's Tables 2-6 and in the tables of the same metrics from records.

    Values are compared as printed, on independent sets. One counts where all of the claim's methods have values; where
    none has all, those with some count, and the claim is not tested.
    """
    return [
        *(_of_cells(claim, papers, ours) for claim in OF_TABLES),
        _of_average_ranks(papers, ours),
        *(_of_cells(claim, papers, ours) for claim in OF_THE_ABLATION),
    ]


def _of_cells(claim: Counting, papers: Sequence[MetricTable], ours: Sequence[MetricTable]) -> Claim:
    in_print = _total([claim.count(table, one) for table in papers for one in table.independent_sets])
    if not in_print.cases:
        in_print = _total(_ablation_in_print(claim))
    columns = [[claim.count(table, one) for table in ours] for one in ours[0].independent_sets]
    every = list(chain(*columns))
    whole = any(map(claim.whole, every))
    used = [_total([count for count in column if not whole or claim.whole(count)]) for column in columns]
    interval = _interval(_shares(used, _resamples(len(columns))), sum(count.cases > 0 for count in used))
    return Claim(claim.text, claim.where, in_print, _total(used), "" if whole else claim.lacking(every), interval)


def _of_average_ranks(papers: Sequence[MetricTable], ours: Sequence[MetricTable]) -> Claim:
    text = "each FLEM variant has a lower average rank than each baseline"
    claim = Counting(text, "4.3", VARIANTS, BASELINES, "baselines")
    in_print, here = (
        [claim.of({variant: Decimal(average) for variant, average in table.averages.items()}) for table in tables]
        for tables in (papers, ours)
    )
    lacking = "" if all(map(claim.whole, here)) else claim.lacking(here)
    shares, sets = _average_rank_shares(ours, _resamples(len(ours[0].independent_sets)))
    return Claim(claim.text, claim.where, _total(in_print), _total(here), lacking, _interval(shares, sets))


def _total(counts: Sequence[Count]) -> Count:
    fullest = max(counts, key=lambda count: len(count.own) + len(count.others), default=Count(0, 0))
    return replace(
        fullest,
        holds=sum(count.holds for count in counts),
        cases=sum(count.cases for count in counts),
        expected=sum((count.expected for count in counts), Fraction(0)),
    )


def _resamples(columns: int) -> np.ndarray:
    """[RESAMPLES, columns]: how often each data set is drawn, with replacement."""
    return np.random.default_rng(0).multinomial(columns, np.full(columns, 1 / max(columns, 1)), size=RESAMPLES)


def _shares(counts: Sequence[Count], weights: np.ndarray) -> np.ndarray:
    """Share of cases in each resample that has any."""
    holds, cases = (weights @ np.array([[count.holds, count.cases] for count in counts]).reshape(-1, 2)).T
    return holds[cases > 0] / cases[cases > 0]


def _interval(shares: np.ndarray, sets: int) -> tuple[float, float] | None:
    """Percentiles of the shares, and at the least what so many data sets that all agree leave open.

    What happens on each of them may have a probability as low as (ALPHA / 2) ** (1 / sets) (Clopper, Pearson 1934);
    resampling alone would give no width there.
    """
    if not len(shares):
        return None
    low, high = np.quantile(shares, [ALPHA / 2, 1 - ALPHA / 2])
    bound = (ALPHA / 2) ** (1 / sets)
    return min(float(low), bound), max(float(high), 1 - bound)


def _turned(values: Mapping[str, float], metric: Metric) -> dict[str, Decimal]:
    """{variant: printed value, smaller is better}."""
    sign = 1 if metric.lower_is_better else -1
    return {variant: sign * Decimal(printed(value)) for variant, value in values.items()}


def _average_rank_shares(tables: Sequence[MetricTable], weights: np.ndarray) -> tuple[np.ndarray, int]:
    """Share of such pairs in each resample, and the number of data sets; average ranks are not rounded here."""
    lower, pairs, sets = np.zeros(len(weights)), 0, 0
    for table in tables:
        ranks = table.frame.pivot(index="variant", columns="dataset", values="rank")[table.columns]
        averaged = ranks.loc[[name for name in (*VARIANTS, *BASELINES) if name in table.averages]]
        whole = averaged.loc[:, averaged.notna().all()]
        columns = [[column for column in one.counted if column in whole] for one in table.independent_sets]
        complete = np.array([bool(of_set) for of_set in columns])
        means = np.array([whole[of_set].mean(axis=1).to_numpy() for of_set in columns if of_set]).reshape(
            -1, len(whole)
        )
        used = weights[:, complete]
        sets = max(sets, int(complete.sum()))
        averages = dict(zip(averaged.index, means.T @ used.T / used.sum(1).clip(1), strict=True))
        for variant in VARIANTS:
            for baseline in BASELINES:
                if variant in averages and baseline in averages:
                    lower, pairs = lower + (averages[variant] < averages[baseline]), pairs + 1
    return (lower / pairs if pairs else np.empty(0)), sets


def _ablation_in_print(claim: Counting) -> list[Count]:
    table = paper_ablation()
    by_metric = {metric: table.values(metric.heading) for metric in PAPER_METRICS}
    return [claim.of(_turned({**values, "FLEM-D": values["Ours"]}, metric)) for metric, values in by_metric.items()]


OTHERS = tuple(name for name in BASELINES if name not in LABEL_ENHANCEMENT)
_BEST = f"a FLEM variant is first (the best of {len(VARIANTS)} against {len(BASELINES)}; ties count)"
_ALONE = f"FLEM-D is first (1 against {len(BASELINES)}; ties count)"
_OF_ENHANCEMENT = f"FLEM-D is better than {' and '.join(LABEL_ENHANCEMENT)}"
OF_TABLES = (
    Counting(_BEST, "4.3", VARIANTS, BASELINES, "baselines", first=True, ties=True),
    Counting("a FLEM variant is first alone", "4.3", VARIANTS, BASELINES, "baselines", first=True),
    Counting(_ALONE, "4.3", ("FLEM-D",), BASELINES, "baselines", first=True, ties=True),
    Counting(_OF_ENHANCEMENT, "4.3", ("FLEM-D",), LABEL_ENHANCEMENT, "methods of label enhancement"),
    Counting(f"FLEM-D is better than the {len(OTHERS)} other baselines", "4.3", ("FLEM-D",), OTHERS, "other baselines"),
)
OF_THE_ABLATION = tuple(
    Counting(f"FLEM-D is better than {name} (Table 6)", "4.4", ("FLEM-D",), (name,), name) for name in ABLATED
)


def claims_grid(counted: Sequence[Claim]) -> Grid:
    """Claims as a grid, a line each; the intervals are rough, since few data sets are resampled."""
    body = [
        [claim.text, claim.where, str(claim.in_print), str(claim.here), _percent(claim),
         f"{100 * float(claim.here.chance):.3g}%" if claim.here.cases else "–", claim.verdict]
        for claim in counted
    ]  # fmt: skip
    headers = [
        "claim (cells of the paper's metrics)",
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


def claims_note(counted: Sequence[Claim]) -> str:
    """Sentences on the columns of the grid, with the near-copies that chance counts as one entrant."""
    there = dict.fromkeys(name for claim in counted for name in (*claim.here.own, *claim.here.others))
    merged = [group for group in entrants(there) if len(group) > 1]
    sentence = "Chance is of the methods that are here and do not differ"
    if merged:
        sentence += f"; near-copies are one entrant: {'; '.join(', '.join(group) for group in merged)}"
    return (
        f"{sentence}. A claim holds where its share is that in print and its interval lies above chance, in part where "
        "only the interval does. It is tested where all the methods that it speaks of have values."
    )
