"""The findings of docs/results.md, computed another way: by hand on a few records, by pandas on the committed ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.answer import Answer
from bench.analysis.answer.leads import Gap, Lead
from bench.analysis.bootstrap import Interval
from bench.analysis.paper_claims import Claim, Count
from bench.analysis.within_datasets import Resampled
from bench.metrics.catalogue import PAPER_METRICS, RECOVERY_METRICS
from bench.records.packed import PACKED, unpacked
from bench.records.record import Cost, GridPoint, JobName, Metrics, Record, Selected
from bench.records.store import Store
from bench.tables import paper
from study import results_page, statistics_page
from study.reference import ANOTHER_PROCESSOR, FOLDER, RECOVERY
from study.results import costs, findings, margins, processors, summary
from study.runs import committed as committed_states
from tests import records as made

HAMMING, RANKING, COVERAGE, PRECISION = PAPER_METRICS
KEYS = [metric.key for metric in PAPER_METRICS]


def metrics(values: list[float]) -> Metrics:
    return dict(zip(KEYS, values, strict=True))


def record(row: str, seed: int, values: list[float], epoch: int = 1, grid: Sequence[GridPoint] = ()) -> Record:
    result = made.result(metrics(values), selected=Selected(0, epoch, {}), grid=grid)
    return made.record(JobName("a", "npz", row, seed), result, cost=Cost(seconds=1.0, fit_seconds=values[0]))


@pytest.fixture(scope="module")
def committed() -> tuple[findings.Records, pd.DataFrame]:
    records = [one for _, one in unpacked(FOLDER / PACKED)]
    lines = [
        {"dataset": one.job.dataset, "variant": one.job.variant, "seed": one.job.seed, **one.result.test}
        for one in records
        if one.result is not None
    ]
    return findings.by_job(records), pd.DataFrame(lines)


def cells(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|:")]


def test_a_pair_is_compared_seed_by_seed(committed: tuple[findings.Records, pd.DataFrame]) -> None:
    records, frame = committed
    wide = frame.pivot(index=["dataset", "seed"], columns="variant", values=KEYS)
    _, *lines = cells(findings.pair(records, "CB", "FL"))
    for metric, line in zip(PAPER_METRICS, lines, strict=True):
        difference = (wide[metric.key, "CB"] - wide[metric.key, "FL"]).dropna()
        better = difference < 0 if metric.lower_is_better else difference > 0
        assert line[:6] == [
            metric.title, str(len(difference)), str((difference == 0).sum()), str(better.sum()),
            f"{difference.mean():+.5f}", f"{difference.abs().median():.5f}",
        ]  # fmt: skip


def test_what_another_processor_does_is_what_pandas_counts(committed: tuple[findings.Records, pd.DataFrame]) -> None:
    records, frame = committed
    others = [one for _, one in unpacked(ANOTHER_PROCESSOR / PACKED)]
    there = pd.DataFrame([{**one.result.test, **_of(one)} for one in others if one.result])
    here = frame.merge(pd.DataFrame([_of(one) for one in records.values()]), on=JOB)
    both = here.merge(there, on=JOB, suffixes=("", " there"))
    assert len(both) == len(others) > 0
    rows = sorted(set(both["variant"]))
    found = findings.by_job(others)
    _, *lines = cells(processors.compared(records, found, rows))
    assert [line[0] for line in lines] == rows
    digits = [both[key].map("{:.4f}".format) == both[f"{key} there"].map("{:.4f}".format) for key in KEYS]
    both["four digits"] = np.logical_and.reduce(digits)
    both["alike"] = both["digest"] == both["digest there"]
    both["chosen alike"] = (both["point"] == both["point there"]) & (both["epoch"] == both["epoch there"])
    for line in lines:
        group = both[both["variant"] == line[0]]
        hamming, precision = ((group[key] - group[f"{key} there"]).abs() for key in (KEYS[0], KEYS[3]))
        spread = frame[(frame["variant"] == line[0]) & frame["dataset"].isin(group["dataset"])].groupby("dataset")[
            KEYS[3]
        ]
        assert line[1:] == [
            str(len(group)), str(group["alike"].sum()), str(group["four digits"].sum()),
            str(group["chosen alike"].sum()), f"{hamming.max():.4f}", f"{precision.median():.4f}",
            f"{precision.max():.4f}", f"{spread.std().median():.4f}",
        ]  # fmt: skip
    said = processors.summary(records, found, rows)
    alike, digits = both["alike"].sum(), both["four digits"].sum()
    assert f"{alike} have the same results byte for byte, {digits} in the four" in said
    same = both.groupby("variant")["four digits"]
    assert said.endswith(f", all of {', '.join(same.all().index[same.all()])} among them.")
    own = both["variant"].isin(["FLEM-D", "FLEM-S"])
    moved = (both[KEYS[3]] - both[f"{KEYS[3]} there"]).abs()[own]
    short = processors.in_short(records, found, ["FLEM-D", "FLEM-S"])
    same, distance = both["chosen alike"], (both[KEYS[3]] - both[f"{KEYS[3]} there"]).abs()
    assert processors.choices(records, found, rows) == (
        f"{PRECISION.title} is {distance[same].max():.4f} apart at most in {same.sum()} jobs with the same grid point "
        "and epoch, "
        f"{distance[~same].max():.4f} in the {(~same).sum()} others (of "
        f"{', '.join(sorted(set(both['variant'][~same])))})."
    )
    for part in (
        f"in {both['four digits'][own].sum()} of {own.sum()} jobs of FLEM-D, FLEM-S",
        f"in {both['four digits'][~own].sum()} of {(~own).sum()} of the others",
        f"{moved.median():.4f} at the median, {moved.max():.4f} at most",
    ):
        assert part in short


JOB = ["dataset", "variant", "seed"]


def _of(one: Record) -> dict[str, Any]:
    assert one.result is not None
    chosen = one.result.selected
    choice = {"point": str(chosen.point), "epoch": str(chosen.epoch)}  # None for methods without epochs
    values = (one.job.dataset, one.job.variant, one.job.seed)
    return {**dict(zip(JOB, values, strict=True)), **choice, "digest": one.result.result_sha256}


def test_deviations_are_those_of_pandas(committed: tuple[findings.Records, pd.DataFrame]) -> None:
    records, frame = committed
    for metric in PAPER_METRICS:
        groups = frame[frame["variant"] != "ML-KNN"].groupby(["dataset", "variant"])[metric.key]
        expected = groups.std()[groups.count() > 1]
        found = [std for _, std in findings.stds(records, metric)]
        np.testing.assert_allclose(np.sort(found), np.sort(expected.to_numpy()), atol=1e-15)


def test_printed_margins_are_of_the_best_against_the_best() -> None:
    printed = pd.DataFrame([vars(cell) for cell in paper.comparison_table(5)])
    printed = printed[printed["dataset"] != paper.AVERAGE]
    wide = printed.assign(value=printed["value"].astype(float)).pivot(index="dataset", columns="method", values="value")
    flem = wide.columns.str.startswith("FLEM")
    expected = wide.loc[:, flem].max(axis=1) - wide.loc[:, ~flem].max(axis=1)
    assert margins.printed_margins(PRECISION) == pytest.approx(expected.to_dict())


def of_size(dataset: str, row: str, seed: int, value: float, rows: int) -> tuple[tuple[str, str, int], Record]:
    """A record of a set with so many test rows."""
    result = made.result(metrics([value] * 4), n_samples={"train": 6, "val": 2, "test": rows})
    return (dataset, row, seed), made.record(JobName(dataset, "npz", row, seed), result)


def test_margins_count_against_twice_the_deviation_of_a_difference_on_sets_of_that_size() -> None:
    near = [of_size("Reuters", "FLEM-D", seed, value, 3019) for seed, value in enumerate((0.1, 0.1 + 2e-4))]
    others = [of_size("yeast", "FLEM-D", seed, value, 3019) for seed, value in enumerate((0.1, 0.9))]
    others += [of_size("Reuters", "BCE", seed, value, 3019) for seed, value in enumerate((0.1, 0.9))]
    others += [of_size("VOC07tv", "FLEM-D", seed, value, 20) for seed, value in enumerate((0.1, 0.9))]
    limit = 2 * np.sqrt(2) * np.std([0, 2e-4], ddof=1)  # .0004: the others' deviations must not count
    printed = margins.printed_margins(HAMMING)
    judged = [name for name in printed if 3019 / 3 <= int(paper.dataset_facts(name)["N_test"]) <= 3 * 3019]
    assert judged == ["Reuters", "VOC07", "VOC12", "COCO17", "CUB"]  # AAPD has 1000, COCO14 and NUS over 40 000
    expected = sum(printed[name] < limit for name in judged)
    assert 0 < expected < 5
    records = dict([*near, *others])
    assert margins.margins_below(records, HAMMING) == (expected, 5)
    assert margins.margins_below(dict(others[:2]), HAMMING) == (0, 0)
    said = margins.sizes(records)
    assert "Judged are Reuters, VOC07, VOC12, COCO17, CUB by Reuters." in said
    assert "AAPD, COCO14, NUS are not judged" in said


def test_seeds_that_all_agree_are_counted_beside_chance(committed: tuple[findings.Records, pd.DataFrame]) -> None:
    records, frame = committed
    better, worse, cells, chance = findings.in_every_seed(records, "FLEM-D", "BCE")
    wide = frame.pivot(index=["dataset", "seed"], columns="variant", values=KEYS)
    counts = [0, 0, 0]
    for metric in PAPER_METRICS:
        gain = (wide[metric.key, "BCE"] - wide[metric.key, "FLEM-D"]).dropna() * (1 if metric.lower_is_better else -1)
        for _, of_set in gain.groupby("dataset"):
            counts[0] += (of_set > 0).all()
            counts[1] += (of_set < 0).all()
            counts[2] += 1
    assert [better, worse, cells] == counts
    assert chance == counts[2] / 2**3


def test_the_ratio_of_rakels_losses_stands_beside_the_printed_ones() -> None:
    printed = {
        (cell.dataset, number): float(cell.value)
        for number in (2, 3)
        for cell in paper.comparison_table(number)
        if cell.method == "RAKEL" and cell.dataset != paper.AVERAGE
    }
    expected = {dataset: printed[dataset, 3] / printed[dataset, 2] for dataset, number in printed if number == 2}
    assert findings.printed_ratios("RAKEL") == pytest.approx(expected)
    records = findings.by_job([record("RAKEL", 0, [0.1, 0.5, 0, 0]), record("BCE", 0, [0.1, 0.2, 0, 0])])
    beside = findings.by_job([*records.values(), record("RAkELo", 0, [0.05, 0.3, 0, 0])])
    measured = {"a": {"saturated": 0.5, "tied at the top": 0.25, "density": 0.1}}
    said = findings.labelsets(records, measured)
    assert cells(said)[1] == ["a", "0.1000", "0.5000", "5.0", "0.2000", "50 %", "25 %", "", ""]
    assert cells(findings.labelsets(beside, measured))[1][-2:] == ["0.0500", "0.3000"]
    assert f"{min(expected.values()):.2g} to {max(expected.values()):.2g} times the Hamming loss" in said
    nothing = findings.by_job([record("ML-KNN", 0, [0.0995, 0, 0, 0])])
    assert "On a it predicts next to nothing, too" in findings.nothing_predicted(nothing, measured)
    assert "On no set" in findings.nothing_predicted(nothing, {"a": {"density": 0.2}})


def test_selection_is_compared_point_by_point_with_the_ties_of_fitting() -> None:
    def point(validation: list[float], test: list[float]) -> GridPoint:
        return GridPoint({}, None, None, metrics(validation), metrics(test))

    grid = [
        point([0.1, 0.5, 0.5, 0.2], [0.30, 0.4, 0.4, 0.5]),
        point([0.1, 0.4, 0.3, 0.1], [0.31, 0.3, 0.2, 0.4]),  # chosen: the lower ranking loss of equal Hamming losses
        point(
            [0.2, 0.6, 0.2, 0.9], [0.20, 0.1, 0.1, 0.6]
        ),  # better by its own coverage and precision, and in hindsight
    ]
    records = {("a", "FLEM-D", 0): record("FLEM-D", 0, [0.31, 0.3, 0.2, 0.4], grid=grid)}
    _, *lines = cells(findings.selection(records))
    assert [line[1:] for line in lines] == [
        ["1", "+0.00000", "0", "0", "0.11000"],
        ["1", "+0.00000", "0", "0", "0.20000"],
        ["1", "+0.10000", "1", "0", "0.10000"],
        ["1", "+0.20000", "1", "0", "0.20000"],
    ]


def test_what_sets_decide_counts_in_the_metrics_direction() -> None:
    def interval(difference: float, p: float) -> Interval:
        return Interval("BCE", difference, -1.0, 1.0, p, 3)

    found = [
        Resampled("a", "FLEM-D", {"hamming": [interval(0.1, 0.01)], "average_precision": [interval(0.1, 0.01)]}),
        Resampled("b", "FLEM-D", {"hamming": [interval(0.1, 0.20)], "average_precision": [interval(-0.1, 0.04)]}),
    ]
    _, line = cells(findings.within(found, "FLEM-D"))
    assert line == ["BCE", "1 / 0 / 1", "0 / 0 / 0", "0 / 0 / 0", "1 / 1 / 0"]  # a loss, then a precision
    said = summary.beside_bce({}, [], found, "FLEM-D")
    assert "shown to be better in 2 of them and worse in 1" in said
    assert "a difference must be 2.5 standard deviations of the paired differences over 3 seeds (1 comparison;" in said


def test_times_are_multiples_of_bces_on_the_same_seed() -> None:
    records = findings.by_job([
        record("BCE", 0, [2.0] * 4), record("FL", 0, [3.0] * 4),
        record("BCE", 1, [4.0] * 4), record("FL", 1, [10.0] * 4),
    ])  # fmt: skip
    assert costs.fitting_times(records) == {"BCE": 1.0, "FL": 2.0}


def test_the_cheap_and_the_dear() -> None:
    times = {"BCE": 1.0, "FL": 1.9, "FLEM-D": 30.0, "LEVI": 20.0}
    ranks = {"Hamming loss": {"BCE": 3.5, "FL": 2.5, "FLEM-D": 1.0, "LEVI": 3.0}}
    (_, line) = cells(costs.cheap_and_dear(times, ranks, 100))
    # Demšar's table 5a: q 2.569 for four methods
    assert line == ["Hamming loss", "FL 2.5", "FLEM-D 1.0", "30", f"yes (1.5 of {2.569 * (20 / 600) ** 0.5:.2f})"]
    assert cells(costs.cheap_and_dear(times, ranks, 2))[1][4] == f"no (1.5 of {2.569 * (20 / 12) ** 0.5:.2f})"


def test_epochs_chosen_alike_and_not() -> None:
    records = findings.by_job([
        record("FL", 0, [0.0, 0.0, 0.0, 0.5], epoch=3), record("CB", 0, [0.0, 0.0, 0.0, 0.6], epoch=3),
        record("FL", 1, [0.0, 0.0, 0.0, 0.5], epoch=3), record("CB", 1, [0.0, 0.0, 0.0, 0.2], epoch=4),
    ])  # fmt: skip
    same, others = findings.by_epoch(records, "CB", "FL")
    assert (same, others) == (pytest.approx([0.1]), pytest.approx([0.3]))


def test_the_finding_names_leaders_and_where_plain_bce_is_behind() -> None:
    claim = Claim("first", "4.3", Count(31, 32), Count(5, 40, Fraction(5), ("FLEM-D",), ("FL",)), "", (0.05, 0.2))
    near, far = Gap("BCE", 2.0, 1.0, 1.5), Gap("BCE", 3.0, 1.6, 1.5)
    leads = [
        Lead(HAMMING, ["a", "b"], "FL", 1.0, [near]), Lead(RANKING, ["a", "b"], "FL", 1.0, [near]),
        Lead(COVERAGE, ["a", "b"], "FLEM-D", 1.4, [Gap("FL", 1.4, 0.0, 1.5), far]),
    ]  # fmt: skip
    answered = Answer("", leads, "", ["Two sets decide little."], "BCE", {})
    said = summary.finding(claim, answered, {"BCE": 1.0, "FL": 1.2, "FLEM-D": 30.4}, "FLEM-D")
    assert "On the 2 data sets whose comparison stands (a and b" in said
    assert "best in **5 of 40** single comparisons" in said
    assert "prints **31 of 32**, and chance alone gives 5." in said
    assert "first are FL by Hamming loss and Ranking loss, FLEM-D and FL by Coverage." in said
    assert "fitted in 1/30 of the time of FLEM-D with its grid and is shown to be behind by Coverage. Two sets" in said


def test_first_places_are_said_with_chance() -> None:
    here = Count(5, 40, Fraction(40, 8), ("FLEM-S", "FLEM-D"), ("FL", "CB", "DB"))
    said = summary.first_places(Claim("first", "4.3", Count(31, 32), here, "", (0.05, 0.2)))
    assert "first in 5 of 40 cells" in said
    assert "5% to 20%" in said
    assert "Of 2 variants and 3 baselines that do not differ, near-copies counted once" in said
    assert "would be first in 12.5%: not shown to exceed chance." in said


@pytest.fixture(scope="module")
def recovered() -> pd.DataFrame:
    """A line a job of the committed recovery records."""
    lines = [
        {"dataset": one.job.dataset, "variant": one.job.variant, "seed": one.job.seed, **one.recovered.measures}
        for _, one in unpacked(RECOVERY / PACKED)
        if one.recovered is not None
    ]
    return pd.DataFrame(lines)


def of_families(values: pd.DataFrame) -> pd.DataFrame:
    """Means over the sets of a family, of a frame by variant and data set."""
    family = ["Yeast" if name.startswith("Yeast_") else name for name in values.index.get_level_values("dataset")]
    return values.groupby([values.index.get_level_values("variant"), family]).mean()


@pytest.mark.usefixtures("reference_probes")
def test_recovery_counts_families_beyond_two_deviations_of_the_best_baseline(recovered: pd.DataFrame) -> None:
    """The line of the page against the committed records by pandas."""
    frame = recovered
    signs = {metric.key: 1 if metric.lower_is_better else -1 for metric in RECOVERY_METRICS}
    lower = frame[list(signs)] * pd.Series(signs)  # lower is better in every measure
    grouped = lower.groupby([frame["variant"], frame["dataset"]])
    means, stds = (of_families(values) for values in (grouped.mean(), grouped.std(ddof=1)))
    floor = means.loc[["uniform", "logical labels", "softmax of the logical labels"]].groupby(level=1).min()
    settings = results_page.read().config
    said = summary.recovered(results_page.recovery_tables(committed_states(Store(RECOVERY), settings), settings))
    for row in ("FCM", "KM", "LP", "ML", "GLLE", "LEVI", "VALEN", "FLEM-S", "FLEM-T", "FLEM-D"):
        better = ((floor - means.loc[row]) > 2 * stds.loc[row]).sum()
        assert f" {row} {better.min()} to {better.max()}" in said
    assert f"On {frame['dataset'].nunique()} sets" in said
    assert f"count as {len(floor)} " in said


def test_levi_recovers_as_with_its_authors_recipe(recovered: pd.DataFrame) -> None:
    """Chebyshev distances that the authors' recipe and softmax give, computed apart from this program."""
    measured = recovered[recovered["variant"] == "LEVI"].groupby("dataset")["chebyshev"].mean()
    for name, expected in {"Yeast_alpha": 0.0121, "Yeast_spo": 0.0545, "SJAFFE": 0.074}.items():
        assert measured[name] == pytest.approx(expected, abs=7e-4), name


def test_the_page_on_statistics_is_what_its_program_writes() -> None:
    written = statistics_page.PAGE.read_text(encoding="utf-8")
    assert written == statistics_page.text(json.loads(statistics_page.NULL.read_text(encoding="utf-8")))
