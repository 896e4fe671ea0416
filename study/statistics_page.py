"""docs/statistics.md from study/null.json: ``python -m study.statistics_page``."""

from __future__ import annotations

import statistics
from pathlib import Path

from bench.analysis.hypothesis_tests import (
    ALPHA,
    critical_difference,
    needed_deviations,
    power,
    smallest_wilcoxon_p,
)
from bench.analysis.over_datasets import REGION
from bench.analysis.paper_claims import BASELINES, VARIANTS
from bench.analysis.within_datasets import TYPICAL
from bench.metrics.catalogue import PAPER_METRICS
from bench.system import reading, writing
from bench.tables import paper

PAGE = Path(__file__).parent.parent / "docs/statistics.md"
NULL = Path(__file__).with_name("null.json")
SEEDS = (2, 3, 5, 10, 20)

HEAD = """<!-- Written by `python -m study.null`; from its stored rates by `python -m study.statistics_page`. -->
# What a difference in a table is worth

`python -m bench stats` answers three questions (the report the first and the last), and says what it cannot answer.

**Do methods differ over data sets?** A data set is one observation, averaged over its seeds: seeds are never counted as
data sets. Friedman's test (with Iman and Davenport's F) asks whether any method differs, and where one or two methods
carry its verdict they are named; Nemenyi's critical difference asks which pairs of mean ranks are apart; Wilcoxon's
signed-rank test with Holm's correction compares every method with `--control`; the Bayesian signed-rank test gives the
probability that the control is better, equivalent or worse. Data sets are unlike, so equivalence is relative: within
`--region`, {region:.3g} % if not given, of the control's value on each. Few data sets decide little: with {sets} the
smallest p that Wilcoxon's test can give is {least:.4f}, so with {others} comparisons Holm's correction leaves nothing
below {alpha} whatever the values are, and with {methods} methods mean ranks must differ by {distance:.2f} of {others}.
Where not even the first and the last could be told apart, as on two data sets, no verdict is given. "Not shown to differ"
is not "equal"; the Bayesian columns say how probable that is.

**By how much?** Relative differences of each method to `--control`, in two levels: an observation is the logarithm of the
method's value over the control's with the same set and seed, its mean over seeds (or folds) is a set's effect, and the mean
over sets is theirs, each set weighing alike. The interval is by t over the sets, whose spread has in it what seeds and
folds do. Weights by the error of each set would give the mean to the set whose seeds happen to agree. `on a new set` is
where the effect measured on a further set would lie, `P(better there)` how probable it is to be above 0. Per cent are of
the control's value: by so much a score is higher or a loss lower. A method's mean does not depend on which others stand
beside it, as ranks do.

**Do they differ on this data set?** Test instances are resampled (the kept scores of `--keep scores`, the default),
alike for all methods and seeds, and what seeds do is added: a mean over S seeds moves by the standard deviation of the
paired differences over the root of S, t-distributed with S - 1 degrees of freedom, and that is at least the median one of
the methods there. The intervals (`--intervals`) hold together for all methods of a data set. With one seed, what
seeds do is unknown: such a line is about the trained models, not about the methods, and says so. A seed is
initialisation and shuffling: all seeds share one split, and what another split would change is in no interval.

## What seeds can show

The size from which a mean of paired differences over seeds is shown, in their standard deviations (test instances come
on top), and how often a true difference of {typical:g} is; alone, and as one of {comparisons} comparisons:
"""

