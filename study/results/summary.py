"""The finding and the list of the page of the paper's protocol, each number from records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from statistics import median

from bench.analysis.answer import Answer
from bench.analysis.hypothesis_tests import wilcoxon_p
from bench.analysis.over_datasets import complete_values, probability
from bench.analysis.paper_claims import BASELINES, VARIANTS, Claim
from bench.analysis.recovery import baseline_counts
from bench.analysis.within_datasets import Resampled
from bench.metrics.catalogue import PAPER_METRICS
from bench.tables.ranking import printed
from bench.tables.table import MetricTable
from bench.text import named
from study.results import findings, margins
from study.results.costs import CHEAP
from study.results.findings import Records


def finding(claim: Claim, answer: Answer, times: Mapping[str, float], control: str) -> str:
    """Outcome of a comparison: first places beside print, leaders, and plain BCE beside them.

    ``times``: fitting in multiples of BCE's.
    """
    leaders: dict[str, list[str]] = {}
    for lead in answer.leads:
        leaders.setdefault(named(lead.first), []).append(lead.metric.title)
    led = ", ".join(f"{first} by {named(metrics)}" for first, metrics in leaders.items())
    behind = [lead.metric.title for lead in answer.leads if "BCE" in lead.behind]
    sets = answer.leads[0].sets
    return (
        f"On the {len(sets)} data sets whose comparison stands ({named(sets)}, with features of ours), one of the paper's "
        f"three FLEM variants is best in **{claim.here}** single comparisons (a data set and a metric); the paper prints "
        f"**{claim.in_print}**, and chance alone gives {float(claim.here.expected):.3g}. By "
        f"mean rank over the sets, first are {led}. Plain BCE, which the paper's tables leave out, is fitted in "
        f"1/{times[control]:.0f} of the time of {control} with its grid and is shown to be behind by "
        f"{named(behind) if behind else 'no metric'}. {answer.undecided[0]}"
    )


def in_short(
    records: Records,
    claimed: Sequence[Claim],
    tables: Sequence[MetricTable],
    within: Sequence[Resampled],
    times: Mapping[str, float],
    control: str,
) -> str:
    """List of the main findings of a comparison."""
    return "\n".join([
        first_places(claimed[0]), beside_bce(records, tables, within, control), same_methods(records), seeds(records),
        cost(times, control),
    ])  # fmt: skip


def first_places(claim: Claim) -> str:
    """Share of cells in which a FLEM variant is first, beside print and chance."""
    low, high = claim.interval or (0.0, 1.0)
    return (
        f"- **First places.** A FLEM variant is first in {claim.here} cells (a data set and a metric; 95 % interval "
        f"over data sets {low:.0%} to {high:.0%}), printed {claim.in_print}. Of {len(claim.here.own)} variants and "
        f"{len(claim.here.others)} baselines that do not differ, near-copies counted once, a variant would be first in "
        f"{100 * float(claim.here.chance):.3g}%: {claim.verdict}."
    )


def beside_bce(records: Records, tables: Sequence[MetricTable], within: Sequence[Resampled], control: str) -> str:
    """The control beside plain BCE, cell by cell, seed by seed, on resampled instances and over data sets."""
    cells: Counter[str] = Counter()
    for table in tables:
        for column in table.columns:
            values = table.values(column)
            if control in values and "BCE" in values:
                difference = Decimal(printed(values["BCE"])) - Decimal(printed(values[control]))
                better = findings.gain(table.metric, float(difference))
                cells["better" if better > 0 else "worse" if better < 0 else "level"] += 1
    shown: Counter[str | None] = sum(findings.shown_on_sets(within).get("BCE", {}).values(), Counter())
    better, worse, of_seeds, chance = findings.in_every_seed(records, control, "BCE")
    over_sets = ", ".join(pair_over_sets(table, control, "BCE") for table in tables)
    return (
        f"- **Plain BCE**, which the paper leaves out: {control} is better in {cells['better']} of {cells.total()} "
        f"cells, worse in {cells['worse']}, equal as printed in {cells['level']}. With every seed it is better in "
        f"{better} of {of_seeds} cells and worse in {worse}; chance gives {chance:.3g} to either if seeds are "
        f"independent. With test instances and seeds moving, {control} is shown to be better in {shown['better']} of "
        f"them and worse in {shown['worse']}, which says little. {findings.within_power(within)} Over the sets "
        f"Wilcoxon's test of this pair alone gives {over_sets}."
    )


def pair_over_sets(table: MetricTable, control: str, other: str) -> str:
    """Wilcoxon's p-value of two variants over data sets, on means over seeds."""
    values, _ = complete_values(table, [control, other])
    gain = values[other].to_numpy() - values[control].to_numpy()
    return f"p {probability(wilcoxon_p(gain))} by {table.metric.title}"


