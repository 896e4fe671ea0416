"""The first lines of docs/results.md: what its sections come to, each number from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from bench.analysis.hypothesis_tests import wilcoxon_p
from bench.analysis.over_datasets import complete_values, probability
from bench.analysis.paper_claims import BASELINES, VARIANTS, Claim
from bench.analysis.recovery import floor_counts
from bench.analysis.within_datasets import Resampled
from bench.metrics.catalogue import PAPER_METRICS
from bench.tables.ranking import printed
from bench.tables.table import Table
from study import findings, processors
from study.findings import Records


def in_short(
    records: Records,
    claimed: Sequence[Claim],
    tables: Sequence[Table],
    within: Sequence[Resampled],
    times: Mapping[str, float],
    recovery: Sequence[Table],
    elsewhere: Records,
    control: str,
) -> str:
    return "\n".join([
        first_places(claimed[0]),
        beside_bce(tables, within, control),
        same_methods(records),
        seeds(records),
        cost(times, control),
        recovered(recovery),
        processors.in_short(records, elsewhere, [*VARIANTS, "FLEM-I", "FLEM-II"]),
    ])  # fmt: skip


def first_places(claim: Claim) -> str:
    low, high = claim.interval or (0.0, 1.0)
    return (
        f"- **First places.** A FLEM variant is first in {claim.here} cells (a data set and a metric; 95 % interval "
        f"over data sets {low:.0%} to {high:.0%}), printed {claim.in_print}. Three of twelve methods that do not "
        f"differ would be first in {float(claim.chance):.0%}."
    )


def beside_bce(tables: Sequence[Table], within: Sequence[Resampled], control: str) -> str:
    said: Counter[str] = Counter()
    for table in tables:
        assert table.metric is not None
        for column in table.columns:
            own, plain = (table.cell(row, column) for row in (control, "BCE"))
            if own and plain and own["state"] == plain["state"] == "value":
                difference = Decimal(printed(plain["mean"])) - Decimal(printed(own["mean"]))
                better = findings.gain(table.metric, float(difference))
                said["better" if better > 0 else "worse" if better < 0 else "level"] += 1
    shown: Counter[str | None] = sum(findings.shown_on_sets(within).get("BCE", {}).values(), Counter())
    return (
        f"- **Plain BCE**, which the paper leaves out: {control} is better in {said['better']} of {said.total()} "
        f"cells, worse in {said['worse']}, equal as printed in {said['level']}. With test instances and seeds moving, "
        f"{control} is shown to be better in {shown['better']} of them and worse in {shown['worse']}, twelve methods "
        f"being compared with it on each set (one with a single seed speaks of the trained models only). "
        f"Over the sets Wilcoxon's test of this pair alone gives "
        f"{', '.join(pair_over_sets(table, control, 'BCE') for table in tables)}."
    )


def pair_over_sets(table: Table, control: str, other: str) -> str:
    """The p-value of two rows over data sets, on means over seeds."""
    assert table.metric is not None
    values, _ = complete_values(table, [control, other])
    gain = values[other].to_numpy() - values[control].to_numpy()
    return f"p {probability(wilcoxon_p(gain))} by {table.metric.title}"


def same_methods(records: Records) -> str:
    metric = PAPER_METRICS[3].title
    text = [
        f"{row} and {other} by {max(same):.5f} at most in {len(same)} of {len(same) + len(others)} jobs"
        for row, other in (("FLEM-I", "BCE"), ("CB", "FL"))
        for same, others in [findings.by_epoch(records, row, other)]
        if same
    ]
    beginning = f"- **Two names, nearly one method.** Where both chose the same epoch, {metric} differs between"
    return f"{beginning} {', '.join(text)}."


def seeds(records: Records) -> str:
    text = [
        f"{below} of {count} by {metric.title}"
        for metric in PAPER_METRICS
        for below, count in [findings.margins_below(records, metric)]
        if below is not None
    ]
    if not text:
        return f"- **Seeds.** None of {', '.join(findings.LIKE_THE_PAPER)} has more than one seed yet."
    return (
        "- **Seeds.** The paper's margins of the best FLEM variant over the best baseline are below two deviations "
        f"over seeds (the median of FLEM's variants on {', '.join(findings.LIKE_THE_PAPER)}) in {', '.join(text)}."
    )


def cost(times: Mapping[str, float], control: str) -> str:
    cheap = [row for row in BASELINES if row in times and times[row] < findings.CHEAP]
    return (
        f"- **Cost.** Fitting {control} with its grid takes {times[control]:.0f} times BCE's fitting; "
        f"{', '.join(cheap)} take less than {findings.CHEAP:.0f} times."
    )


def recovered(tables: Sequence[Table]) -> str:
    better = {row: [floor_counts(table, row)["better"] for table in tables] for row in tables[0].ranked}
    most_first = sorted(better.items(), key=lambda item: -sum(item[1]))
    text = [f"{row} {min(counts)} to {max(counts)}" for row, counts in most_first]
    return (
        f"- **Label distributions.** On {len(tables[0].columns)} sets whose true distribution is known, methods "
        f"recover it better than what learns nothing (section 7) on so many of them, from their worst to their best "
        f"of {len(tables)} measures: {', '.join(text)}."
    )