TAIL = """
So: between models of one seed each something is "found" in {one_seed} of draws on the median set, and it says nothing of
methods. From two seeds on the intervals are cautious: with one or two degrees of freedom they are wide, and find less than
they may, as the first table says.

## Reading the other outputs

| command | what it gives |
|---|---|
| `bench table` | ranked tables; best bold, second underlined; `±` is the standard deviation over seeds |
| `bench compare` | ours beside the printed values, with the 95 % interval that one more run of ours would lie in (within it the two are level; with one seed nothing is judged); what the paper's claims come to among the methods that are here (with a rough 95 % interval over resampled data sets, and what methods without a difference would give, near-copies counted once); what cannot be compared and why |
| `bench plot` | critical differences, ranks, difference to the paper, cost, learning curves, grid surface, recovered distributions, reliability: vector files, readable in grey |
| `bench report` | all of it as one HTML page that needs no network |
| `bench export` | the records as flat tables ([schema](../results/README.md#flat-tables)) |
"""


def main() -> None:
    writing.write(PAGE, text(reading.json(NULL)).encode())


def text(null: dict) -> str:
    """The page; ``null``: as ``study.null.run`` gives it."""
    methods = len(VARIANTS) + len(BASELINES)
    sets = len({cell.dataset for cell in paper.comparison_table(2)} - {paper.AVERAGE})
    head = HEAD.format(
        region=100 * REGION, sets=sets, least=smallest_wilcoxon_p(sets), others=methods - 1, alpha=ALPHA,
        methods=methods, distance=critical_difference(methods, sets), typical=TYPICAL, comparisons=null["copies"] - 1,
    )  # fmt: skip
    lines = [
        *reach(null["copies"] - 1),
        "",
        "## Where nothing differs",
        "",
        f"Plain BCE was trained with {null['seeds']} seeds on {null['sets']} small real data sets. {null['copies']} copies that differ by nothing but their",
        f"seeds were drawn {null['rounds']} times; how often a test at 0.05 finds something between them (`python -m study.null`):",
        "",
        "| over data sets | " + " | ".join(metric.title for metric in PAPER_METRICS) + " |",
        "|---|" + "---|" * len(PAPER_METRICS),
    ]
    names = {
        "iman_davenport": "Friedman, Iman-Davenport",
        "any_nemenyi_pair": "any pair by Nemenyi",
        "any_wilcoxon_after_holm": "any Wilcoxon after Holm",
    }
    for test, title in names.items():
        lines.append(
            f"| {title} | " + " | ".join(f"{null['over_sets'][m.key][test]:.1%}" for m in PAPER_METRICS) + " |"
        )
    lines += [
        "",
        f"Within a data set, {null['rounds_within']} draws each: median over the sets, and the largest (in brackets), of how often some interval misses zero.",
        "",
        "| seeds a copy | " + " | ".join(metric.title for metric in PAPER_METRICS) + " |",
        "|---|" + "---|" * len(PAPER_METRICS),
    ]
    for seeds, by_metric in null["within_sets"].items():
        cells = []
        for metric in PAPER_METRICS:
            rates = by_metric[metric.key]
            worst = max(rates, key=rates.get)
            largest = f"{rates[worst]:.1%}, {worst}" if rates[worst] else f"{rates[worst]:.1%}"
            cells.append(f"{statistics.median(rates.values()):.1%} ({largest})")
        lines.append(f"| {seeds} | " + " | ".join(cells) + " |")
    medians = [statistics.median(rates.values()) for rates in null["within_sets"]["1"].values()]
    tail = TAIL.replace("{one_seed}", f"{min(medians):.0%} to {max(medians):.0%}")
    return "\n".join([head, *lines, tail])


def reach(comparisons: int) -> list[str]:
    """Lines of the table of what so many seeds can show."""
    headers = ["seeds", "needed, alone", "shown", f"needed, of {comparisons}", "shown"]
    lines = [f"| {' | '.join(headers)} |", "|---" * len(headers) + "|"]
    for seeds in SEEDS:
        cells = [
            cell
            for count in (1, comparisons)
            for cell in (f"{needed_deviations(seeds, count):.1f}", f"{power(TYPICAL, seeds, count):.0%}")
        ]
        lines.append(f"| {' | '.join([str(seeds), *cells])} |")
    return lines


if __name__ == "__main__":
    main()