def same_methods(records: Records) -> str:
    """Pairs of methods that differ by little in their loss, and what that comes to."""
    metric = PAPER_METRICS[3]
    text = []
    for variant, other in (("FLEM-I", "BCE"), ("CB", "FL")):
        same, others = findings.by_epoch(records, variant, other)
        if same:
            jobs = f"{len(same)} of {len(same) + len(others)} jobs that chose the same epoch"
            rest = f", by {max(others):.4f} in the others" if others else ""
            text.append(f"{variant} and {other} by {max(same):.4f} at most in the {jobs}{rest}")
    return (
        f"- **Near-copies.** {metric.title} differs between {'; between '.join(text)}. The paper's median margin by it "
        f"is {median(margins.printed_margins(metric).values()):.4f}."
    )


def seeds(records: Records) -> str:
    """The paper's margins beside the std over seeds."""
    text = [
        f"{below} of {count} by {metric.title}"
        for metric in PAPER_METRICS
        for below, count in [margins.margins_below(records, metric)]
        if count
    ]
    if not text:
        return f"- **Seeds.** None of {', '.join(findings.LIKE_THE_PAPER)} has more than one seed yet."
    return (
        "- **Seeds.** The paper's margins of the best FLEM variant over the best baseline are below two standard "
        "deviations of the difference of two seeds (of FLEM's variants, on sets with about as many test rows) in "
        f"{', '.join(text)} ([which sets judge which](seeds.md))."
    )


def cost(times: Mapping[str, float], control: str) -> str:
    """Fitting times in multiples of BCE's."""
    cheap = [name for name in BASELINES if name in times and times[name] < CHEAP]
    return (
        f"- **Cost.** Fitting {control} with its grid takes {times[control]:.0f} times BCE's fitting; "
        f"{', '.join(cheap)} take less than {CHEAP:.0f} times."
    )


def recovered(tables: Sequence[MetricTable]) -> str:
    """Families of sets on which methods recover the label distribution better than every trivial baseline."""
    better = {variant: [baseline_counts(table, variant)["better"] for table in tables] for variant in tables[0].ranked}
    most_first = sorted(better.items(), key=lambda item: -sum(item[1]))
    text = [f"{variant} {min(counts)} to {max(counts)}" for variant, counts in most_first]
    return (
        f"- **Label distributions.** On {len(tables[0].columns)} sets whose true distribution is known, which count as "
        f"{len(tables[0].independent_sets)} ([recovery](recovery.md)), methods recover it better than what learns nothing on so many "
        f"of these, from their worst to their best of {len(tables)} measures: {', '.join(text)}."
    )


def better_than_nothing(tables: Sequence[MetricTable]) -> str:
    """Sentences on the methods that are better than every trivial baseline on most families of sets in every measure,
    and on those that are so nowhere in any."""
    most, none = [], []
    for variant in tables[0].ranked:
        counts = [baseline_counts(table, variant) for table in tables]
        if all(2 * count["better"] > sum(count.values()) for count in counts):
            most.append(variant)
        elif not any(count["better"] for count in counts):
            none.append(variant)
    return (
        f"Better than the best of them on most sets, families counted once, in each of {len(tables)} measures: "
        f"{', '.join(most) or 'no method'}; on no set in any: {', '.join(none) or 'no method'}."
    )
