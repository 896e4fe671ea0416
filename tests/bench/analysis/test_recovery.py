"""Counts against the trivial baselines, with sets of the same rows as one family, and the average rank over them."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev

import pytest
from msgspec.structs import replace

from bench import config
from bench.analysis.recovery import against_trivial_baselines, baseline_counts, sets_and_families
from bench.metrics.catalogue import RECOVERY_METRICS
from bench.plan.keys import stored_form
from bench.plan.states import JobState
from bench.protocol import Protocol
from bench.records.record import JobName, Manifest, RecoveryResult
from bench.tables.comparison import comparison
from bench.tables.table import MetricTable
from tests.records import record

SETS = ["Yeast_spo", "Yeast_cdc", "Yeast_elu", "Movie"]
UNIFORM, LOGICAL, SOFTMAX = "uniform", "logical labels", "softmax of the logical labels"
VALUES = {
    "LP": {"Yeast_spo": [0.1, 0.1], "Yeast_cdc": [0.4, 0.4], "Yeast_elu": [0.4, 0.4], "Movie": [0.1, 0.1]},
    "KM": {"Yeast_spo": [0.5, 0.7], "Yeast_cdc": [0.2, 0.2], "Yeast_elu": [0.2, 0.2], "Movie": [0.3, 0.3]},
    "ML": {"Yeast_spo": [0.6, 0.6], "Yeast_cdc": [0.3, 0.3], "Yeast_elu": [0.3, 0.3], "Movie": [0.5, 0.5]},
    UNIFORM: {name: [0.6, 0.6] for name in SETS},
    LOGICAL: {name: [0.7, 0.7] for name in SETS},
    SOFTMAX: {"Yeast_spo": [0.2, 0.2], "Yeast_cdc": [0.35, 0.35], "Yeast_elu": [0.44, 0.44], "Movie": [0.2, 0.2]},
}
"""{variant: {set: Chebyshev distance by seed}}."""


def table(values: dict[str, dict[str, list[float]]] = VALUES) -> MetricTable:
    states = []
    for variant, of_variant in values.items():
        for dataset, by_seed in of_variant.items():
            for seed, value in enumerate(by_seed):
                job = JobName(dataset, "npz", variant, seed)
                measures = dict.fromkeys((metric.key for metric in RECOVERY_METRICS), value)
                found = RecoveryResult(measures, None, n_samples=9, n_features=2, n_labels=3, logical_labels="given")
                key = {"hyperparameters": {"options": {}}, "protocol": {"minimum_steps": 0}}
                made = replace(record(job, key=key), recovered=found, track="recovery")
                states.append(JobState(job, "done", record=made))
    datasets = [f"{name}@npz" for name in values[UNIFORM]]
    manifest = Manifest(datasets=datasets, variants=list(values), track="recovery")
    settings = config.load(Path("/nonexistent"))
    metric = next(metric for metric in RECOVERY_METRICS if metric.key == "chebyshev")
    return comparison(states, metric, settings, manifest, list(values))


def test_what_a_variant_has_for_itself_stands_among_its_options() -> None:
    shared = Protocol(epochs=2)
    own = replace(shared, learning_rate=0.1, epochs=7)
    network = {"classifier": {"name": "mlp", "options": {"width": 8}, "code": "0"}}
    states = []
    for name, protocol, more in (("FLEM-D", shared, {}), ("fast", own, {}), ("deep", shared, network)):
        job = JobName("Movie", "npz", name, 0)
        key = stored_form(hyperparameters={"options": {"alpha": 0.5}, **more}, protocol=protocol)
        measures = dict.fromkeys((metric.key for metric in RECOVERY_METRICS), 0.5)
        found = RecoveryResult(measures, None, n_samples=9, n_features=2, n_labels=3, logical_labels="given")
        made = replace(record(job, key=key), recovered=found, track="recovery")
        states.append(JobState(job, "done", record=made, protocol=shared))
    names = [state.job.variant for state in states]
    manifest = Manifest(datasets=["Movie@npz"], variants=names, track="recovery")
    notes = comparison(states, RECOVERY_METRICS[0], config.load(Path("/nonexistent")), manifest, names).notes
    assert (
        "Options: FLEM-D: alpha 0.5; fast: alpha 0.5, 7 epochs, learning rate 0.1; "
        "deep: alpha 0.5, classifier mlp (width 8)."
    ) in notes


def naive(variant: str) -> dict[str, int]:
    counts = {"better": 0, "level": 0, "worse": 0}
    for family in (["Yeast_spo", "Yeast_cdc", "Yeast_elu"], ["Movie"]):
        own = mean(mean(VALUES[variant][name]) for name in family)
        best = min(mean(mean(VALUES[base][name]) for name in family) for base in (UNIFORM, LOGICAL, SOFTMAX))
        spread = mean(stdev(VALUES[variant][name]) for name in family)
        counts["level" if abs(best - own) <= 2 * spread else "better" if own < best else "worse"] += 1
    return counts


@pytest.mark.parametrize("variant", ["LP", "KM", "ML"])
def test_a_family_counts_once_by_its_mean_against_the_best_of_three_baselines(variant: str) -> None:
    assert baseline_counts(table(), variant) == naive(variant)


def test_counts_by_hand() -> None:
    """LP's Yeast mean .3 is below softmax's .33, though two of three sets are above it; KM's .333 is level with it."""
    made = table()
    assert baseline_counts(made, "LP") == {"better": 2, "level": 0, "worse": 0}
    assert baseline_counts(made, "KM") == {"better": 0, "level": 1, "worse": 1}
    assert baseline_counts(made, "ML") == {"better": 0, "level": 0, "worse": 2}


def test_softmax_of_the_logical_labels_is_what_ml_does_not_beat() -> None:
    without = {variant: values for variant, values in VALUES.items() if variant != SOFTMAX}
    assert baseline_counts(table(without), "ML") == {"better": 2, "level": 0, "worse": 0}


def test_what_has_no_value_counts_nowhere() -> None:
    """A variant counts by the sets of a family on which it has values, and not where there is no baseline."""
    some = {**VALUES, "LP": {"Yeast_cdc": [0.4, 0.4]}}
    assert baseline_counts(table(some), "LP") == {"better": 0, "level": 0, "worse": 1}
    assert sum(baseline_counts(table(some), "GLLE").values()) == 0
    alone = {"LP": VALUES["LP"], UNIFORM: {"Movie": [0.6, 0.6]}}
    assert baseline_counts(table(alone), "LP") == {"better": 1, "level": 0, "worse": 0}


def test_the_average_rank_is_over_families() -> None:
    """LP is 1, 3, 3 on the Yeast sets and 1 on Movie: (7 / 3 + 1) / 2, not 8 / 4."""
    made = table()
    assert made.averages == {"KM": "1.7", "LP": "1.7", "ML": "2.5"}
    assert "The 3 sets of Yeast count as one in the average rank." in made.notes


def test_the_text_says_what_was_counted() -> None:
    made = table()
    text = against_trivial_baselines([made], "simple")
    assert f"best of the trivial baselines that are here ({UNIFORM}, {LOGICAL}, {SOFTMAX})" in text
    assert sets_and_families(made) in text
    assert sets_and_families(made) == (
        "The 3 sets of Yeast (Yeast_cdc, Yeast_elu, Yeast_spo) count as one, by the mean over them: 2 sets in all."
    )
    alone = {variant: {"Movie": values["Movie"]} for variant, values in VALUES.items()}
    assert sets_and_families(table(alone)) == ""
