"""docs/statistics.md from study/null.json."""

from __future__ import annotations

import statistics
from pathlib import Path

from bench.metrics.catalogue import PAPER_METRICS

PAGE = Path(__file__).parent.parent / "docs/statistics.md"

HEAD = """<!-- Written by `python -m study.null` (study/statistics_page.py). -->
# What a difference in a table is worth

`python -m bench stats` (and the report) answer two questions, and say what they cannot answer.

**Do methods differ over data sets?** A data set is one observation, averaged over its seeds: seeds are never counted as
data sets. Friedman's test (with Iman and Davenport's F) asks whether any method differs; Nemenyi's critical difference
which pairs of mean ranks are apart; Wilcoxon's signed-rank test with Holm's correction compares every method with
`--control`; the Bayesian signed-rank test gives the probability that the control is better, equivalent (within
`--region`, 1 % of its mean if not given) or worse. Few data sets decide little: with 8 the smallest p that Wilcoxon's
test can give is 0.0078, so with 11 comparisons Holm's correction leaves nothing below 0.05 whatever the values are, and
with 12 methods mean ranks must differ by 5.89 of 11. "Not shown to differ" is not "equal"; the Bayesian columns say how
probable that is.

**Do they differ on this data set?** Test instances are resampled (the kept scores of `--keep scores`, the default),
alike for all methods and seeds, and what seeds do is added: a mean over S seeds moves by the standard deviation of the
paired differences over the root of S, t-distributed with S - 1 degrees of freedom, and that is at least the median one of
the methods there. The intervals (`--intervals`) hold together for all methods of a data set. With one seed, what
seeds do is unknown: such a line is about the trained models, not about the methods, and says so.
"""

TAIL = """
So: between models of one seed each something is "found" more often than not, and it says nothing of methods. From two
seeds on the intervals are cautious: with one or two degrees of freedom they are wide, and find less than they may. Five
seeds or more make them sharper.

## Reading the other outputs

| command | what it gives |
|---|---|
| `bench table` | ranked tables; best bold, second underlined; `±` is the standard deviation over seeds |
| `bench compare` | ours beside the printed values, the difference also in standard deviations over seeds (`sd`), what the paper's claims come to (with a rough 95 % interval over resampled data sets, and what methods without a difference would give), and what cannot be compared and why |
| `bench plot` | critical differences, ranks, difference to the paper, cost, learning curves, grid surface, recovered distributions, reliability: vector files, readable in grey |
| `bench report` | all of it as one HTML page that needs no network |
| `bench export` | the records as flat tables ([schema](../results/README.md#flat-tables)) |
"""


def write(null: dict) -> None:
    """Write the page; ``null``: as ``study.null.run`` gives it."""
    lines = [
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
            worst = max(rates, key=rates.get)  # type: ignore[arg-type]
            largest = f"{rates[worst]:.1%}, {worst}" if rates[worst] else f"{rates[worst]:.1%}"
            cells.append(f"{statistics.median(rates.values()):.1%} ({largest})")
        lines.append(f"| {seeds} | " + " | ".join(cells) + " |")
    PAGE.write_text("\n".join([HEAD, *lines, TAIL]), encoding="utf-8")
